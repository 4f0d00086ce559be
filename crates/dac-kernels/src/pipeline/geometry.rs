//! Integer arithmetic of one layer: every convolution as an undilated-stride convolution of row groups.
//!
//! A convolution of stride `s` is one of stride 1 over groups of `s` rows in; a transposed convolution of
//! stride `s` is one of stride 1 that gives groups of `s` rows out. In both cases a group is `s` rows side
//! by side in memory, so that nothing has to be moved (the "stride phases").

use crate::{ConvParams, ConvTransposeParams, KernelError};

/// Larger parameters than these are mistakes, and would overflow sizes.
const LARGEST: usize = 1 << 16;

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Geometry {
    pub(crate) in_channels: usize,
    pub(crate) out_channels: usize,
    /// Taps over groups of rows.
    pub(crate) taps: usize,
    /// Groups between two taps.
    pub(crate) dilation: usize,
    /// Rows in a group that goes in.
    pub(crate) in_group: usize,
    /// Rows in a group that comes out.
    pub(crate) out_group: usize,
    /// Zero rows before the signal.
    pub(crate) lead: usize,
    /// Rows at the start of the output that are computed, not given out.
    pub(crate) skip: usize,
    length: Length,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Length {
    Same,
    Conv(ConvParams),
    Transpose(ConvTransposeParams),
}

fn in_range(what: &'static str, found: usize, least: usize) -> Result<(), KernelError> {
    if (least..=LARGEST).contains(&found) {
        Ok(())
    } else {
        Err(KernelError::Parameter {
            what,
            found,
            why: "it must be at least 1 (padding 0) and at most 65536",
        })
    }
}

impl Geometry {
    /// A layer that changes each value by itself.
    pub(crate) fn pointwise(channels: usize) -> Self {
        Self {
            in_channels: channels,
            out_channels: channels,
            taps: 1,
            dilation: 1,
            in_group: 1,
            out_group: 1,
            lead: 0,
            skip: 0,
            length: Length::Same,
        }
    }

    pub(crate) fn conv(p: &ConvParams) -> Result<Self, KernelError> {
        in_range("in_channels", p.in_channels, 1)?;
        in_range("out_channels", p.out_channels, 1)?;
        in_range("kernel", p.kernel, 1)?;
        in_range("stride", p.stride, 1)?;
        in_range("dilation", p.dilation, 1)?;
        in_range("padding", p.padding, 0)?;
        // With a stride, a dilation becomes zero taps.
        let (taps, dilation) = if p.stride == 1 {
            (p.kernel, p.dilation)
        } else {
            (((p.kernel - 1) * p.dilation + 1).div_ceil(p.stride), 1)
        };
        Ok(Self {
            in_channels: p.in_channels,
            out_channels: p.out_channels,
            taps,
            dilation,
            in_group: p.stride,
            out_group: 1,
            lead: p.padding,
            skip: 0,
            length: Length::Conv(*p),
        })
    }

    pub(crate) fn conv_transpose(p: &ConvTransposeParams) -> Result<Self, KernelError> {
        in_range("in_channels", p.in_channels, 1)?;
        in_range("out_channels", p.out_channels, 1)?;
        in_range("kernel", p.kernel, 1)?;
        in_range("stride", p.stride, 1)?;
        in_range("padding", p.padding, 0)?;
        let taps = p.kernel.div_ceil(p.stride);
        Ok(Self {
            in_channels: p.in_channels,
            out_channels: p.out_channels,
            taps,
            dilation: 1,
            in_group: 1,
            out_group: p.stride,
            lead: taps - 1,
            skip: p.padding,
            length: Length::Transpose(*p),
        })
    }

    /// The same layer without its padding: only what happens at the ends of a signal differs, never the weights.
    pub(crate) fn unpadded(&self) -> Self {
        let mut bare = self.clone();
        match &mut bare.length {
            Length::Same => {}
            Length::Conv(p) => (p.padding, bare.lead) = (0, 0),
            Length::Transpose(p) => (p.padding, bare.skip) = (0, 0),
        }
        bare
    }

    /// Rows out of a whole signal of so many rows; 0 for an empty signal.
    pub(crate) fn rows_out(&self, rows: usize) -> usize {
        match &self.length {
            Length::Same => rows,
            Length::Conv(p) => crate::reference::conv_rows(p, rows),
            Length::Transpose(p) => crate::reference::conv_transpose_rows(p, rows),
        }
    }

    /// Groups out that `rows` rows of an unfinished signal suffice for.
    pub(crate) fn groups_ready(&self, rows: usize) -> usize {
        let span = (self.taps - 1) * self.dilation;
        let reached = ((self.lead + rows) / self.in_group).saturating_sub(span);
        reached.min((self.skip + self.rows_out(rows)) / self.out_group)
    }

    /// Groups out of a whole signal of so many rows.
    pub(crate) fn groups_total(&self, rows: usize) -> usize {
        match self.rows_out(rows) {
            0 => 0,
            out => (self.skip + out).div_ceil(self.out_group),
        }
    }

    /// Where tap `(group tap, row in its group in, row in its group out)` lies in the layer's own kernel.
    pub(crate) fn kernel_tap(&self, tap: usize, row_in: usize, row_out: usize) -> Option<usize> {
        match &self.length {
            Length::Same => None,
            Length::Conv(p) if p.stride == 1 => Some(tap),
            Length::Conv(p) => {
                let at = tap * p.stride + row_in;
                (at.is_multiple_of(p.dilation) && at / p.dilation < p.kernel).then_some(at / p.dilation)
            }
            Length::Transpose(p) => {
                let at = row_out + (self.taps - 1 - tap) * p.stride;
                (at < p.kernel).then_some(at)
            }
        }
    }
}
