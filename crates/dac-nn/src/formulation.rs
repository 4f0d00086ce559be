//! Ways to compute a convolution on burn tensors, and the choice among them.

use std::collections::HashMap;

use dac_kernels::{ConvParams, ConvTransposeParams, WinogradMatrices};

use crate::device::Device;
use crate::layer::{Layer, ResidualUnit};

/// A convolution of stride 1, to which every convolution of the codec comes down.
///
/// A convolution with a stride reads groups of `stride` positions as one position with `stride` times the
/// channels; a transposed convolution writes such groups.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ConvolutionShape {
    /// Channels of a group that is read.
    pub in_channels: usize,
    /// Channels of a group that is written.
    pub out_channels: usize,
    /// Number of taps.
    pub taps: usize,
    /// Distance between two taps, in groups.
    pub dilation: usize,
}

impl ConvolutionShape {
    /// Returns the shape of a convolution. With a stride, zeros between the taps stand for a dilation.
    pub fn of_conv(conv: &ConvParams) -> Self {
        let ConvParams { in_channels, out_channels, kernel, stride, dilation, .. } = *conv;
        let (taps, dilation) = match stride {
            1 => (kernel, dilation),
            _ => (((kernel - 1) * dilation + 1).div_ceil(stride), 1),
        };
        Self { in_channels: stride * in_channels, out_channels, taps, dilation }
    }

    /// Returns the shape of a transposed convolution.
    pub fn of_conv_transpose(conv: &ConvTransposeParams) -> Self {
        let ConvTransposeParams { in_channels, out_channels, kernel, stride, .. } = *conv;
        Self { in_channels, out_channels: stride * out_channels, taps: kernel.div_ceil(stride), dilation: 1 }
    }

    /// Lists the shapes of a layer's convolutions.
    pub fn of_layer(layer: &Layer) -> Vec<Self> {
        match layer {
            Layer::Conv(conv) => vec![Self::of_conv(&conv.params)],
            Layer::ConvTranspose(conv) => vec![Self::of_conv_transpose(&conv.params)],
            Layer::ResidualUnit(ResidualUnit { conv1, conv2, .. }) => {
                vec![Self::of_conv(&conv1.params), Self::of_conv(&conv2.params)]
            }
            Layer::Snake(_) | Layer::Tanh { .. } => Vec::new(),
        }
    }

    /// Returns the positions by which the output is shorter than the input.
    pub fn reach(&self) -> usize {
        (self.taps - 1) * self.dilation
    }
}

/// A way to compute a convolution on burn tensors.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Formulation {
    /// burn's own convolution.
    Conv,
    /// A matrix product for each tap with the shifted input, and their sum.
    Shifted,
    /// One matrix product with the inputs of all taps side by side (im2col).
    Unfolded,
    /// Winograd's F(m, taps) with m = 2: one matrix product for each of m + taps − 1 points computes m
    /// outputs, which take m · taps products otherwise.
    Winograd2,
    /// The same with m = 4, or 3 for an even number of taps.
    Winograd4,
    /// The same with m = 6, or 5 for an even number of taps.
    Winograd6,
}

impl Formulation {
    /// All formulations.
    pub const ALL: [Self; 6] =
        [Self::Conv, Self::Shifted, Self::Unfolded, Self::Winograd2, Self::Winograd4, Self::Winograd6];

