//! Layer descriptions: kinds, dimensions, parameter names, lengths.

use dac_kernels::{ConvParams, ConvTransposeParams};

/// A 1-D convolution with symmetric zero padding; weight `[out, in, kernel]`, bias `[out]`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Conv {
    /// Canonical name: the module name in the reference.
    pub name: String,
    /// Dimensions.
    pub params: ConvParams,
}

/// A transposed 1-D convolution without output padding; weight `[in, out, kernel]`, bias `[out]`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConvTranspose {
    /// Canonical name.
    pub name: String,
    /// Dimensions.
    pub params: ConvTransposeParams,
}

/// The snake activation `x + sin²(αx) / (α + 1e-9)` (Ziyin et al. 2020), with α `[1, channels, 1]`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Snake {
    /// Canonical name.
    pub name: String,
    /// Number of channels.
    pub channels: usize,
}

/// `x + conv2(snake2(conv1(snake1(x))))`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ResidualUnit {
    /// Canonical name.
    pub name: String,
    /// Activation before `conv1`.
    pub snake1: Snake,
    /// Dilated convolution of kernel size 7 that keeps the length.
    pub conv1: Conv,
    /// Activation before `conv2`.
    pub snake2: Snake,
    /// Pointwise convolution.
    pub conv2: Conv,
}

/// A layer of the encoder or decoder.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Layer {
    /// A 1-D convolution.
    Conv(Conv),
    /// A transposed 1-D convolution.
    ConvTranspose(ConvTranspose),
    /// A snake activation.
    Snake(Snake),
    /// A residual unit.
    ResidualUnit(ResidualUnit),
    /// The hyperbolic tangent at the end of the decoder.
    Tanh {
        /// Canonical name.
        name: String,
    },
}

/// Padding of a network's layers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Padding {
    /// Each layer's own, zeros around the signal: a decoded frame gives one hop.
    Zeros,
    /// None, as in the reference's windowed mode: the output is shorter.
    None,
}

impl Padding {
    /// Returns the positions to pad in a layer whose own padding is `positions`.
    #[cfg(feature = "burn")]
    pub(crate) fn of(self, positions: usize) -> usize {
        if self == Self::Zeros { positions } else { 0 }
    }
}

/// A parameter's name and shape.
pub type Parameter = (String, Vec<usize>);

impl Conv {
    /// Returns the weight `[out, in, kernel]` and the bias `[out]`.
    pub fn parameters(&self) -> [Parameter; 2] {
        let ConvParams { in_channels, out_channels, kernel, .. } = self.params;
        weight_and_bias(&self.name, [out_channels, in_channels, kernel], out_channels)
    }
}

impl ConvTranspose {
    /// Returns the weight `[in, out, kernel]` and the bias `[out]`.
    pub fn parameters(&self) -> [Parameter; 2] {
        let ConvTransposeParams { in_channels, out_channels, kernel, .. } = self.params;
        weight_and_bias(&self.name, [in_channels, out_channels, kernel], out_channels)
    }
}

fn weight_and_bias(name: &str, weight: [usize; 3], bias: usize) -> [Parameter; 2] {
    [(format!("{name}.weight"), weight.to_vec()), (format!("{name}.bias"), vec![bias])]
}

impl Snake {
    /// Returns α, `[1, channels, 1]`.
    pub fn alpha(&self) -> Parameter {
        (format!("{}.alpha", self.name), vec![1, self.channels, 1])
    }
}

impl Layer {
    /// Returns the canonical name.
    pub fn name(&self) -> &str {
        match self {
            Self::Conv(l) => &l.name,
            Self::ConvTranspose(l) => &l.name,
            Self::Snake(l) => &l.name,
            Self::ResidualUnit(l) => &l.name,
            Self::Tanh { name } => name,
        }
    }

    /// Lists the parameters, weight norm folded.
    pub fn parameters(&self) -> Vec<Parameter> {
        match self {
            Self::Conv(l) => l.parameters().into(),
            Self::ConvTranspose(l) => l.parameters().into(),
            Self::Snake(l) => vec![l.alpha()],
            Self::ResidualUnit(l) => {
                let alphas = [[l.snake1.alpha()], [l.snake2.alpha()]];
                let [conv1, conv2] = [l.conv1.parameters(), l.conv2.parameters()];
                [&alphas[0][..], &conv1, &alphas[1], &conv2].concat()
            }
            Self::Tanh { .. } => Vec::new(),
        }
    }

    /// Returns the output length for an input length; 0 if the input is too short.
    pub fn output_len(&self, len: usize) -> usize {
        match self {
            Self::Conv(l) => l.params.rows_out(len),
            Self::ConvTranspose(l) => l.params.rows_out(len),
            Self::Snake(_) | Self::ResidualUnit(_) | Self::Tanh { .. } => len,
        }
    }

    /// Returns the output length without padding, as in the reference's windowed mode: a convolution gives
    /// only outputs inside its input, a transposed convolution its full output. `None` if the input is too
    /// short.
    pub fn unpadded_len(&self, len: usize) -> Option<usize> {
        let conv = |p: &ConvParams| Some(len.checked_sub(p.dilation * (p.kernel - 1) + 1)? / p.stride + 1);
        match self {
            Self::Conv(l) => conv(&l.params),
            Self::ResidualUnit(l) => conv(&l.conv1.params),
            Self::ConvTranspose(l) => Some(len.checked_sub(1)? * l.params.stride + l.params.kernel),
            Self::Snake(_) | Self::Tanh { .. } => Some(len),
        }
    }

    /// Returns the first and last input position that outputs `first..=last` of an unbounded signal depend
    /// on.
    pub fn receptive_field(&self, (first, last): (i64, i64)) -> (i64, i64) {
        let conv = |p: &ConvParams| {
            let (stride, padding) = (p.stride as i64, p.padding as i64);
            (first * stride - padding, last * stride - padding + (p.dilation * (p.kernel - 1)) as i64)
        };
        match self {
            Self::Conv(l) => conv(&l.params),
            Self::ResidualUnit(l) => conv(&l.conv1.params),
            Self::ConvTranspose(l) => {
                let ConvTransposeParams { kernel, stride, padding, .. } = l.params;
                let (kernel, stride, padding) = (kernel as i64, stride as i64, padding as i64);
                // Output n depends on input i where n = i·stride − padding + k, 0 ≤ k < kernel.
                let first = (first + padding - (kernel - 1) + stride - 1).div_euclid(stride);
                (first, (last + padding).div_euclid(stride))
            }
            Self::Snake(_) | Self::Tanh { .. } => (first, last),
        }
    }
}
