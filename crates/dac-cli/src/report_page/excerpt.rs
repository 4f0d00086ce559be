//! The part of a recording that a report is of.

use std::path::Path;

use anyhow::Error;
use dac::audio::{AudioReader, AudioSlice, AudioSpec, ModelRateReader, NonFinitePolicy, Planar};
use dac::{Audio, ChannelMix};

use crate::exit::Usage;

/// Samples a block that is read.
const BLOCK_SAMPLES: usize = 1 << 16;

/// A part of a recording, at its own rate and with all its channels.
pub(super) struct Excerpt {
    pub(super) spec: AudioSpec,
    pub(super) audio: Audio,
    /// Where it begins in the recording.
    pub(super) start_samples: u64,
    /// Whether the recording goes on after it.
    pub(super) cut: bool,
    /// Values that were not finite and count as 0.
    pub(super) replaced_samples: u64,
    /// Whether the file ended before what it promised.
    pub(super) truncated: bool,
}

impl Excerpt {
    /// Reads at most `duration_s` from `start_s` on, and no further.
    ///
    /// # Errors
    /// When the file is not audio, is broken so far, or ends before `start_s`.
    pub(super) fn read(
        input: &Path,
        start_s: f64,
        duration_s: f64,
        non_finite: NonFinitePolicy,
    ) -> Result<Self, Error> {
        let mut reader = AudioReader::open(input)?.with_non_finite(non_finite);
        let spec = reader.spec().clone();
        let samples = |seconds: f64| (seconds * f64::from(spec.sample_rate_hz)).round() as u64;
        let (start, length) = (samples(start_s), samples(duration_s).max(1));
        let end = start.saturating_add(length);
        let mut channels: Planar = vec![Vec::new(); spec.channels];
        let mut replaced_before = 0;
        let mut cut = false;
        loop {
            let position = reader.position();
            if position < start {
                replaced_before = reader.replaced_samples();
            }
            // One sample more than wanted tells whether there are any.
            let wanted = if position < start { start - position } else { end + 1 - position };
            let Some(block) = reader.next_block(wanted.min(BLOCK_SAMPLES as u64) as usize)? else { break };
            if position < start {
                replaced_before = reader.replaced_samples();
                continue;
            }
            let left = (end - position) as usize;
            for (channel, samples) in channels.iter_mut().zip(&block) {
                channel.extend(samples.iter().take(left));
            }
            if block.first().is_some_and(|samples| samples.len() > left) {
                cut = true;
                break;
            }
        }
        let audio = Audio { channels, rate_hz: spec.sample_rate_hz };
        if audio.samples() == 0 && start > 0 {
            let seconds = reader.position() as f64 / f64::from(spec.sample_rate_hz);
            let what = format!("--start {start_s}: {} has {seconds:.2} s", input.display());
            return Err(Usage(what).into());
        }
        let replaced_samples = reader.replaced_samples() - replaced_before;
        let truncated = reader.is_truncated();
        Ok(Self { spec, audio, start_samples: start, cut, replaced_samples, truncated })
    }

    /// Its length in seconds.
    pub(super) fn seconds(&self) -> f64 {
        self.audio.samples() as f64 / f64::from(self.audio.rate_hz)
    }

    /// Where it begins in the recording, in seconds.
    pub(super) fn start_seconds(&self) -> f64 {
        self.start_samples as f64 / f64::from(self.audio.rate_hz)
    }

    /// The signal that is coded: mixed, and at the model's rate.
    ///
    /// # Errors
    /// When the rate cannot be resampled.
    pub(super) fn coded(&self, channels: ChannelMix, rate_hz: u32) -> Result<Audio, Error> {
        let Audio { channels: samples, rate_hz: input_hz } = &self.audio;
        let non_finite = NonFinitePolicy::Error;
        let slice = AudioSlice { name: "the excerpt", channels: samples, rate_hz: *input_hz, non_finite };
        let channels = ModelRateReader::from_memory(slice, channels, rate_hz)?.read_all()?;
        Ok(Audio { channels, rate_hz })
    }
}

#[cfg(test)]
mod tests {
    use dac::SampleFormat;

    use super::*;

    #[test]
    fn an_excerpt_is_the_samples_from_start_to_end() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.wav");
        let samples: Vec<f32> = (0..200_000).map(|n| n as f32 / 200_000.0).collect();
        let audio = Audio { channels: vec![samples.clone(), vec![0.25; 200_000]], rate_hz: 1000 };
        audio.write(&path, SampleFormat::F32).unwrap();
        let read = |start_s, duration_s| Excerpt::read(&path, start_s, duration_s, NonFinitePolicy::Error);
        for (start_s, duration_s, range, cut) in [
            (0.0, 30.0, 0..30_000, true),
            (0.0, 200.0, 0..200_000, false),
            (0.0, 199.999, 0..199_999, true),
            (150.5, 0.001, 150_500..150_501, true),
            (199.0, 1e9, 199_000..200_000, false),
            (66.0, 70.0, 66_000..136_000, true),
        ] {
            let excerpt = read(start_s, duration_s).unwrap();
            assert_eq!(excerpt.audio.channels[0], samples[range], "{start_s} {duration_s}");
            assert_eq!((excerpt.cut, excerpt.start_seconds()), (cut, start_s));
        }
        let error = read(200.0, 1.0).err().unwrap().to_string();
        assert!(error.contains("200.00 s"), "{error}");
    }

    #[test]
    fn only_values_of_the_excerpt_are_counted() {
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
        assert_eq!((excerpt.replaced_samples, excerpt.audio.samples()), (2, 1000));
        assert!(Excerpt::read(&path, 1.0, 1.0, NonFinitePolicy::Error).is_err());
    }
}