    /// Returns the name on the command line.
    pub fn name(self) -> &'static str {
        match self {
            Self::Conv => "conv",
            Self::Shifted => "shifted",
            Self::Unfolded => "unfolded",
            Self::Winograd2 => "winograd-2",
            Self::Winograd4 => "winograd-4",
            Self::Winograd6 => "winograd-6",
        }
    }

    /// Lists the formulations that differ for a shape.
    pub fn candidates(shape: &ConvolutionShape) -> Vec<Self> {
        Self::ALL.into_iter().filter(|formulation| formulation.for_shape(shape) == *formulation).collect()
    }

    /// Returns the formulation that takes the place of this one for a shape that it does not suit.
    ///
    /// With one tap, all but burn's own are one product. F(2, 2) has an odd number of points, which the
    /// matrices do not have.
    pub fn for_shape(self, shape: &ConvolutionShape) -> Self {
        match self {
            Self::Conv => Self::Conv,
            _ if shape.taps == 1 => Self::Shifted,
            Self::Winograd2 | Self::Winograd4 | Self::Winograd6 if self.tile(shape.taps).is_none() => {
                Self::Shifted
            }
            other => other,
        }
    }

    /// Returns the outputs m and the points of a tile of F(m, taps); `None` for other formulations and for
    /// numbers of taps without matrices.
    pub fn tile(self, taps: usize) -> Option<(usize, usize)> {
        let even = match self {
            Self::Winograd2 => 2,
            Self::Winograd4 => 4,
            Self::Winograd6 => 6,
            Self::Conv | Self::Shifted | Self::Unfolded => return None,
        };
        // m + taps − 1 must be even.
        let outputs = if taps.is_multiple_of(2) { even - 1 } else { even };
        Some((outputs, WinogradMatrices::points_of(outputs, taps)?))
    }

    /// Returns the number of `[in, out]` matrices that a weight with `taps` taps becomes.
    pub fn weight_matrices(self, taps: usize) -> usize {
        self.tile(taps).map_or(taps, |(_, points)| points)
    }

    /// Estimates the values that exist at once in addition to the input of `len` positions.
    pub fn temporary_values(self, shape: &ConvolutionShape, len: u64) -> u64 {
        let (inputs, outputs) = (shape.in_channels as u64, shape.out_channels as u64);
        let taps = shape.taps as u64;
        if let Some((m, points)) = self.tile(shape.taps) {
            let tiles = len / m as u64 + shape.dilation as u64;
            // The input in tiles and transformed, or that and the products, or these and the output.
            return tiles * points as u64 * (2 * inputs).max(inputs + outputs).max(2 * outputs);
        }
        match self {
            Self::Unfolded if taps > 1 => len * (taps * inputs + outputs),
            Self::Conv => len * outputs,
            // The sum so far and the next product.
            _ => len * outputs * taps.min(2),
        }
    }
}

dac_kernels::impl_names!(Formulation, "formulation");

/// The formulation of every convolution of a network on one device.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Formulations {
    measured: HashMap<ConvolutionShape, Formulation>,
    /// Convolutions of at least [`WIDE_CHANNELS`] and [`MANY_TAPS`] that are not measured.
    wide: Option<Formulation>,
    otherwise: Formulation,
}

const WIDE_CHANNELS: usize = 128;
const MANY_TAPS: usize = 7;

impl Formulations {
    /// Uses one formulation wherever it suits.
    pub fn all(formulation: Formulation) -> Self {
        Self { measured: HashMap::new(), wide: None, otherwise: formulation }
    }

    /// Returns the choice without measurements: shifted products, because matrix products are what libraries
    /// are tuned for, and these need the least memory of all formulations but burn's own.
    ///
    /// On the CPU, wide convolutions with many taps are Winograd's with the largest tiles. There the time of
    /// the products, which Winograd's algorithm saves, exceeds that of the transforms from about 128
    /// channels.
    pub fn unmeasured(device: Device) -> Self {
        let wide = matches!(device, Device::Flex | Device::NdArray).then_some(Formulation::Winograd6);
        Self { wide, ..Self::all(Formulation::Shifted) }
    }

    /// Replaces Winograd's formulations, which round more than direct sums.
    pub fn direct(mut self) -> Self {
        let direct = |formulation: &mut Formulation| match formulation {
            Formulation::Winograd2 | Formulation::Winograd4 | Formulation::Winograd6 => {
                *formulation = Formulation::Shifted;
            }
            Formulation::Conv | Formulation::Shifted | Formulation::Unfolded => {}
        };
        self.measured.values_mut().chain(&mut self.wide).chain([&mut self.otherwise]).for_each(direct);
        self
    }

    /// Chooses a formulation for a shape.
    pub fn set(&mut self, shape: ConvolutionShape, formulation: Formulation) {
        self.measured.insert(shape, formulation);
    }

    /// Returns the formulation for a shape.
    pub fn of(&self, shape: &ConvolutionShape) -> Formulation {
        let is_wide = shape.taps >= MANY_TAPS && shape.in_channels.min(shape.out_channels) >= WIDE_CHANNELS;
        let unmeasured = self.wide.filter(|_| is_wide).unwrap_or(self.otherwise);
        self.measured.get(shape).copied().unwrap_or(unmeasured).for_shape(shape)
    }
}
