//! Layer descriptions: kinds, dimensions, parameter names, lengths.

/// A 1-D convolution with symmetric zero padding; weight `[out, in, kernel]`, bias `[out]`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Conv {
    /// Canonical name: the module name in the reference.
    pub name: String,
    /// Input channels.
    pub in_channels: usize,
    /// Output channels.
    pub out_channels: usize,
    /// Kernel size.
    pub kernel: usize,
    /// Spacing between outputs, in input positions.
    pub stride: usize,
    /// Spacing between kernel elements, in input positions.
    pub dilation: usize,
    /// Zeros added on each side, in input positions.
    pub padding: usize,
}

/// A transposed 1-D convolution without output padding; weight `[in, out, kernel]`, bias `[out]`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConvTranspose {
    /// Canonical name.
    pub name: String,
    /// Input channels.
    pub in_channels: usize,
    /// Output channels.
    pub out_channels: usize,
    /// Kernel size.
    pub kernel: usize,
    /// Output positions per input position.
    pub stride: usize,
    /// Positions removed from each side of the output.
    pub padding: usize,
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

/// Parameter names with their shapes.
pub type Parameters = Vec<(String, Vec<usize>)>;

impl Conv {
    /// Returns the weight's name and shape `[out, in, kernel]`.
    pub fn weight(&self) -> (String, Vec<usize>) {
        (format!("{}.weight", self.name), vec![self.out_channels, self.in_channels, self.kernel])
    }

    /// Returns the bias's name and shape `[out]`.
    pub fn bias(&self) -> (String, Vec<usize>) {
        (format!("{}.bias", self.name), vec![self.out_channels])
    }
}

impl ConvTranspose {
    /// Returns the weight's name and shape `[in, out, kernel]`.
    pub fn weight(&self) -> (String, Vec<usize>) {
        (format!("{}.weight", self.name), vec![self.in_channels, self.out_channels, self.kernel])
    }

    /// Returns the bias's name and shape `[out]`.
    pub fn bias(&self) -> (String, Vec<usize>) {
        (format!("{}.bias", self.name), vec![self.out_channels])
    }
}

impl Snake {
    /// Returns the name and shape `[1, channels, 1]` of α.
    pub fn alpha(&self) -> (String, Vec<usize>) {
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

    /// Lists names and shapes of the parameters, weight norm folded.
    pub fn parameters(&self) -> Parameters {
        match self {
            Self::Conv(l) => vec![l.weight(), l.bias()],
            Self::ConvTranspose(l) => vec![l.weight(), l.bias()],
            Self::Snake(l) => vec![l.alpha()],
            Self::ResidualUnit(l) => vec![
                l.snake1.alpha(),
                l.conv1.weight(),
                l.conv1.bias(),
                l.snake2.alpha(),
                l.conv2.weight(),
                l.conv2.bias(),
            ],
            Self::Tanh { .. } => Vec::new(),
        }
    }

    /// Returns the output length for an input length; 0 if the input is too short.
    pub fn output_len(&self, len: usize) -> usize {
        match self {
            Self::Conv(l) => {
                let span = l.dilation * (l.kernel - 1) + 1;
                let padded = len + 2 * l.padding;
                if len == 0 || padded < span { 0 } else { (padded - span) / l.stride + 1 }
            }
            Self::ConvTranspose(l) => {
                if len == 0 {
                    0
                } else {
                    ((len - 1) * l.stride + l.kernel).saturating_sub(2 * l.padding)
                }
            }
            Self::Snake(_) | Self::ResidualUnit(_) | Self::Tanh { .. } => len,
        }
    }

    /// Returns the output length without padding, as in the reference's windowed mode: a convolution gives
    /// only outputs inside its input, a transposed convolution its full output. `None` if the input is too
    /// short.
    pub fn unpadded_len(&self, len: usize) -> Option<usize> {
        let conv = |l: &Conv| Some(len.checked_sub(l.dilation * (l.kernel - 1) + 1)? / l.stride + 1);
        match self {
            Self::Conv(l) => conv(l),
            Self::ResidualUnit(l) => conv(&l.conv1),
            Self::ConvTranspose(l) => Some(len.checked_sub(1)? * l.stride + l.kernel),
            Self::Snake(_) | Self::Tanh { .. } => Some(len),
        }
    }

    /// Returns the first and last input position that outputs `first..=last` of an unbounded signal depend
    /// on.
    pub fn receptive_field(&self, (first, last): (i64, i64)) -> (i64, i64) {
        let conv = |l: &Conv, (a, b): (i64, i64)| {
            let (stride, padding) = (l.stride as i64, l.padding as i64);
            (a * stride - padding, b * stride - padding + (l.dilation * (l.kernel - 1)) as i64)
        };
        match self {
            Self::Conv(l) => conv(l, (first, last)),
            Self::ConvTranspose(l) => {
                let (stride, padding, kernel) = (l.stride as i64, l.padding as i64, l.kernel as i64);
                // Output n depends on input i where n = i·stride − padding + k, 0 ≤ k < kernel.
                (
                    (first + padding - (kernel - 1) + stride - 1).div_euclid(stride),
                    (last + padding).div_euclid(stride),
                )
            }
            Self::ResidualUnit(l) => conv(&l.conv1, (first, last)),
            Self::Snake(_) | Self::Tanh { .. } => (first, last),
        }
    }
}
