//! Reads a part of a recording.

use std::path::Path;

use dac::audio::{AudioReader, AudioSlice, ModelRateReader, NonFinitePolicy, Planar};
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
        non_finite: NonFinitePolicy,
    ) -> Result<Self, ReportError> {
        let mut reader = AudioReader::open(path)?.with_non_finite(non_finite);
        let spec = reader.spec().clone();
        let rate_hz = f64::from(spec.sample_rate_hz);
        let samples = |seconds: f64| (seconds * rate_hz).round() as u64;
        let (start, length) = (samples(start_s), samples(duration_s).max(1));
        let end = start.saturating_add(length);
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
            return Err(ReportError::StartBeyondEnd { path: path.into(), start_seconds: start_s, seconds });
        }
        let name = path.file_name().unwrap_or(path.as_os_str());
        let recording = Recording {
            name: name.to_string_lossy().into_owned(),
            spec,
            start_seconds: start as f64 / rate_hz,
            seconds: audio.samples() as f64 / rate_hz,
            continues,
            replaced_samples: reader.replaced_samples() - replaced_before,
            truncated: reader.is_truncated(),
        };
        Ok(Self { recording, audio })
    }

    /// Returns the signal that is encoded: mixed, and at the model's rate.
    ///
    /// # Errors
    /// When the rate cannot be resampled.
    pub fn codec_input(&self, mix: ChannelMix, rate_hz: u32) -> Result<Audio, ReportError> {
        let Audio { channels, rate_hz: input_hz } = &self.audio;
        let non_finite = NonFinitePolicy::Error;
        let slice = AudioSlice { name: "the excerpt", channels, rate_hz: *input_hz, non_finite };
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

#[cfg(test)]
mod tests {
    use dac::SampleFormat;

    use super::*;

    #[test]
    fn an_excerpt_holds_the_samples_from_start_to_end() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.wav");
        let samples: Vec<f32> = (0..200_000).map(|n| n as f32 / 200_000.0).collect();
        let audio = Audio { channels: vec![samples.clone(), vec![0.25; 200_000]], rate_hz: 1000 };
        audio.write(&path, SampleFormat::F32).unwrap();
        let read = |start_s, duration_s| Excerpt::read(&path, start_s, duration_s, NonFinitePolicy::Error);
        for (start_s, duration_s, range, continues) in [
            (0.0, 30.0, 0..30_000, true),
            (0.0, 200.0, 0..200_000, false),
            (0.0, 199.999, 0..199_999, true),
            (150.5, 0.001, 150_500..150_501, true),
            (199.0, 1e9, 199_000..200_000, false),
            (66.0, 70.0, 66_000..136_000, true),
        ] {
            let excerpt = read(start_s, duration_s).unwrap();
            assert_eq!(excerpt.audio.channels[0], samples[range], "{start_s} {duration_s}");
            let Recording { continues: found, start_seconds, .. } = excerpt.recording;
            assert_eq!((found, start_seconds), (continues, start_s), "{start_s} {duration_s}");
        }
        let error = read(200.0, 1.0).err().unwrap().to_string();
        assert!(error.contains("200.00 s"), "{error}");
    }

    #[test]
    fn only_values_within_the_excerpt_count_as_replaced() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.wav");
        let mut bytes = Vec::new();
        let header = dac::audio::StreamFormat::Wav(SampleFormat::F32);
        let mut writer =
            dac::audio::StreamWriter::new(std::io::Cursor::new(&mut bytes), "a", 1000, 1, header).unwrap();
        writer.write(&[vec![0.5; 3000]]).unwrap();
        writer.finish_seekable().unwrap();
        for index in [10, 1500, 1600, 2900] {
            bytes[44 + 4 * index..48 + 4 * index].copy_from_slice(&f32::NAN.to_le_bytes());
        }
        std::fs::write(&path, bytes).unwrap();
        let excerpt = Excerpt::read(&path, 1.0, 1.0, NonFinitePolicy::Zero).unwrap();
        assert_eq!((excerpt.recording.replaced_samples, excerpt.audio.samples()), (2, 1000));
        assert!(Excerpt::read(&path, 1.0, 1.0, NonFinitePolicy::Error).is_err());
    }
}
