//! Audio input converted to the channels and sample rate of a model.

use std::path::Path;

use crate::check::check_planar;
use crate::downmix::Downmixer;
use crate::planar::append;
use crate::{AudioError, AudioReader, ChannelMix, Damage, NonFinitePolicy, Planar, Resampler};

/// Samples per channel that are read at a time: few enough that a caller can cancel within a fraction of a
/// second.
const BLOCK_SAMPLES: usize = 1 << 14;

/// Mixes blocks down and resamples them: the push half of [`ModelRateReader`].
#[derive(Debug)]
pub struct ModelRateConverter {
    mixer: Downmixer,
    input_channels: usize,
    resampler: Resampler,
}

impl ModelRateConverter {
    /// Creates a converter for a signal of `channels` channels at `from_hz`.
    ///
    /// # Errors
    /// [`AudioError::RateOutOfRange`].
    pub fn new(from_hz: u32, channels: usize, mix: ChannelMix, to_hz: u32) -> Result<Self, AudioError> {
        let resampler = Resampler::new(from_hz, to_hz, mix.channels(channels))?;
        Ok(Self { mixer: Downmixer::new(mix), input_channels: channels, resampler })
    }

    /// Number of channels after the mix.
    #[must_use]
    pub fn channels(&self) -> usize {
        self.mixer.channels(self.input_channels)
    }

    /// Loss of power by mixing the channels so far, in dB: the mean power of the channels against the power
    /// of their mean. 0 for equal channels, infinite for channels that cancel each other. `None` if nothing
    /// was mixed, or only silence.
    #[must_use]
    pub fn mix_loss_db(&self) -> Option<f64> {
        self.mixer.loss_db()
    }

    /// Converts the next block `[channels][samples]` and returns the samples that are ready, possibly none.
    ///
    /// # Errors
    /// [`AudioError::ChannelCount`] or [`AudioError::UnevenChannels`].
    pub fn push(&mut self, block: Planar) -> Result<Planar, AudioError> {
        check_planar(&block, self.input_channels)?;
        self.resampler.push(&self.mixer.apply(block))
    }

    /// Ends the signal and returns the remaining samples.
    ///
    /// # Errors
    /// [`AudioError::Resample`].
    pub fn flush(&mut self) -> Result<Planar, AudioError> {
        self.resampler.flush()
    }
}

/// Samples in memory, as a source for [`ModelRateReader`].
#[derive(Debug, Clone, Copy)]
pub struct AudioSlice<'a> {
    /// Name in errors.
    pub name: &'a str,
    /// Samples, `[channels][samples]`.
    pub channels: &'a [&'a [f32]],
    /// Samples per second.
    pub rate_hz: u32,
    /// Treatment of NaN and infinity.
    pub non_finite: NonFinitePolicy,
}

/// Reads a file, a stream or a signal in memory, mixes it down and resamples it.
///
/// ```no_run
/// use dac_audio::{AudioReader, ChannelMix, ModelRateReader};
///
/// # fn main() -> Result<(), dac_audio::AudioError> {
/// let reader = AudioReader::open("speech.flac")?;
/// let mut reader = ModelRateReader::new(reader, ChannelMix::Mono, 44_100)?;
/// let mut mono = Vec::new();
/// while let Some(block) = reader.next_block()? {
///     mono.extend_from_slice(&block[0]);
/// }
/// # Ok(()) }
/// ```
#[derive(Debug)]
pub struct ModelRateReader<'a> {
    source: Source<'a>,
    converter: ModelRateConverter,
    position: u64,
    ended: bool,
}

#[derive(Debug)]
enum Source<'a> {
    Reader(Box<AudioReader>),
    Memory { slice: AudioSlice<'a>, position: usize, replaced: u64 },
}

impl Source<'_> {
    fn next_block(&mut self) -> Result<Option<Planar>, AudioError> {
        let (slice, position, replaced) = match self {
            Self::Reader(reader) => return reader.next_block(BLOCK_SAMPLES),
            Self::Memory { slice, position, replaced } => (slice, position, replaced),
        };
        let samples = check_planar(slice.channels, slice.channels.len())?;
        let range = *position..(*position + BLOCK_SAMPLES).min(samples);
        if range.is_empty() {
            return Ok(None);
        }
        let part = |plane: &&[f32]| plane.get(range.clone()).unwrap_or_default().to_vec();
        let mut block: Planar = slice.channels.iter().map(part).collect();
        *replaced += slice.non_finite.apply(&mut block, slice.name, range.start as u64)?;
        *position = range.end;
        Ok(Some(block))
    }
}

