//! Audio input converted to the channels and sample rate of a model.

use std::path::Path;

use crate::planar::{append, check_planar};
use crate::{AudioError, AudioReader, ChannelMix, NonFinitePolicy, Planar, Resampler};

/// Samples per channel that are read at a time.
const BLOCK_SAMPLES: usize = 1 << 16;

/// Mixes blocks down and resamples them: the push half of [`ModelRateReader`].
#[derive(Debug)]
pub struct ModelRateConverter {
    mix: ChannelMix,
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
        Ok(Self { mix, input_channels: channels, resampler })
    }

    /// Number of channels after the mix.
    #[must_use]
    pub fn channels(&self) -> usize {
        self.mix.channels(self.input_channels)
    }

    /// Converts the next block `[channels][samples]` and returns the samples that are ready, possibly none.
    ///
    /// # Errors
    /// A block of another shape.
    pub fn push(&mut self, block: Planar) -> Result<Planar, AudioError> {
        check_planar(&block, self.input_channels)?;
        self.resampler.push(&self.mix.apply(block))
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
    pub channels: &'a [Vec<f32>],
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
        let part = |plane: &Vec<f32>| plane.get(range.clone()).unwrap_or_default().to_vec();
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

#[cfg(test)]
mod tests {
    use std::io::Cursor;

    use super::*;
    use crate::{SampleFormat, StreamFormat, StreamWriter};

    const RATE_HZ: u32 = 48_000;
    const MODEL_HZ: u32 = 44_100;

    /// A bit more than two blocks of stereo.
    fn signal() -> Planar {
        let tone = |step: f32| (0..150_001).map(|n| (n as f32 * step).sin() * 0.5).collect();
        vec![tone(0.01), tone(0.03)]
    }

    fn wav(signal: &Planar) -> Vec<u8> {
        let format = StreamFormat::Wav(SampleFormat::F32);
        let mut writer = StreamWriter::new(Cursor::new(Vec::new()), "a.wav", RATE_HZ, 2, format).unwrap();
        writer.write(signal).unwrap();
        writer.finish_seekable().unwrap().0.into_inner()
    }

    fn read_all(mut reader: ModelRateReader<'_>) -> (Planar, ModelRateReader<'_>) {
        let mut all = vec![Vec::new(); reader.channels()];
        while let Some(block) = reader.next_block().unwrap() {
            assert!(!block[0].is_empty());
            append(&mut all, block);
            assert_eq!(reader.position(), all[0].len() as u64);
        }
        assert!(reader.next_block().unwrap().is_none());
        (all, reader)
    }

    #[test]
    fn file_and_memory_give_the_mixed_and_resampled_signal() {
        let signal = signal();
        let bytes = wav(&signal);
        for mix in [ChannelMix::Mono, ChannelMix::Keep] {
            let mixed = mix.apply(signal.clone());
            let mut resampler = Resampler::new(RATE_HZ, MODEL_HZ, mixed.len()).unwrap();
            let mut expected = resampler.push(&mixed).unwrap();
            resampler.flush_into(&mut expected).unwrap();

            let reader = AudioReader::from_seekable(Cursor::new(bytes.clone()), "a.wav").unwrap();
            let (found, reader) = read_all(ModelRateReader::new(reader, mix, MODEL_HZ).unwrap());
            assert_eq!(found, expected);
            assert_eq!((reader.name(), reader.input_samples()), (Path::new("a.wav"), 150_001));
            assert_eq!((reader.replaced_samples(), reader.is_truncated()), (0, false));

            let non_finite = NonFinitePolicy::Error;
            let memory = AudioSlice { name: "memory", channels: &signal, rate_hz: RATE_HZ, non_finite };
            let mut reader = ModelRateReader::from_memory(memory, mix, MODEL_HZ).unwrap();
            assert_eq!(reader.read_all().unwrap(), expected);
            assert_eq!((reader.name(), reader.input_samples()), (Path::new("memory"), 150_001));
        }
    }

    #[test]
    fn replaced_samples_are_counted_or_refused() {
        let mut signal = signal();
        (signal[0][3], signal[1][100_000]) = (f32::NAN, f32::INFINITY);
        let memory = |non_finite| {
            let memory = AudioSlice { name: "memory", channels: &signal, rate_hz: RATE_HZ, non_finite };
            ModelRateReader::from_memory(memory, ChannelMix::Mono, MODEL_HZ).unwrap()
        };
        assert_eq!(read_all(memory(NonFinitePolicy::Zero)).1.replaced_samples(), 2);
        let error = memory(NonFinitePolicy::Error).next_block().unwrap_err();
        assert!(matches!(error, AudioError::NonFinite { sample: 3, channel: 0, .. }), "{error}");
    }

    #[test]
    fn truncated_input_is_reported_at_its_end() {
        let mut bytes = wav(&signal());
        bytes.truncate(bytes.len() - 8_000);
        let reader = AudioReader::from_seekable(Cursor::new(bytes), "a.wav").unwrap();
        let reader = ModelRateReader::new(reader, ChannelMix::Mono, MODEL_HZ).unwrap();
        assert!(!reader.is_truncated());
        let (found, reader) = read_all(reader);
        assert!(reader.is_truncated());
        assert_eq!(reader.input_samples(), 149_001);
        assert_eq!(found[0].len() as u64, crate::resampled_samples(149_001, RATE_HZ, MODEL_HZ));
    }

    #[test]
    fn empty_signal_gives_no_block() {
        let channels = [Vec::new()];
        let non_finite = NonFinitePolicy::Error;
        let memory = AudioSlice { name: "memory", channels: &channels, rate_hz: RATE_HZ, non_finite };
        let mut reader = ModelRateReader::from_memory(memory, ChannelMix::Mono, MODEL_HZ).unwrap();
        assert!(reader.next_block().unwrap().is_none());
        assert_eq!((reader.input_samples(), reader.position()), (0, 0));
    }
}
