//! Audio in memory.

use std::ops::Range;
use std::path::Path;

use dac_audio::{AudioError, AudioReader, Planar, SampleFormat, WavWriter, WriteReport, check_planar};

use crate::error::Error;

/// What errors call audio in memory.
pub(crate) const THE_AUDIO: &str = "the audio";

/// Samples read at a time.
pub(crate) const BLOCK_SAMPLES: usize = 1 << 16;

/// Samples `[channels][samples]` at a rate.
#[derive(Debug, Clone, PartialEq)]
pub struct Audio {
    /// `[channels][samples]`, all channels equally long, full scale at 1.
    pub channels: Planar,
    /// Samples a second.
    pub rate_hz: u32,
}

impl Audio {
    /// One channel.
    pub fn mono(samples: Vec<f32>, rate_hz: u32) -> Self {
        Self { channels: vec![samples], rate_hz }
    }

    /// Samples a channel.
    pub fn samples(&self) -> usize {
        self.channels.first().map_or(0, Vec::len)
    }

    /// That all channels are equally long.
    pub(crate) fn check(&self) -> Result<(), AudioError> {
        check_planar(&self.channels, self.channels.len()).map(drop)
    }

    /// A part of it, `[channels][samples]`; samples that are not there are left out.
    pub(crate) fn slice(&self, range: Range<usize>) -> Planar {
        let part = |channel: &Vec<f32>| {
            let end = range.end.min(channel.len());
            channel.get(range.start..end).unwrap_or_default().to_vec()
        };
        self.channels.iter().map(part).collect()
    }

    /// Reads a whole file of any supported kind.
    ///
    /// # Errors
    /// When it is not audio, is broken, or holds a value that is not finite.
    pub fn read(path: impl AsRef<Path>) -> Result<Self, Error> {
        let mut reader = AudioReader::open(path)?;
        let mut channels = vec![Vec::new(); reader.spec().channels];
        while let Some(block) = reader.next_block(BLOCK_SAMPLES)? {
            for (channel, samples) in channels.iter_mut().zip(block) {
                channel.extend(samples);
            }
        }
        Ok(Self { channels, rate_hz: reader.spec().sample_rate_hz })
    }

    /// Writes a WAV file, whole or not at all.
    ///
    /// # Errors
    /// When it cannot be written or a value is not finite.
    pub fn write(&self, path: impl AsRef<Path>, format: SampleFormat) -> Result<WriteReport, Error> {
        let mut writer = WavWriter::create(path, self.rate_hz, self.channels.len(), format)?;
        writer.write(&self.channels)?;
        Ok(writer.finish()?)
    }
}
