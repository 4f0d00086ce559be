//! Reads a part of a recording.

use std::path::Path;

use dac::audio::{AudioReader, AudioSlice, ModelRateReader, NonFinitePolicy, Planar, ReadOptions};
use dac::{Audio, ChannelMix};

use crate::error::ReportError;
use crate::report::Recording;

/// Samples per channel read at a time.
const BLOCK_SAMPLES: u64 = 1 << 16;

/// A part of a recording.
#[derive(Debug)]
pub struct Excerpt {
    /// Origin of the audio.
    pub recording: Recording,
    /// The excerpt at the recording's rate, with all its channels.
    pub audio: Audio,
}

impl Excerpt {
    /// Reads at most `duration_s` seconds from `start_s` on. Nothing beyond the excerpt is read.
    ///
    /// # Errors
    /// When the file is not audio, is invalid up to the excerpt's end, or ends before `start_s`.
    pub fn read(
        path: &Path,
        start_s: f64,
        duration_s: f64,
        options: ReadOptions,
    ) -> Result<Self, ReportError> {
        Self::from_reader(AudioReader::open_with(path, options)?, start_s, duration_s)
    }

    /// Reads an excerpt from a reader at its beginning, like [`Excerpt::read`].
    ///
    /// # Errors
    /// As [`Excerpt::read`].
    pub fn from_reader(mut reader: AudioReader, start_s: f64, duration_s: f64) -> Result<Self, ReportError> {
        let spec = reader.spec().clone();
        let rate_hz = f64::from(spec.sample_rate_hz);
        let samples = |seconds: f64| (seconds * rate_hz).round() as u64;
        let start = samples(start_s);
        let end = samples(start_s + duration_s).max(start.saturating_add(1));
        let replaced_before = skip_to(&mut reader, start)?;
        let mut channels: Planar = vec![Vec::new(); spec.channels];
        let mut continues = false;
        loop {
            let position = reader.position();
            // One sample too many shows that the recording continues.
            let wanted = (end.saturating_add(1) - position).min(BLOCK_SAMPLES) as usize;
            let Some(block) = reader.next_block(wanted)? else { break };
            let left = (end - position) as usize;
            for (channel, samples) in channels.iter_mut().zip(&block) {
                channel.extend(samples.iter().take(left));
            }
            if block.first().is_some_and(|samples| samples.len() > left) {
                continues = true;
                break;
            }
        }
        let audio = Audio { channels, rate_hz: spec.sample_rate_hz };
        if audio.samples() == 0 && start > 0 {
            let seconds = reader.position() as f64 / rate_hz;
            let path = reader.path().to_owned();
            return Err(ReportError::StartBeyondEnd { path, start_seconds: start_s, seconds });
        }
        let path = reader.path();
        let name = path.file_name().unwrap_or(path.as_os_str());
        let recording = Recording {
            name: name.to_string_lossy().into_owned(),
            spec,
            start_seconds: start as f64 / rate_hz,
            seconds: audio.samples() as f64 / rate_hz,
            continues,
            replaced_samples: reader.replaced_samples() - replaced_before,
            truncated: reader.is_truncated(),
            damaged_samples: Some(reader.damage().samples).filter(|_| reader.damage().places > 0),
            warning: reader.warning().map(str::to_owned),
        };
        Ok(Self { recording, audio })
    }

    /// Returns the signal that is encoded: mixed, and at the model's rate.
    ///
    /// # Errors
    /// When the rate cannot be resampled.
    pub fn codec_input(&self, mix: ChannelMix, rate_hz: u32) -> Result<Audio, ReportError> {
        let Audio { channels, rate_hz: input_hz } = &self.audio;
        let channels: Vec<_> = channels.iter().map(Vec::as_slice).collect();
        let non_finite = NonFinitePolicy::Error;
        let slice = AudioSlice { name: "the excerpt", channels: &channels, rate_hz: *input_hz, non_finite };
        let channels = ModelRateReader::from_memory(slice, mix, rate_hz)?.read_all()?;
        Ok(Audio { channels, rate_hz })
    }
}

/// Skips to sample `start` or the end. Returns the number of samples replaced so far.
fn skip_to(reader: &mut AudioReader, start: u64) -> Result<u64, ReportError> {
    while reader.position() < start {
        let wanted = (start - reader.position()).min(BLOCK_SAMPLES) as usize;
        if reader.next_block(wanted)?.is_none() {
            break;
        }
    }
    Ok(reader.replaced_samples())
}