impl<'a> ModelRateReader<'a> {
    /// Converts the samples of `reader` to `to_hz`.
    ///
    /// # Errors
    /// [`AudioError::RateOutOfRange`].
    pub fn new(reader: AudioReader, mix: ChannelMix, to_hz: u32) -> Result<Self, AudioError> {
        let spec = reader.spec();
        let converter = ModelRateConverter::new(spec.sample_rate_hz, spec.channels, mix, to_hz)?;
        Ok(Self { source: Source::Reader(Box::new(reader)), converter, position: 0, ended: false })
    }

    /// Converts a signal in memory to `to_hz`.
    ///
    /// # Errors
    /// [`AudioError::RateOutOfRange`].
    pub fn from_memory(slice: AudioSlice<'a>, mix: ChannelMix, to_hz: u32) -> Result<Self, AudioError> {
        let converter = ModelRateConverter::new(slice.rate_hz, slice.channels.len(), mix, to_hz)?;
        let source = Source::Memory { slice, position: 0, replaced: 0 };
        Ok(Self { source, converter, position: 0, ended: false })
    }

    /// Number of channels after the mix.
    #[must_use]
    pub fn channels(&self) -> usize {
        self.converter.channels()
    }

    /// Path of the file, or name of the stream or signal.
    #[must_use]
    pub fn name(&self) -> &Path {
        match &self.source {
            Source::Reader(reader) => reader.path(),
            Source::Memory { slice, .. } => Path::new(slice.name),
        }
    }

    /// Samples per channel returned so far, at the target rate.
    #[must_use]
    pub fn position(&self) -> u64 {
        self.position
    }

    /// Sample rate of the input in Hz.
    #[must_use]
    pub fn input_rate_hz(&self) -> u32 {
        self.converter.resampler.from_hz()
    }

    /// Samples per channel read so far, at the input's rate.
    #[must_use]
    pub fn input_samples(&self) -> u64 {
        match &self.source {
            Source::Reader(reader) => reader.position(),
            Source::Memory { position, .. } => *position as u64,
        }
    }

    /// Samples that [`NonFinitePolicy::Zero`] has replaced so far, over all input channels.
    #[must_use]
    pub fn replaced_samples(&self) -> u64 {
        match &self.source {
            Source::Reader(reader) => reader.replaced_samples(),
            Source::Memory { replaced, .. } => *replaced,
        }
    }

    /// True once a truncated input has ended, see [`AudioReader::is_truncated`].
    #[must_use]
    pub fn is_truncated(&self) -> bool {
        matches!(&self.source, Source::Reader(reader) if reader.is_truncated())
    }

    /// Damage that [`DamagePolicy::Silence`](crate::DamagePolicy::Silence) has replaced so far.
    #[must_use]
    pub fn damage(&self) -> Damage {
        match &self.source {
            Source::Reader(reader) => reader.damage(),
            Source::Memory { .. } => Damage::default(),
        }
    }

    /// Warning of the reader, see [`AudioReader::warning`].
    #[must_use]
    pub fn warning(&self) -> Option<&str> {
        match &self.source {
            Source::Reader(reader) => reader.warning(),
            Source::Memory { .. } => None,
        }
    }

    /// Loss of power by mixing the channels so far, see [`ModelRateConverter::mix_loss_db`].
    #[must_use]
    pub fn mix_loss_db(&self) -> Option<f64> {
        self.converter.mix_loss_db()
    }

    /// Returns the next samples, `[channels][1..]`, or `None` at the end.
    ///
    /// # Errors
    /// As [`AudioReader::next_block`]. Do not read on after an error.
    pub fn next_block(&mut self) -> Result<Option<Planar>, AudioError> {
        while !self.ended {
            let block = match self.source.next_block()? {
                Some(block) => self.converter.push(block)?,
                None => {
                    self.ended = true;
                    self.converter.flush()?
                }
            };
            let samples = block.first().map_or(0, Vec::len);
            if samples > 0 {
                self.position += samples as u64;
                return Ok(Some(block));
            }
        }
        Ok(None)
    }

    /// Reads all remaining samples, `[channels][samples]`.
    ///
    /// # Errors
    /// As [`next_block`](Self::next_block).
    pub fn read_all(&mut self) -> Result<Planar, AudioError> {
        let mut all = vec![Vec::new(); self.channels()];
        while let Some(block) = self.next_block()? {
            append(&mut all, block);
        }
        Ok(all)
    }
}
