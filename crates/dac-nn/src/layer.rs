//! One layer of the network: its kind, its numbers and the names of its parameters.

/// A 1-D convolution with symmetric zero padding; weight `[out, in, kernel]`, bias `[out]`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Conv {
    /// Canonical name (that of the reference's module).
    pub name: String,
    /// Input channels.
    pub in_channels: usize,
    /// Output channels.
    pub out_channels: usize,
    /// Taps.
    pub kernel: usize,
    /// Step between outputs, in input positions.
    pub stride: usize,
    /// Step between taps, in input positions.
    pub dilation: usize,
    /// Zeros on each side, in input positions.
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
    /// Taps.
    pub kernel: usize,
    /// Output positions an input position.
    pub stride: usize,
    /// Positions cut from each side of the output.
    pub padding: usize,
}

/// The snake activation `x + sin²(αx) / (α + 1e-9)`, α a channel (Ziyin et al. 2020); alpha `[1, channels, 1]`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Snake {
    /// Canonical name.
    pub name: String,
    /// Channels.
    pub channels: usize,
}

/// `x + conv2(snake2(conv1(snake1(x))))`: a dilated conv of 7 taps and a conv of 1.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ResidualUnit {
    /// Canonical name.
    pub name: String,
    /// Before the dilated conv.
    pub snake1: Snake,
    /// Seven taps, dilated, length kept.
    pub conv1: Conv,
    /// Before the pointwise conv.
    pub snake2: Snake,
    /// One tap.
    pub conv2: Conv,
}

/// One step of the encoder or the decoder.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Layer {
    /// See [`Conv`].
    Conv(Conv),
    /// See [`ConvTranspose`].
    ConvTranspose(ConvTranspose),
    /// See [`Snake`].
    Snake(Snake),
    /// See [`ResidualUnit`].
    ResidualUnit(ResidualUnit),
    /// The hyperbolic tangent at the decoder's end.
    Tanh {
        /// Canonical name.
        name: String,
    },
}

/// Parameter names with their shapes.
pub type Parameters = Vec<(String, Vec<usize>)>;

impl Conv {
    /// Name of the weight, shape `[out, in, kernel]`.
    pub fn weight(&self) -> (String, Vec<usize>) {
        (format!("{}.weight", self.name), vec![self.out_channels, self.in_channels, self.kernel])
    }

    /// Name of the bias, shape `[out]`.
    pub fn bias(&self) -> (String, Vec<usize>) {
        (format!("{}.bias", self.name), vec![self.out_channels])
    }
}

impl ConvTranspose {
    /// Name of the weight, shape `[in, out, kernel]`.
    pub fn weight(&self) -> (String, Vec<usize>) {
        (format!("{}.weight", self.name), vec![self.in_channels, self.out_channels, self.kernel])
    }

    /// Name of the bias, shape `[out]`.
    pub fn bias(&self) -> (String, Vec<usize>) {
        (format!("{}.bias", self.name), vec![self.out_channels])
    }
}

impl Snake {
    /// Name of the per-channel frequency, shape `[1, channels, 1]`.
    pub fn alpha(&self) -> (String, Vec<usize>) {
        (format!("{}.alpha", self.name), vec![1, self.channels, 1])
    }
}

impl Layer {
    /// Canonical name.
    pub fn name(&self) -> &str {
        match self {
            Self::Conv(l) => &l.name,
            Self::ConvTranspose(l) => &l.name,
            Self::Snake(l) => &l.name,
            Self::ResidualUnit(l) => &l.name,
            Self::Tanh { name } => name,
        }
    }

    /// Canonical names and shapes of the parameters, weight norm folded.
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

    /// Positions out for positions in; 0 when the input is shorter than the layer needs.
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

    /// Positions out for positions in with the padding switched off, as the reference does for its files: convolutions
    /// give what lies within their input, a transposed one its full output. `None` when the input is too short.
    pub fn unpadded_len(&self, len: usize) -> Option<usize> {
        let conv = |l: &Conv| Some(len.checked_sub(l.dilation * (l.kernel - 1) + 1)? / l.stride + 1);
        match self {
            Self::Conv(l) => conv(l),
            Self::ResidualUnit(l) => conv(&l.conv1),
            Self::ConvTranspose(l) => Some(len.checked_sub(1)? * l.stride + l.kernel),
            Self::Snake(_) | Self::Tanh { .. } => Some(len),
        }
    }

    /// The input positions, first and last, that output positions `first..=last` of an endless signal depend on.
    pub fn receptive_field(&self, (first, last): (i64, i64)) -> (i64, i64) {
        let conv = |l: &Conv, (a, b): (i64, i64)| {
            let (stride, padding) = (l.stride as i64, l.padding as i64);
            (a * stride - padding, b * stride - padding + (l.dilation * (l.kernel - 1)) as i64)
        };
        match self {
            Self::Conv(l) => conv(l, (first, last)),
            Self::ConvTranspose(l) => {
                let (stride, padding, kernel) = (l.stride as i64, l.padding as i64, l.kernel as i64);
                // Output n takes input i where n = i·stride − padding + tap.
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
