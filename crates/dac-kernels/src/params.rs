//! Parameters of the layers of a pipeline.

/// A 1-D convolution; weight `[out][in][kernel]` row-major, bias `[out]`.
///
/// `rows_out = (rows_in + 2·padding − dilation·(kernel − 1) − 1) / stride + 1`, as in PyTorch's `Conv1d`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ConvParams {
    /// Channels of the input.
    pub in_channels: usize,
    /// Channels of the output.
    pub out_channels: usize,
    /// Number of taps.
    pub kernel: usize,
    /// Rows in per row out.
    pub stride: usize,
    /// Distance between two taps, in rows.
    pub dilation: usize,
    /// Zero rows added before and after the signal.
    pub padding: usize,
}

impl ConvParams {
    /// Returns the number of rows out; 0 for an empty signal.
    pub fn rows_out(&self, rows: usize) -> usize {
        let (padded, reach) = (rows + 2 * self.padding, self.dilation * (self.kernel - 1) + 1);
        if rows == 0 || padded < reach { 0 } else { (padded - reach) / self.stride + 1 }
    }
}

/// A transposed 1-D convolution; weight `[in][out][kernel]` row-major, bias `[out]`.
///
/// `rows_out = (rows_in − 1)·stride − 2·padding + kernel`, as in PyTorch's `ConvTranspose1d` without output
/// padding.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ConvTransposeParams {
    /// Channels of the input.
    pub in_channels: usize,
    /// Channels of the output.
    pub out_channels: usize,
    /// Number of taps.
    pub kernel: usize,
    /// Rows out per row in.
    pub stride: usize,
    /// Rows removed from both ends of the full output.
    pub padding: usize,
}

impl ConvTransposeParams {
    /// Returns the number of rows out; 0 for an empty signal.
    pub fn rows_out(&self, rows: usize) -> usize {
        if rows == 0 { 0 } else { ((rows - 1) * self.stride + self.kernel).saturating_sub(2 * self.padding) }
    }
}

/// A residual unit of the codec, `x + conv1(snake(conv7(snake(x))))`.
///
/// Both convolutions keep the number of channels. If the padding is less than `dilation·(kernel − 1)/2`, the
/// convolution shortens its signal and `x` is cropped equally at both ends, as in the original codec.
#[derive(Debug, Clone, Copy)]
pub struct ResidualUnit<'a> {
    /// Distance between two taps of the first convolution, in rows.
    pub dilation: usize,
    /// Zero rows added before and after the signal; `dilation·(kernel − 1)/2` keeps its length.
    pub padding: usize,
    /// α of the first snake, `[channels]`.
    pub alpha1: &'a [f32],
    /// Weight of the first convolution, `[channels][channels][kernel]`; the kernel (7 in the codec) is odd.
    pub conv7_weight: &'a [f32],
    /// Bias of the first convolution, `[channels]`.
    pub conv7_bias: &'a [f32],
    /// α of the second snake, `[channels]`.
    pub alpha2: &'a [f32],
    /// Weight of the pointwise convolution, `[channels][channels]`.
    pub conv1_weight: &'a [f32],
    /// Bias of the pointwise convolution, `[channels]`.
    pub conv1_bias: &'a [f32],
}

impl ResidualUnit<'_> {
    /// Number of taps of the first convolution.
    pub(crate) fn kernel(&self) -> usize {
        let channels = self.alpha1.len();
        self.conv7_weight.len() / (channels * channels)
    }

    /// The padding that keeps the length of the signal.
    pub(crate) fn max_padding(&self) -> usize {
        self.dilation * (self.kernel() - 1) / 2
    }
}
