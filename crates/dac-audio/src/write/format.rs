//! Formats of written files.

use std::fmt;
use std::str::FromStr;

use super::flac::MAX_FLAC_RATE_HZ;
use super::sample::SampleFormat;
use crate::{AudioError, MAX_RATE_HZ};

/// Format of a written audio file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum AudioFormat {
    /// WAV, or RF64 past 4 GiB.
    #[default]
    Wav,
    /// FLAC: lossless compression of integers, up to 8 channels and 96 kHz.
    Flac,
}

impl AudioFormat {
    /// Extension of the files, without a dot.
    #[must_use]
    pub fn extension(self) -> &'static str {
        match self {
            Self::Wav => "wav",
            Self::Flac => "flac",
        }
    }

    /// Largest sample rate of such files in Hz.
    #[must_use]
    pub fn max_rate_hz(self) -> u32 {
        match self {
            Self::Wav => MAX_RATE_HZ,
            Self::Flac => MAX_FLAC_RATE_HZ,
        }
    }

    /// Returns true if files of this format can contain such samples.
    #[must_use]
    pub fn supports(self, samples: SampleFormat) -> bool {
        self == Self::Wav || samples != SampleFormat::F32
    }
}

impl fmt::Display for AudioFormat {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.extension())
    }
}

impl FromStr for AudioFormat {
    type Err = AudioError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text {
            "wav" => Ok(Self::Wav),
            "flac" => Ok(Self::Flac),
            other => Err(AudioError::AudioFormat { found: other.to_owned() }),
        }
    }
}

/// Format of a file and of its samples. A [`SampleFormat`] converts to a WAV file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub struct WriteFormat {
    /// Format of the file.
    pub file: AudioFormat,
    /// Encoding of the samples.
    pub samples: SampleFormat,
}

impl From<SampleFormat> for WriteFormat {
    fn from(samples: SampleFormat) -> Self {
        Self { file: AudioFormat::Wav, samples }
    }
}
