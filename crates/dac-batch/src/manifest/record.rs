//! Record of one job: a line of a manifest and of `--json` output.

use std::path::Path;
use std::sync::Arc;

use dac::Dac;
use serde::{Deserialize, Serialize};

/// Result of a job.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Status {
    /// Done in this run.
    #[default]
    Ok,
    /// Done by an earlier run and still valid.
    Skipped,
    /// Failed; `error` has the reason.
    Error,
    /// To be done; dry runs only.
    Planned,
    /// Not done, because the input is too short or too long. Only printed: manifests do not contain it.
    Dropped,
}

/// Record of one job. Every key is always written; unknown values are null.
///
/// Texts that many records share are `Arc<str>`, so that a [`ManifestIndex`](super::ManifestIndex) holds each
/// once.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Record {
    /// Path of the input as given or found.
    pub input: Box<str>,
    /// Identifies the job in a manifest: the [`output_key`](super::output_key) of its (first) output, or the
    /// sample key of its entry in a pack.
    pub key: Option<Box<str>>,
    /// Path of the (first) output; of the shard for an entry of a pack.
    pub output: Option<Box<str>>,
    /// Path below the output directory of the shard that contains the entry, for packed outputs;
    /// `output_bytes` and `output_sha256` are then those of the shard. For a row that failed, the shard that
    /// has the name of its data set and lacks it.
    pub pack: Option<Arc<str>>,
    /// Name of the model, such as `44khz`.
    pub model: Option<Arc<str>>,
    /// SHA-256 of the model's weights, in lower-case hexadecimal.
    pub weights_sha256: Option<Arc<str>>,
    /// Settings that the output depends on in addition to input and weights, as `name=value` separated by
    /// spaces.
    pub settings: Option<Arc<str>>,
    /// Size of the input in bytes.
    pub input_bytes: Option<u64>,
    /// Modification time of the input, in seconds since 1970.
    pub input_modified_s: Option<f64>,
    /// SHA-256 of the input, in lower-case hexadecimal.
    pub input_sha256: Option<Box<str>>,
    /// Length of the original audio, in samples per channel at its own rate.
    pub input_samples: Option<u64>,
    /// Sample rate of the original audio, in Hz.
    pub input_rate_hz: Option<u32>,
    /// `true` when the original audio was truncated and its available samples were encoded.
    pub input_truncated: Option<bool>,
    /// Number of samples per channel that were damaged in the original file and replaced by silence.
    pub damaged_samples: Option<u64>,
    /// Warning about the original file, for example that ffmpeg read it.
    pub input_warning: Option<Box<str>>,
    /// Number of encoded channels.
    pub channels: Option<usize>,
    /// Number of frames.
    pub frames: Option<usize>,
    /// Number of codebooks.
    pub codebooks: Option<usize>,
    /// Duration of the audio, in seconds.
    pub audio_seconds: Option<f64>,
    /// Duration of the work, in seconds.
    pub elapsed_seconds: f64,
    /// End of the work, in seconds since 1970; unknown in records of early versions.
    pub finished_s: Option<f64>,
    /// Size of the (first) output in bytes.
    pub output_bytes: Option<u64>,
    /// SHA-256 of the (first) output, in lower-case hexadecimal.
    pub output_sha256: Option<Box<str>>,
    /// Result of the job.
    pub status: Status,
    /// Reason of a failure.
    pub error: Option<Box<str>>,
    /// Additional keys of a round trip.
    #[serde(flatten)]
    pub roundtrip: Option<Box<Roundtrip>>,
}

/// Keys that the record of a round trip has in addition.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Roundtrip {
    /// Path of the decoded file.
    pub decoded: String,
    /// SI-SDR of the decoded audio against the original, in dB; null if infinite.
    pub si_sdr_db: Option<f64>,
    /// Mel distance between the two, as defined by the reference codec; null if unknown.
    #[serde(default)]
    pub mel_distance: Option<f64>,
    /// STFT distance between the two, as defined by the reference codec; null if unknown.
    #[serde(default)]
    pub stft_distance: Option<f64>,
    /// Size of the token file in bytes.
    pub token_bytes: u64,
    /// Size of the decoded file in bytes.
    pub decoded_bytes: u64,
    /// SHA-256 of the decoded file, in lower-case hexadecimal.
    #[serde(default)]
    pub decoded_sha256: Option<String>,
    /// Bitrate of the codes without the file format, in kbit/s.
    pub nominal_kbps: f64,
    /// Bitrate of the token file, in kbit/s.
    pub file_kbps: Option<f64>,
}

impl Record {
    /// Record of an input of which nothing else is known yet.
    pub fn new(input: &Path) -> Self {
        Self { input: input.display().to_string().into(), ..Self::default() }
    }

    /// Sets length and rate of the original audio, and with them its duration.
    pub(crate) fn set_input(&mut self, samples: Option<u64>, rate_hz: Option<u32>) {
        self.input_samples = samples;
        self.input_rate_hz = rate_hz;
        let rate_hz = rate_hz.filter(|rate_hz| *rate_hz > 0);
        self.audio_seconds = samples.zip(rate_hz).map(|(samples, rate)| samples as f64 / f64::from(rate));
    }

    pub(crate) fn set_model(&mut self, dac: &Dac) {
        self.model = Some(dac.info().name.as_str().into());
        self.weights_sha256 = Some(dac.info().weights_sha256.as_str().into());
    }

    /// Reports whether the output exists and has a hash to recognise it by.
    pub fn is_done(&self) -> bool {
        matches!(self.status, Status::Ok | Status::Skipped) && self.output_sha256.is_some()
    }

    /// SHA-256 of the decoded file of a round trip.
    pub fn decoded_sha256(&self) -> Option<&str> {
        self.roundtrip.as_ref()?.decoded_sha256.as_deref()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_duration_needs_length_and_rate() {
        let mut record = Record::default();
        record.set_input(Some(22050), Some(44100));
        assert_eq!(record.audio_seconds, Some(0.5));
        record.set_input(Some(1), Some(0));
        assert_eq!(record.audio_seconds, None);
    }
}
