//! How one sample is stored.

use std::fmt;
use std::path::Path;
use std::str::FromStr;

use crate::{AudioError, finite, planar};

/// The encodings of samples that are written.
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
    /// Bytes of one sample.
    #[must_use]
    pub fn bytes(self) -> usize {
        match self {
            Self::I16 => 2,
            Self::I24 => 3,
            Self::F32 => 4,
        }
    }

    /// `value · 2^(bits-1)`, rounded to the nearest (halves away from zero) and cut to the range; true if it was cut.
    pub(crate) fn quantize(self, value: f32) -> (i32, bool) {
        let scale = if self == Self::I24 { 8_388_608.0 } else { 32_768.0 };
        let rounded = (f64::from(value) * scale).round();
        let kept = rounded.clamp(-scale, scale - 1.0);
        // A value of exactly 1 is full scale, not overdrive: it loses one step without being counted.
        (kept as i32, value.abs() > 1.0)
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

/// Checks the shape of a block that is to be written at sample `start`, and that it is finite; returns its length.
pub(super) fn check_block<S: AsRef<[f32]>>(
    block: &[S],
    channels: usize,
    path: &Path,
    start: u64,
) -> Result<usize, AudioError> {
    let samples = planar::check_planar(block, channels)?;
    match finite::first_non_finite(block) {
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
    fn quantizing_rounds_and_counts_what_it_cuts() {
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
    fn names_go_both_ways() {
        for format in [SampleFormat::I16, SampleFormat::I24, SampleFormat::F32] {
            assert_eq!(format.to_string().parse::<SampleFormat>().ok(), Some(format));
        }
        assert!("s16".parse::<SampleFormat>().is_err());
    }
}
