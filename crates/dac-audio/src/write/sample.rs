//! Sample formats for writing.

use std::fmt;
use std::path::Path;
use std::str::FromStr;

use crate::check::check_planar;
use crate::{AudioError, non_finite};

/// Encoding of written samples.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum SampleFormat {
    /// 16-bit integers.
    #[default]
    I16,
    /// 24-bit integers in 3 bytes.
    I24,
    /// 32-bit floats, not clipped.
    F32,
}

impl SampleFormat {
    /// Bytes per sample.
    #[must_use]
    pub fn bytes(self) -> usize {
        match self {
            Self::I16 => 2,
            Self::I24 => 3,
            Self::F32 => 4,
        }
    }

    /// Computes `value · 2^(bits-1)`, rounded to nearest (halves away from zero) and clipped; true if it was
    /// clipped.
    pub(crate) fn quantize(self, value: f32) -> (i32, bool) {
        let scale = if self == Self::I24 { 8_388_608.0 } else { 32_768.0 };
        let rounded = (f64::from(value) * scale).round();
        // 1.0 is full scale: it is reduced by one step but does not count as clipped.
        (rounded.clamp(-scale, scale - 1.0) as i32, value.abs() > 1.0)
    }
}

impl fmt::Display for SampleFormat {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::I16 => "i16",
            Self::I24 => "i24",
            Self::F32 => "f32",
        })
    }
}

impl FromStr for SampleFormat {
    type Err = AudioError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text {
            "i16" => Ok(Self::I16),
            "i24" => Ok(Self::I24),
            "f32" => Ok(Self::F32),
            other => Err(AudioError::SampleFormat { found: other.to_owned() }),
        }
    }
}

/// Checks the shape of a block at sample `start` and that all its values are finite. Returns its samples per
/// channel.
pub(super) fn check_block<S: AsRef<[f32]>>(
    block: &[S],
    channels: usize,
    path: &Path,
    start: u64,
) -> Result<usize, AudioError> {
    let samples = check_planar(block, channels)?;
    match non_finite::first_non_finite(block) {
        None => Ok(samples),
        Some((sample, channel, value)) => {
            let path = path.to_owned();
            Err(AudioError::NonFinite { path, sample: start + sample as u64, channel, value })
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantize_rounds_and_reports_clipping() {
        let half = 0.5 / 32_768.0;
        assert_eq!(SampleFormat::I16.quantize(1.4 * half), (1, false));
        assert_eq!(SampleFormat::I16.quantize(-1.4 * half), (-1, false));
        assert_eq!(SampleFormat::I16.quantize(0.9 * half), (0, false));
        assert_eq!(SampleFormat::I16.quantize(1.0), (32_767, false));
        assert_eq!(SampleFormat::I16.quantize(-1.0), (-32_768, false));
        assert_eq!(SampleFormat::I16.quantize(1.5), (32_767, true));
        assert_eq!(SampleFormat::I24.quantize(-7.0), (-8_388_608, true));
    }

    #[test]
    fn names_are_parsed_and_displayed() {
        for format in [SampleFormat::I16, SampleFormat::I24, SampleFormat::F32] {
            assert_eq!(format.to_string().parse::<SampleFormat>().ok(), Some(format));
        }
        assert!("s16".parse::<SampleFormat>().is_err());
    }
}
