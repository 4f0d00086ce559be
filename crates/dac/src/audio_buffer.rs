//! Audio in memory.

use std::path::Path;

use dac_audio::{AudioReader, AudioWriter, Planar, WriteFormat, WriteReport};

use crate::error::Error;

/// Name of audio in memory in errors.
pub(crate) const AUDIO_IN_MEMORY: &str = "the audio";

/// Samples per channel that are read at a time.
const BLOCK_SAMPLES: usize = 1 << 16;

/// Audio in memory.
#[derive(Debug, Clone, PartialEq)]
pub struct Audio {
    /// Samples `[channels][samples]`, all channels equally long, full scale at 1.
    pub channels: Planar,
    /// Sample rate in Hz.
    pub rate_hz: u32,
}

impl Audio {
    /// Creates audio of one channel.
    pub fn mono(samples: Vec<f32>, rate_hz: u32) -> Self {
        Self { channels: vec![samples], rate_hz }
    }

    /// Samples per channel.
    pub fn samples(&self) -> usize {
        self.channels.first().map_or(0, Vec::len)
    }

    /// Reads a whole audio file.
    ///
    /// # Errors
    /// When the file is not audio, is damaged, or contains a value that is not finite.
    pub fn read(path: impl AsRef<Path>) -> Result<Self, Error> {
        let mut reader = AudioReader::open(path)?;
        let mut channels = vec![Vec::new(); reader.spec().channels];
        while let Some(block) = reader.next_block(BLOCK_SAMPLES)? {
            append(&mut channels, block);
        }
        Ok(Self { channels, rate_hz: reader.spec().sample_rate_hz })
    }

    /// Writes an audio file, which appears only when it is complete. A [`SampleFormat`](crate::SampleFormat)
    /// as `format` gives a WAV file.
    ///
    /// # Errors
    /// When the file cannot be written or a value is not finite.
    pub fn write(
        &self,
        path: impl AsRef<Path>,
        format: impl Into<WriteFormat>,
    ) -> Result<WriteReport, Error> {
        let mut writer = AudioWriter::create(path, self.rate_hz, self.channels.len(), format)?;
        writer.write(&self.channels)?;
        Ok(writer.finish()?)
    }
}

/// Appends a block `[channels][samples]` to `channels`.
pub(crate) fn append(channels: &mut Planar, block: Planar) {
    for (channel, samples) in channels.iter_mut().zip(block) {
        channel.extend(samples);
    }
}
