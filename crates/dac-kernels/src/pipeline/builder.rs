//! From layers and their weights to a packed pipeline.

use super::{
    Pipeline,
    geometry::Geometry,
    layer::{Kind, Layer},
    pack,
    plan::{self, Place},
};
use crate::{
    ConvParams, ConvTransposeParams, KernelError, PipelineOptions, Precision, ResidualUnit,
    error::check_len,
    isa::{Kernels, Operands, bf16},
};
use std::ops::Range;

/// Collects the layers of a [`Pipeline`] in order.
///
/// Weights are packed as they are handed over, so the caller may free each array after its call. The first
/// error is kept and returned by [`PipelineBuilder::build`]; layers after it are ignored.
#[derive(Debug)]
pub struct PipelineBuilder {
    options: PipelineOptions,
    kernels: &'static Kernels,
    /// With [`Precision::Bf16`], the operands of its products.
    bf16: Option<&'static Operands>,
    layers: Vec<Layer>,
    /// A snake that waits for the convolution it is fused with.
    pending: Option<Vec<f32>>,
    /// Calls so far, and how many of them the layers carry out; a pending snake is not among those yet.
    calls: usize,
    carried_out: usize,
    error: Option<KernelError>,
}

impl PipelineBuilder {
    pub(crate) fn new(options: PipelineOptions) -> Self {
        let kernels = Kernels::for_level(options.level);
        let operands =
            || (options.precision == Precision::Bf16).then(|| bf16::operands(options.level)).transpose();
        let bf16 = options.precision.check(options.level).and_then(|()| operands());
        let (bf16, error) = bf16.map_or_else(|error| (None, Some(error)), |operands| (operands, None));
        let layers = Vec::new();
        Self { options, kernels, bf16, layers, pending: None, calls: 0, carried_out: 0, error }
    }

    fn with(mut self, step: impl FnOnce(&mut Self) -> Result<(), KernelError>) -> Self {
        if self.error.is_none() {
            self.error = step(&mut self).err();
            self.calls += 1;
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
            b.push_conv(name, geometry, at, bias, false);
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
            b.push_conv(name, geometry, at, bias, false);
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
            if kernel.is_multiple_of(2) {
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
            b.push_conv(
                format!("residual {channels} d{}", unit.dilation),
                geometry,
                at,
                unit.conv7_bias,
                true,
            );
            let (alpha, bias) = (unit.alpha2, unit.conv1_bias);
            let operands = b.bf16.unwrap_or(&b.kernels.f32);
            let tail = pack::tail(b.kernels, operands, alpha, unit.conv1_weight, bias, offset);
            if let Some(Kind::Wide(wide)) = b.layers.last_mut().map(|l| &mut l.kind) {
                wide.tail = Some(tail);
            }
            Ok(())
        })
    }

    /// Appends a tanh; one right after another is an error when the pipeline is built.
    #[must_use]
    pub fn tanh(self) -> Self {
        self.with(|b| {
            b.flush();
            match b.layers.last_mut() {
                Some(last) if last.tanh => {
                    let why = "a layer has one at most";
                    return Err(KernelError::Parameter { what: "consecutive tanh layers", found: 2, why });
                }
                Some(last) => {
                    last.tanh = true;
                    last.calls.end = b.calls + 1;
                    b.carried_out = b.calls + 1;
                }
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
        if !self.options.level.is_available() {
            return Err(KernelError::LevelMissing { level: self.options.level });
        }
        if let Some(error) = self.error {
            return Err(error);
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

    /// The calls before call `end` that no layer carries out yet.
    fn carry_out(&mut self, end: usize) -> Range<usize> {
        let calls = self.carried_out..end;
        self.carried_out = end;
        calls
    }

    /// Makes a pending snake a layer of its own.
    fn flush(&mut self) {
        if let Some(alpha) = self.pending.take() {
            let stride = self.wide_rows(alpha.len());
            let calls = self.carry_out(self.calls);
            self.layers.push(pack::pointwise(&alpha, stride, calls));
        }
    }

    /// The row stride before a layer that works on whole registers; rows that are not so are copied first.
    fn wide_rows(&mut self, channels: usize) -> usize {
        let wide = channels.next_multiple_of(self.kernels.columns);
        if let Some(last) = self.layers.last().filter(|l| l.out_stride != wide) {
            let copy = pack::copy(channels, last.out_stride, wide);
            self.layers.push(copy);
        }
        wide
    }

    fn push_conv(
        &mut self,
        name: String,
        geometry: Geometry,
        at: impl pack::Weights,
        bias: &[f32],
        residual: bool,
    ) {
        let (kernels, g): (&'static Kernels, _) = (self.kernels, &geometry);
        // A few channels: gathering their taps is cheaper than padding each row.
        let narrow = !g.in_channels.is_multiple_of(kernels.lanes) && g.in_channels * g.taps <= 64;
        let in_stride = match self.layers.last().map(|l| l.out_stride) {
            Some(stride) if stride.is_multiple_of(kernels.lanes) => stride,
            stride if narrow && self.pending.is_none() && !residual => stride.unwrap_or(g.in_channels),
            _ => self.wide_rows(g.in_channels),
        };
        let rows = self.layers.iter().map(|l| l.geometry.out_group as f64 / l.geometry.in_group as f64);
        let place = Place { in_stride, rate: rows.product() };
        let kind = if pack::has_one_channel_out(g) && in_stride.is_multiple_of(kernels.lanes) && !residual {
            pack::dots(g, in_stride, &at, bias.first().copied().unwrap_or(0.0))
        } else {
            pack::wide(kernels, g, plan::choose(&self.options, kernels, self.bf16, g, place), &at, bias)
        };
        let out_stride = match kind {
            Kind::Dots { .. } => 1,
            _ => g.out_channels.next_multiple_of(kernels.columns),
        };
        let snake = self.pending.take().map(|alpha| pack::snake(&alpha, in_stride));
        let calls = self.carry_out(self.calls + 1);
        self.layers.push(Layer { name, calls, geometry, in_stride, out_stride, snake, kind, tanh: false });
    }
}
