//! From layers and their weights to a packed pipeline.

use super::{
    Pipeline,
    geometry::Geometry,
    layer::{Core, Layer, Tail},
};
use crate::{
    ConvParams, ConvTransposeParams, CpuLevel, KernelError, PipelineOptions, Precision, ResidualUnit,
    error::check_len,
};

/// Collects the layers of a [`Pipeline`] in order.
///
/// Weights are packed as they are handed over, so the caller may free each array after its call. The first
/// error is kept and returned by [`PipelineBuilder::build`]; layers after it are ignored.
#[derive(Debug)]
pub struct PipelineBuilder {
    options: PipelineOptions,
    layers: Vec<Layer>,
    /// A snake that waits for the convolution it is fused with.
    pending: Option<Vec<f32>>,
    error: Option<KernelError>,
}

impl PipelineBuilder {
    pub(crate) fn new(options: PipelineOptions) -> Self {
        Self { options, layers: Vec::new(), pending: None, error: None }
    }

    fn with(mut self, step: impl FnOnce(&mut Self) -> Result<(), KernelError>) -> Self {
        if self.error.is_none() {
            self.error = step(&mut self).err();
        }
        self
    }

    /// Appends a convolution; `weight [out][in][kernel]`, `bias [out]`.
    #[must_use]
    pub fn conv(self, params: ConvParams, weight: &[f32], bias: &[f32]) -> Self {
        self.with(|b| {
            let geometry = Geometry::conv(&params)?;
            check_len("conv weight", params.out_channels * params.in_channels * params.kernel, weight)?;
            check_len("conv bias", params.out_channels, bias)?;
            b.follows("conv", params.in_channels)?;
            let at = |i: usize, o: usize, k: usize| weight[(o * params.in_channels + i) * params.kernel + k];
            let name = format!(
                "conv {}->{} k{} s{} d{}",
                params.in_channels, params.out_channels, params.kernel, params.stride, params.dilation
            );
            b.push_conv(name, geometry, at, bias);
            Ok(())
        })
    }

    /// Appends a transposed convolution; `weight [in][out][kernel]`, `bias [out]`.
    #[must_use]
    pub fn conv_transpose(self, params: ConvTransposeParams, weight: &[f32], bias: &[f32]) -> Self {
        self.with(|b| {
            let geometry = Geometry::conv_transpose(&params)?;
            let length = params.in_channels * params.out_channels * params.kernel;
            check_len("transposed conv weight", length, weight)?;
            check_len("transposed conv bias", params.out_channels, bias)?;
            b.follows("transposed conv", params.in_channels)?;
            let at = |i: usize, o: usize, k: usize| weight[(i * params.out_channels + o) * params.kernel + k];
            let name = format!(
                "transposed {}->{} k{} s{}",
                params.in_channels, params.out_channels, params.kernel, params.stride
            );
            b.push_conv(name, geometry, at, bias);
            Ok(())
        })
    }

    /// Appends a snake, α `[channels]`; it is fused with the convolution that follows, if one does.
    #[must_use]
    pub fn snake(self, alpha: &[f32]) -> Self {
        self.with(|b| {
            b.follows("snake", alpha.len())?;
            b.flush();
            b.pending = Some(alpha.to_vec());
            Ok(())
        })
    }

