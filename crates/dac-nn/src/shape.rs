//! The dimensions of a network and the layer list derived from them.

use dac_kernels::{ConvParams, ConvTransposeParams};
use thiserror::Error;

use crate::layer::{Conv, ConvTranspose, Layer, Parameter, ResidualUnit, Snake};

/// Upper bounds, far above any published model; they stop a hostile file from requesting terabytes of memory.
const MAX_CHANNELS: usize = 1 << 14;
const MAX_STAGES: usize = 8;
const MAX_RATE: usize = 64;
const MAX_CODEBOOKS: usize = 256;
const MAX_CODEBOOK_SIZE: usize = 1 << 16;
const MAX_CODEBOOK_DIM: usize = 1024;

/// An invalid network shape.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[non_exhaustive]
#[error("invalid network shape: {what} is {found}, expected {expected}")]
pub struct ShapeError {
    /// Name of the dimension.
    pub what: &'static str,
    /// Value found.
    pub found: String,
    /// Valid values.
    pub expected: String,
}

/// The constructor arguments of the reference's `DAC` class; they determine layers, lengths and bitrates.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NetworkShape {
    /// Sample rate of the model's audio, in Hz.
    pub sample_rate_hz: u32,
    /// Channels after the encoder's first convolution; each block doubles them.
    pub encoder_dim: usize,
    /// Strides of the encoder's blocks, first to last.
    pub encoder_rates: Vec<usize>,
    /// Channels of a latent frame.
    pub latent_dim: usize,
    /// Channels after the decoder's first convolution; each block halves them.
    pub decoder_dim: usize,
    /// Strides of the decoder's blocks, first to last.
    pub decoder_rates: Vec<usize>,
    /// Number of codebooks.
    pub codebooks: usize,
    /// Entries per codebook.
    pub codebook_size: usize,
    /// Values per codebook entry.
    pub codebook_dim: usize,
}

impl NetworkShape {
    /// Checks that the dimensions describe a valid network.
    ///
    /// # Errors
    /// Reports the first dimension that is out of bounds.
    pub fn check(&self) -> Result<(), ShapeError> {
        let invalid = |what, found, expected| Err(ShapeError { what, found, expected });
        let within = |what, found: usize, low: usize, high: usize| {
            let valid = (low..=high).contains(&found);
            if valid { Ok(()) } else { invalid(what, found.to_string(), format!("{low} to {high}")) }
        };
        within("sample_rate", self.sample_rate_hz as usize, 1000, 768_000)?;
        within("encoder_dim", self.encoder_dim, 1, MAX_CHANNELS)?;
        within("latent_dim", self.latent_dim, 1, MAX_CHANNELS)?;
        within("decoder_dim", self.decoder_dim, 1, MAX_CHANNELS)?;
        within("n_codebooks", self.codebooks, 1, MAX_CODEBOOKS)?;
        within("codebook_size", self.codebook_size, 2, MAX_CODEBOOK_SIZE)?;
        within("codebook_dim", self.codebook_dim, 1, MAX_CODEBOOK_DIM)?;
        for (what, rates) in [("encoder_rates", &self.encoder_rates), ("decoder_rates", &self.decoder_rates)]
        {
            within(what, rates.len(), 1, MAX_STAGES)?;
            for &rate in rates {
                within(what, rate, 1, MAX_RATE)?;
            }
        }
        within("encoder channels", self.encoder_dim << self.encoder_rates.len(), 1, MAX_CHANNELS)?;
        let stages = self.decoder_rates.len();
        if !self.decoder_dim.is_multiple_of(1 << stages) {
            let expected = format!("a multiple of {}", 1 << stages);
            return invalid("decoder_dim", self.decoder_dim.to_string(), expected);
        }
        if self.encoder_rates.iter().product::<usize>() != self.decoder_rates.iter().product::<usize>() {
            let expected = format!("the same product as {:?}", self.encoder_rates);
            return invalid("decoder_rates", format!("{:?}", self.decoder_rates), expected);
        }
        Ok(())
    }

    /// Returns the samples per frame.
    pub fn hop_samples(&self) -> usize {
        self.encoder_rates.iter().product()
    }

    /// Returns the nominal bitrate of one channel in kbit/s, rounded to two decimals: bits per code ×
    /// codebooks × frames per second.
    pub fn bitrate_kbps(&self, codebooks: usize) -> f64 {
        let bits = f64::from(self.bits_per_code());
        let bits_per_second = bits * codebooks as f64 * self.frame_rate_hz();
        (bits_per_second / 1000.0 * 100.0).round() / 100.0
    }

    /// Returns the bits needed for one code.
    pub fn bits_per_code(&self) -> u32 {
        usize::BITS - (self.codebook_size - 1).leading_zeros()
    }

    /// Returns the frames per second.
    pub fn frame_rate_hz(&self) -> f64 {
        f64::from(self.sample_rate_hz) / self.hop_samples() as f64
    }

