//! Sizes and offsets of one layer, in which every convolution has stride 1 over groups of rows.
//!
//! A convolution of stride `s` is a convolution of stride 1 whose input is groups of `s` rows; a transposed
//! convolution of stride `s` is a convolution of stride 1 whose output is groups of `s` rows. A group is `s`
//! rows adjacent in memory, so no data is moved.

use crate::{ConvParams, ConvTransposeParams, KernelError, error::invalid};

/// The largest parameter of a layer; larger ones are mistakes and could overflow sizes.
const MAX_PARAMETER: usize = 1 << 16;

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Geometry {
    pub(crate) in_channels: usize,
    pub(crate) out_channels: usize,
    /// Number of taps, over groups.
    pub(crate) taps: usize,
    /// Distance between two taps, in groups.
    pub(crate) dilation: usize,
    /// Rows of a group in.
    pub(crate) in_group: usize,
    /// Rows of a group out.
    pub(crate) out_group: usize,
    /// Zero rows added before the signal.
    pub(crate) lead: usize,
    /// Rows at the start of the output that are computed but dropped.
    pub(crate) skip: usize,
    output: OutputLength,
}

/// Formula for the number of rows out, with the parameters as given.
#[derive(Debug, Clone, PartialEq, Eq)]
enum OutputLength {
    Same,
    Conv(ConvParams),
    Transpose(ConvTransposeParams),
}

/// Checks the parameters of a layer, of which only the padding may be 0.
fn check_parameters(p: &ConvParams) -> Result<(), KernelError> {
    let ConvParams { in_channels, out_channels, kernel, stride, dilation, padding } = *p;
    for (what, found, least) in [
        ("in_channels", in_channels, 1),
        ("out_channels", out_channels, 1),
        ("kernel", kernel, 1),
        ("stride", stride, 1),
        ("dilation", dilation, 1),
        ("padding", padding, 0),
    ] {
        if !(least..=MAX_PARAMETER).contains(&found) {
            return invalid(what, found, "it must be at least 1 (padding 0) and at most 65536");
        }
    }
    Ok(())
}

impl Geometry {
    /// Returns the geometry of a layer that maps each value separately.
    pub(crate) fn elementwise(channels: usize) -> Self {
        Self {
            in_channels: channels,
            out_channels: channels,
            taps: 1,
            dilation: 1,
            in_group: 1,
            out_group: 1,
            lead: 0,
            skip: 0,
            output: OutputLength::Same,
        }
    }

    pub(crate) fn conv(p: &ConvParams) -> Result<Self, KernelError> {
        check_parameters(p)?;
        // With a stride, the gaps of a dilated kernel become taps of weight 0.
        let (taps, dilation) = if p.stride == 1 {
            (p.kernel, p.dilation)
        } else {
            (((p.kernel - 1) * p.dilation + 1).div_ceil(p.stride), 1)
        };
        Ok(Self {
            out_channels: p.out_channels,
            taps,
            dilation,
            in_group: p.stride,
            lead: p.padding,
            output: OutputLength::Conv(*p),
            ..Self::elementwise(p.in_channels)
        })
    }

    pub(crate) fn conv_transpose(p: &ConvTransposeParams) -> Result<Self, KernelError> {
        let ConvTransposeParams { in_channels, out_channels, kernel, stride, padding } = *p;
        check_parameters(&ConvParams { in_channels, out_channels, kernel, stride, dilation: 1, padding })?;
        let taps = p.kernel.div_ceil(p.stride);
        Ok(Self {
            out_channels: p.out_channels,
            taps,
            out_group: p.stride,
            lead: taps - 1,
            skip: p.padding,
            output: OutputLength::Transpose(*p),
            ..Self::elementwise(p.in_channels)
        })
    }

    /// Returns the same layer without padding, which affects only the ends of a signal, not the weights.
    pub(crate) fn unpadded(&self) -> Self {
        let mut unpadded = self.clone();
        match &mut unpadded.output {
            OutputLength::Same => {}
            OutputLength::Conv(p) => (p.padding, unpadded.lead) = (0, 0),
            OutputLength::Transpose(p) => (p.padding, unpadded.skip) = (0, 0),
        }
        unpadded
    }

    /// Returns the number of rows out for a whole signal of `rows` rows; 0 for an empty signal.
    pub(crate) fn rows_out(&self, rows: usize) -> usize {
        match &self.output {
            OutputLength::Same => rows,
            OutputLength::Conv(p) => p.rows_out(rows),
            OutputLength::Transpose(p) => p.rows_out(rows),
        }
    }

    /// Returns the distance from the first to the last tap, in groups.
    pub(crate) fn reach(&self) -> usize {
        (self.taps - 1) * self.dilation
    }

    /// Returns the number of groups out that the first `rows` rows of a signal determine.
    pub(crate) fn groups_ready(&self, rows: usize) -> usize {
        let reached = ((self.lead + rows) / self.in_group).saturating_sub(self.reach());
        reached.min((self.skip + self.rows_out(rows)) / self.out_group)
    }

    /// Returns the number of groups out for a whole signal of `rows` rows.
    pub(crate) fn groups_total(&self, rows: usize) -> usize {
        match self.rows_out(rows) {
            0 => 0,
            out => (self.skip + out).div_ceil(self.out_group),
        }
    }

    /// Returns the tap of the original kernel that connects row `row_in` of a group in with row `row_out` of
    /// a group out at tap `tap` over groups.
    pub(crate) fn kernel_tap(&self, tap: usize, row_in: usize, row_out: usize) -> Option<usize> {
        match &self.output {
            OutputLength::Same => None,
            OutputLength::Conv(p) if p.stride == 1 => Some(tap),
            OutputLength::Conv(p) => {
                let at = tap * p.stride + row_in;
                (at.is_multiple_of(p.dilation) && at / p.dilation < p.kernel).then_some(at / p.dilation)
            }
            OutputLength::Transpose(p) => {
                let at = row_out + (self.taps - 1 - tap) * p.stride;
                (at < p.kernel).then_some(at)
            }
        }
    }
}
