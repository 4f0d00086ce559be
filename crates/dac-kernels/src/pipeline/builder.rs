//! The builder of a pipeline: checks layers, fuses them, and packs their weights.

use super::{
    Pipeline,
    geometry::Geometry,
    layer::{Layer, Operation},
    pack, plan,
};
use crate::{
    ConvParams, ConvTransposeParams, KernelError, PipelineOptions, Precision, ResidualUnit,
    error::{check_len, invalid},
    isa::{Kernels, OperandKernels, bf16},
    packed::{PackedSections, SectionSource},
};
use std::ops::Range;

/// Collects the layers of a [`Pipeline`] in order.
///
/// Each call packs the weights it is given, so the caller may free them afterwards. The first error is kept
/// and returned by [`PipelineBuilder::build`]; later layers are ignored.
#[derive(Debug)]
pub struct PipelineBuilder {
    options: PipelineOptions,
    kernels: &'static Kernels,
    /// The kernels for `bf16` operands, with [`Precision::Bf16`].
    bf16: Option<&'static OperandKernels>,
    layers: Vec<Layer>,
    sections: SectionSource,
    /// α of a snake that is fused with the convolution that follows it.
    pending_snake: Option<Vec<f32>>,
    /// Number of layer calls.
    calls: usize,
    /// Number of calls that the layers implement so far, without a pending snake.
    implemented_calls: usize,
    error: Option<KernelError>,
}

/// A convolution to be packed, without its weight.
struct NewConv<'a> {
    name: String,
    geometry: Geometry,
    bias: &'a [f32],
    /// The residual unit whose first convolution this is.
    residual: Option<&'a ResidualUnit<'a>>,
}

impl PipelineBuilder {
    pub(crate) fn new(options: PipelineOptions) -> Self {
        let kernels = Kernels::for_isa(options.isa);
        let error = options.precision.check(options.isa).err();
        let uses_bf16 = options.precision == Precision::Bf16;
        let bf16 = bf16::operand_kernels(options.isa).ok().filter(|_| uses_bf16);
        Self {
            options,
            kernels,
            bf16,
            layers: Vec::new(),
            sections: SectionSource::default(),
            pending_snake: None,
            calls: 0,
            implemented_calls: 0,
            error,
        }
    }

    /// Takes the packed weights from `sections`, the [`Pipeline::packed`] of a pipeline with the same options
    /// (except threads and timings) and layers. The weights given for the layers must have the right lengths;
    /// their values are not read.
    ///
    /// Call it before the first layer. [`PipelineBuilder::build`] returns [`KernelError::Prepared`] if the
    /// lengths of the sections differ from those of the layers.
    #[must_use]
    pub fn prepared(self, sections: PackedSections) -> Self {
        Self { sections: SectionSource::prepared(sections), ..self }
    }

    /// Performs a layer call, unless an earlier one failed.
    fn call(mut self, add: impl FnOnce(&mut Self) -> Result<(), KernelError>) -> Self {
        if self.error.is_none() {
            self.error = add(&mut self).err();
            self.calls += 1;
        }
        self
    }

    /// Appends a convolution; `weight [out][in][kernel]`, `bias [out]`.
    #[must_use]
    pub fn conv(self, params: ConvParams, weight: &[f32], bias: &[f32]) -> Self {
        self.call(|b| {
            let ConvParams { in_channels, out_channels, kernel, stride, dilation, .. } = params;
            let geometry = Geometry::conv(&params)?;
            check_len("conv weight", out_channels * in_channels * kernel, weight)?;
            check_len("conv bias", out_channels, bias)?;
            b.check_channels("conv", in_channels)?;
            let name = format!("conv {in_channels}->{out_channels} k{kernel} s{stride} d{dilation}");
            let at = |i: usize, o: usize, k: usize| weight[(o * in_channels + i) * kernel + k];
            b.push_conv(NewConv { name, geometry, bias, residual: None }, at);
            Ok(())
        })
    }

