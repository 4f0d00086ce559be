//! The shapes of the layers a pipeline is built from.

/// A 1-D convolution; weight `[out][in][kernel]` row-major, bias `[out]`.
///
/// `rows_out = (rows_in + 2·padding − dilation·(kernel − 1) − 1) / stride + 1`, as PyTorch's `Conv1d`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ConvParams {
    /// Channels of the rows that go in.
    pub in_channels: usize,
    /// Channels of the rows that come out.
    pub out_channels: usize,
    /// Taps.
    pub kernel: usize,
    /// Rows in a row out.
    pub stride: usize,
    /// Rows between two taps.
    pub dilation: usize,
    /// Zero rows before and after the signal.
    pub padding: usize,
}

/// A transposed 1-D convolution; weight `[in][out][kernel]` row-major, bias `[out]`.
///
/// `rows_out = (rows_in − 1)·stride − 2·padding + kernel`, as PyTorch's `ConvTranspose1d` without
/// output padding.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ConvTransposeParams {
    /// Channels of the rows that go in.
    pub in_channels: usize,
    /// Channels of the rows that come out.
    pub out_channels: usize,
    /// Taps.
    pub kernel: usize,
    /// Rows out a row in.
    pub stride: usize,
    /// Rows cut from either end of the full output.
    pub padding: usize,
}

/// The codec's residual unit, `x + conv1(snake(conv7(snake(x))))`; both convolutions keep the channels.
///
/// With less padding than `dilation·(kernel − 1)/2` the convolution shortens its signal and `x` is
/// cropped at both ends alike, as the reference does.
#[derive(Debug, Clone, Copy)]
pub struct ResidualUnit<'a> {
    /// Rows between two taps of the wide convolution.
    pub dilation: usize,
    /// Zero rows before and after the signal; `dilation·(kernel − 1)/2` keeps the length.
    pub padding: usize,
    /// The first snake's α, `[channels]`.
    pub alpha1: &'a [f32],
    /// The wide convolution's weight `[channels][channels][kernel]`; its kernel (7 in the codec) is odd.
    pub conv7_weight: &'a [f32],
    /// The wide convolution's bias, `[channels]`.
    pub conv7_bias: &'a [f32],
    /// The second snake's α, `[channels]`.
    pub alpha2: &'a [f32],
    /// The pointwise convolution's weight, `[channels][channels]`.
    pub conv1_weight: &'a [f32],
    /// The pointwise convolution's bias, `[channels]`.
    pub conv1_bias: &'a [f32],
}
