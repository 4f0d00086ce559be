//! The audio to encode, read block by block from a file or from memory.

use dac_audio::{AudioError, AudioReader, Planar};

use crate::audio_buffer::{AUDIO_IN_MEMORY, Audio, BLOCK_SAMPLES};

/// One pass over the audio to encode.
pub(crate) struct Input<'a> {
    /// Name for errors.
    pub(crate) name: String,
    pub(crate) rate_hz: u32,
    pub(crate) channels: usize,
    source: InputSource<'a>,
}

enum InputSource<'a> {
    Reader(Box<AudioReader>),
    Memory { audio: &'a Audio, position: usize },
}

impl<'a> Input<'a> {
    pub(crate) fn of_reader(reader: AudioReader) -> Self {
        Self {
            name: reader.path().display().to_string(),
            rate_hz: reader.spec().sample_rate_hz,
            channels: reader.spec().channels,
            source: InputSource::Reader(Box::new(reader)),
        }
    }

    pub(crate) fn of_audio(audio: &'a Audio) -> Self {
        Self {
            name: AUDIO_IN_MEMORY.to_owned(),
            rate_hz: audio.rate_hz,
            channels: audio.channels.len(),
            source: InputSource::Memory { audio, position: 0 },
        }
    }

    /// Returns the next block `[channels][samples]`; `None` at the end.
    pub(crate) fn next_block(&mut self) -> Result<Option<Planar>, AudioError> {
        match &mut self.source {
            InputSource::Reader(reader) => reader.next_block(BLOCK_SAMPLES),
            InputSource::Memory { audio, position } => {
                let start = *position;
                *position = (start + BLOCK_SAMPLES).min(audio.samples());
                Ok((start < *position).then(|| audio.slice(start..*position)))
            }
        }
    }

    /// Samples per channel read so far.
    pub(crate) fn position(&self) -> u64 {
        match &self.source {
            InputSource::Reader(reader) => reader.position(),
            InputSource::Memory { position, .. } => *position as u64,
        }
    }

    pub(crate) fn replaced_samples(&self) -> u64 {
        match &self.source {
            InputSource::Reader(reader) => reader.replaced_samples(),
            InputSource::Memory { .. } => 0,
        }
    }

    pub(crate) fn is_truncated(&self) -> bool {
        match &self.source {
            InputSource::Reader(reader) => reader.is_truncated(),
            InputSource::Memory { .. } => false,
        }
    }
}