    /// Appends a transposed convolution; `weight [in][out][kernel]`, `bias [out]`.
    #[must_use]
    pub fn conv_transpose(self, params: ConvTransposeParams, weight: &[f32], bias: &[f32]) -> Self {
        self.call(|b| {
            let ConvTransposeParams { in_channels, out_channels, kernel, stride, .. } = params;
            let geometry = Geometry::conv_transpose(&params)?;
            check_len("transposed conv weight", in_channels * out_channels * kernel, weight)?;
            check_len("transposed conv bias", out_channels, bias)?;
            b.check_channels("transposed conv", in_channels)?;
            let name = format!("transposed {in_channels}->{out_channels} k{kernel} s{stride}");
            let at = |i: usize, o: usize, k: usize| weight[(i * out_channels + o) * kernel + k];
            b.push_conv(NewConv { name, geometry, bias, residual: None }, at);
            Ok(())
        })
    }

    /// Appends a snake, α `[channels]`; it is fused with a convolution that follows it.
    #[must_use]
    pub fn snake(self, alpha: &[f32]) -> Self {
        self.call(|b| {
            b.check_channels("snake", alpha.len())?;
            b.push_pending_snake();
            b.pending_snake = Some(alpha.to_vec());
            Ok(())
        })
    }

    /// Appends a residual unit.
    #[must_use]
    pub fn residual_unit(self, unit: ResidualUnit<'_>) -> Self {
        self.call(|b| {
            let channels = unit.alpha1.len();
            b.check_channels("residual unit", channels)?;
            let geometry = residual_geometry(&unit)?;
            b.push_pending_snake();
            b.pending_snake = Some(unit.alpha1.to_vec());
            let name = format!("residual {channels} d{}", unit.dilation);
            let kernel = unit.kernel();
            let at = |i: usize, o: usize, k: usize| unit.conv7_weight[(o * channels + i) * kernel + k];
            b.push_conv(NewConv { name, geometry, bias: unit.conv7_bias, residual: Some(&unit) }, at);
            Ok(())
        })
    }

    /// Appends a tanh. Two in a row are an error, which [`PipelineBuilder::build`] returns.
    #[must_use]
    pub fn tanh(self) -> Self {
        self.call(|b| {
            b.push_pending_snake();
            match b.layers.last_mut() {
                Some(last) if last.tanh => {
                    return invalid("consecutive tanh layers", 2, "a tanh cannot follow a tanh");
                }
                Some(last) => {
                    last.tanh = true;
                    last.calls.end = b.calls + 1;
                    b.implemented_calls = b.calls + 1;
                }
                None => return Err(KernelError::Empty),
            }
            Ok(())
        })
    }

    /// Builds the pipeline.
    ///
    /// # Errors
    /// The first error of a layer, [`KernelError::Empty`] without layers, and errors of the options: an
    /// instruction set or a precision that is not available, or threads that cannot be started.
    pub fn build(mut self) -> Result<Pipeline, KernelError> {
        self.options.isa.if_available()?;
        if let Some(error) = self.error {
            return Err(error);
        }
        self.push_pending_snake();
        if self.layers.is_empty() {
            return Err(KernelError::Empty);
        }
        Pipeline::new(self.options, self.layers, self.sections.finish()?)
    }

    /// Checks that a layer with `found` channels can follow the layers so far.
    fn check_channels(&self, what: &'static str, found: usize) -> Result<(), KernelError> {
        let pending = self.pending_snake.as_ref().map(Vec::len);
        match self.layers.last().map(|l| l.geometry.out_channels).or(pending) {
            Some(expected) if expected != found => Err(KernelError::Channels { what, expected, found }),
            _ if found == 0 => invalid("channels", found, "it must be at least 1"),
            _ => Ok(()),
        }
    }

    /// Returns the calls before call `end` that no layer implements yet, and marks them as implemented.
    fn take_calls(&mut self, end: usize) -> Range<usize> {
        let calls = self.implemented_calls..end;
        self.implemented_calls = end;
        calls
    }

    /// Makes a pending snake a separate layer.
    fn push_pending_snake(&mut self) {
        if let Some(alpha) = self.pending_snake.take() {
            let stride = self.pad_rows(alpha.len());
            let calls = self.take_calls(self.calls);
            self.layers.push(pack::snake_layer(&mut self.sections, &alpha, stride, calls));
        }
    }