    /// Lists the encoder's layers, from `[batch, 1, samples]` to `[batch, latent, frames]` (reference:
    /// `Encoder`).
    pub fn encoder(&self) -> Vec<Layer> {
        let mut channels = self.encoder_dim;
        let mut layers = vec![Layer::Conv(same_conv("encoder.block.0", 1, channels, 7, 1))];
        for (i, &stride) in self.encoder_rates.iter().enumerate() {
            let block = format!("encoder.block.{}.block", i + 1);
            for (j, dilation) in [1, 3, 9].into_iter().enumerate() {
                layers.push(residual_unit(&format!("{block}.{j}"), channels, dilation));
            }
            layers.push(snake(&format!("{block}.3"), channels));
            let params = ConvParams {
                in_channels: channels,
                out_channels: 2 * channels,
                kernel: 2 * stride,
                stride,
                dilation: 1,
                padding: stride.div_ceil(2),
            };
            layers.push(Layer::Conv(Conv { name: format!("{block}.4"), params }));
            channels *= 2;
        }
        let last = self.encoder_rates.len() + 1;
        layers.push(snake(&format!("encoder.block.{last}"), channels));
        let name = format!("encoder.block.{}", last + 1);
        layers.push(Layer::Conv(same_conv(&name, channels, self.latent_dim, 3, 1)));
        layers
    }

    /// Lists the decoder's layers, from `[batch, latent, frames]` to `[batch, 1, samples]` (reference:
    /// `Decoder`).
    pub fn decoder(&self) -> Vec<Layer> {
        let mut channels = self.decoder_dim;
        let mut layers = vec![Layer::Conv(same_conv("decoder.model.0", self.latent_dim, channels, 7, 1))];
        for (i, &stride) in self.decoder_rates.iter().enumerate() {
            let block = format!("decoder.model.{}.block", i + 1);
            layers.push(snake(&format!("{block}.0"), channels));
            let params = ConvTransposeParams {
                in_channels: channels,
                out_channels: channels / 2,
                kernel: 2 * stride,
                stride,
                padding: stride.div_ceil(2),
            };
            layers.push(Layer::ConvTranspose(ConvTranspose { name: format!("{block}.1"), params }));
            channels /= 2;
            for (j, dilation) in [1, 3, 9].into_iter().enumerate() {
                layers.push(residual_unit(&format!("{block}.{}", j + 2), channels, dilation));
            }
        }
        let last = self.decoder_rates.len() + 1;
        layers.push(snake(&format!("decoder.model.{last}"), channels));
        layers.push(Layer::Conv(same_conv(&format!("decoder.model.{}", last + 1), channels, 1, 7, 1)));
        layers.push(Layer::Tanh { name: format!("decoder.model.{}", last + 2) });
        layers
    }

    /// Lists the parameters of codebook `k`: weight and bias of both projections, then the entries.
    pub fn codebook_parameters(&self, k: usize) -> [Parameter; 5] {
        let (latent, dim, size) = (self.latent_dim, self.codebook_dim, self.codebook_size);
        let name = format!("quantizer.quantizers.{k}");
        [
            (format!("{name}.in_proj.weight"), vec![dim, latent, 1]),
            (format!("{name}.in_proj.bias"), vec![dim]),
            (format!("{name}.out_proj.weight"), vec![latent, dim, 1]),
            (format!("{name}.out_proj.bias"), vec![latent]),
            (format!("{name}.codebook.weight"), vec![size, dim]),
        ]
    }

    /// Lists canonical names and shapes of all parameters, weight norm folded: encoder, quantizer, decoder.
    pub fn parameters(&self) -> Vec<Parameter> {
        let mut all: Vec<_> = self.encoder().iter().flat_map(Layer::parameters).collect();
        all.extend((0..self.codebooks).flat_map(|k| self.codebook_parameters(k)));
        all.extend(self.decoder().iter().flat_map(Layer::parameters));
        all
    }
}

/// A convolution of stride 1 that keeps the length.
fn same_conv(name: &str, in_channels: usize, out_channels: usize, kernel: usize, dilation: usize) -> Conv {
    let padding = dilation * (kernel - 1) / 2;
    let params = ConvParams { in_channels, out_channels, kernel, stride: 1, dilation, padding };
    Conv { name: name.to_owned(), params }
}

fn snake(name: &str, channels: usize) -> Layer {
    Layer::Snake(Snake { name: name.to_owned(), channels })
}

fn residual_unit(name: &str, channels: usize, dilation: usize) -> Layer {
    let child = |j: usize| format!("{name}.block.{j}");
    Layer::ResidualUnit(ResidualUnit {
        name: name.to_owned(),
        snake1: Snake { name: child(0), channels },
        conv1: same_conv(&child(1), channels, channels, 7, dilation),
        snake2: Snake { name: child(2), channels },
        conv2: same_conv(&child(3), channels, channels, 1, 1),
    })
}