    /// Appends a residual unit.
    #[must_use]
    pub fn residual_unit(self, unit: ResidualUnit<'_>) -> Self {
        self.with(|b| {
            let channels = unit.alpha1.len();
            b.follows("residual unit", channels)?;
            let square = channels * channels;
            let kernel = unit.conv7_weight.len() / square;
            check_len("residual unit conv7 weight", square * kernel.max(1), unit.conv7_weight)?;
            check_len("residual unit conv7 bias", channels, unit.conv7_bias)?;
            check_len("residual unit alpha2", channels, unit.alpha2)?;
            check_len("residual unit conv1 weight", square, unit.conv1_weight)?;
            check_len("residual unit conv1 bias", channels, unit.conv1_bias)?;
            let p = ConvParams {
                in_channels: channels,
                out_channels: channels,
                kernel,
                stride: 1,
                dilation: unit.dilation,
                padding: unit.padding,
            };
            let geometry = Geometry::conv(&p)?;
            if kernel % 2 == 0 {
                let why = "the kernel of a residual unit is odd";
                return Err(KernelError::Parameter { what: "kernel", found: kernel, why });
            }
            let offset = unit.dilation * (kernel - 1) / 2;
            if unit.padding > offset {
                let why = "a residual unit does not lengthen its signal";
                return Err(KernelError::Parameter { what: "padding", found: unit.padding, why });
            }
            b.flush();
            b.pending = Some(unit.alpha1.to_vec());
            let at = |i: usize, o: usize, k: usize| unit.conv7_weight[(o * channels + i) * kernel + k];
            b.push_conv(format!("residual {channels} d{}", unit.dilation), geometry, at, unit.conv7_bias);
            let mut weight = vec![0.0; square];
            for (o, row) in unit.conv1_weight.chunks_exact(channels).enumerate() {
                row.iter().enumerate().for_each(|(i, &w)| weight[i * channels + o] = w);
            }
            if let Some(layer) = b.layers.last_mut() {
                let (alpha, bias) = (unit.alpha2.to_vec(), unit.conv1_bias.to_vec());
                layer.tail = Some(Tail { alpha, weight, bias, offset });
            }
            Ok(())
        })
    }

    /// Appends a tanh.
    #[must_use]
    pub fn tanh(self) -> Self {
        self.with(|b| {
            b.flush();
            match b.layers.last_mut() {
                Some(last) => last.tanh = true,
                None => return Err(KernelError::Empty),
            }
            Ok(())
        })
    }

    /// The packed pipeline.
    ///
    /// # Errors
    /// The first error of any layer; [`KernelError::Empty`] without layers; what the options cannot have.
    pub fn build(mut self) -> Result<Pipeline, KernelError> {
        if let Some(error) = self.error {
            return Err(error);
        }
        if !self.options.level.is_available() {
            return Err(KernelError::LevelMissing { level: self.options.level });
        }
        if self.options.precision == Precision::Bf16 && self.options.level != CpuLevel::Avx512 {
            return Err(KernelError::PrecisionMissing { precision: "bf16", why: "it needs avx512_bf16" });
        }
        self.flush();
        if self.layers.is_empty() {
            return Err(KernelError::Empty);
        }
        Pipeline::new(self.options, self.layers)
    }

    fn channels(&self) -> Option<usize> {
        self.layers.last().map(|l| l.geometry.out_channels).or(self.pending.as_ref().map(Vec::len))
    }

    fn follows(&self, what: &'static str, found: usize) -> Result<(), KernelError> {
        match self.channels() {
            Some(expected) if expected != found => Err(KernelError::Channels { what, expected, found }),
            _ if found == 0 => {
                Err(KernelError::Parameter { what: "channels", found, why: "it must be at least 1" })
            }
            _ => Ok(()),
        }
    }

    /// Makes a pending snake a layer of its own.
    fn flush(&mut self) {
        if let Some(alpha) = self.pending.take() {
            self.layers.push(Layer {
                name: format!("snake {}", alpha.len()),
                geometry: Geometry::pointwise(alpha.len()),
                snake: Some(alpha),
                conv: None,
                tail: None,
                tanh: false,
            });
        }
    }

    fn push_conv(
        &mut self,
        name: String,
        geometry: Geometry,
        at: impl Fn(usize, usize, usize) -> f32,
        bias: &[f32],
    ) {
        let g = &geometry;
        let mut weight =
            Vec::with_capacity(g.taps * g.in_group * g.in_channels * g.out_group * g.out_channels);
        for tap in 0..g.taps {
            for row_in in 0..g.in_group {
                for i in 0..g.in_channels {
                    for row_out in 0..g.out_group {
                        let k = g.kernel_tap(tap, row_in, row_out);
                        weight.extend((0..g.out_channels).map(|o| k.map_or(0.0, |k| at(i, o, k))));
                    }
                }
            }
        }
        let bias = (0..g.out_group).flat_map(|_| bias.iter().copied()).collect();
        let conv = Some(Core { weight, bias });
        let snake = self.pending.take();
        self.layers.push(Layer { name, geometry, snake, conv, tail: None, tanh: false });
    }
}