    /// Returns the row stride for a layer that works on whole registers, and appends a layer that copies the
    /// rows if they have another stride.
    fn pad_rows(&mut self, channels: usize) -> usize {
        let padded = channels.next_multiple_of(self.kernels.nr);
        if let Some(last) = self.layers.last().filter(|l| l.out_stride != padded) {
            let copy = pack::copy_layer(channels, last.out_stride, padded);
            self.layers.push(copy);
        }
        padded
    }

    /// Returns the row stride of a convolution's input, after padding the rows if needed.
    fn conv_in_stride(&mut self, conv: &NewConv<'_>) -> usize {
        let (lanes, g) = (self.kernels.lanes, &conv.geometry);
        // For a few channels, gathering the taps is faster than padding each row.
        let gather = !g.in_channels.is_multiple_of(lanes) && g.in_channels * g.taps <= 64;
        match self.layers.last().map(|l| l.out_stride) {
            Some(stride) if stride.is_multiple_of(lanes) => stride,
            stride if gather && self.pending_snake.is_none() && conv.residual.is_none() => {
                stride.unwrap_or(g.in_channels)
            }
            _ => self.pad_rows(g.in_channels),
        }
    }

    fn push_conv(&mut self, conv: NewConv<'_>, weight: impl pack::Weights) {
        let in_stride = self.conv_in_stride(&conv);
        let NewConv { name, geometry, bias, residual } = conv;
        let (kernels, g): (&'static Kernels, _) = (self.kernels, &geometry);
        let rates = self.layers.iter().map(|l| l.geometry.out_group as f64 / l.geometry.in_group as f64);
        let single = pack::has_single_output(g) && in_stride.is_multiple_of(kernels.lanes);
        let (operation, out_stride) = if single && residual.is_none() {
            (pack::single_output(&mut self.sections, g, in_stride, &weight, bias), 1)
        } else {
            let plan = plan::choose(&self.options, kernels, self.bf16, g, in_stride, rates.product());
            let sections = &mut self.sections;
            let mut conv = pack::gemm_conv(sections, kernels, (g, in_stride), plan, &weight, bias);
            let operands = self.bf16.unwrap_or(&kernels.f32);
            conv.fused = residual.map(|unit| pack::fused_pointwise(sections, kernels, operands, unit));
            (Operation::Gemm(Box::new(conv)), g.out_channels.next_multiple_of(kernels.nr))
        };
        let pending = self.pending_snake.take();
        let snake = pending.map(|alpha| pack::snake(&mut self.sections, &alpha, in_stride));
        let calls = self.take_calls(self.calls + 1);
        let tanh = false;
        self.layers.push(Layer { name, calls, geometry, in_stride, out_stride, snake, operation, tanh });
    }
}

/// Checks a residual unit and returns the geometry of its first convolution.
fn residual_geometry(unit: &ResidualUnit<'_>) -> Result<Geometry, KernelError> {
    let (channels, kernel) = (unit.alpha1.len(), unit.kernel());
    let square = channels * channels;
    check_len("residual unit conv7 weight", square * kernel.max(1), unit.conv7_weight)?;
    check_len("residual unit conv7 bias", channels, unit.conv7_bias)?;
    check_len("residual unit alpha2", channels, unit.alpha2)?;
    check_len("residual unit conv1 weight", square, unit.conv1_weight)?;
    check_len("residual unit conv1 bias", channels, unit.conv1_bias)?;
    let geometry = Geometry::conv(&ConvParams {
        in_channels: channels,
        out_channels: channels,
        kernel,
        stride: 1,
        dilation: unit.dilation,
        padding: unit.padding,
    })?;
    if kernel.is_multiple_of(2) {
        return invalid("kernel", kernel, "the kernel of a residual unit must be odd");
    }
    if unit.padding > unit.max_padding() {
        return invalid("padding", unit.padding, "a residual unit cannot lengthen its signal");
    }
    Ok(geometry)
}
