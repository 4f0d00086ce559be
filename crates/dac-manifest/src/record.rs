//! What is said of one file.

use std::path::Path;

use serde::{Deserialize, Serialize};

/// How a file fared.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Status {
    /// Done.
    #[default]
    Ok,
    /// Done before, and still valid.
    Skipped,
    /// Not done; `error` says why.
    Error,
    /// Would be done, were it not a rehearsal.
    Planned,
}

/// The record of one file: a line of a manifest, and of `--json`. Every key is always written; what is not known is null.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Record {
    /// The input's path as it was given or found.
    pub input: String,
    /// The [`key_of`](crate::key_of) the (first) result below the output folder, or the entry of a pack: what names the file in a
    /// manifest.
    pub key: Option<String>,
    /// The (first) result's path.
    pub output: Option<String>,
    /// The pack that holds the result, below the output folder, where results are packed; `output` and its bytes and hash are
    /// the pack's then.
    pub pack: Option<String>,
    /// The model's name.
    pub model: Option<String>,
    /// SHA-256 of the model's weights, in lower-case hexadecimal.
    pub weights_sha256: Option<String>,
    /// Everything else that the result depends on, as one line of text that is equal where the settings are.
    pub settings: Option<String>,
    /// Bytes of the input.
    pub input_bytes: Option<u64>,
    /// When the input was last changed, in seconds since 1970.
    pub input_modified_s: Option<f64>,
    /// SHA-256 of the input, in lower-case hexadecimal.
    pub input_sha256: Option<String>,
    /// Samples of the original at its own rate.
    pub input_samples: Option<u64>,
    /// The original's sample rate in Hz.
    pub input_rate_hz: Option<u32>,
    /// That the original ended before what it promised; what there was of it is coded.
    pub input_truncated: Option<bool>,
    /// Channels that are coded.
    pub channels: Option<usize>,
    /// Frames of codes.
    pub frames: Option<usize>,
    /// Codebooks.
    pub codebooks: Option<usize>,
    /// Seconds of audio.
    pub audio_seconds: Option<f64>,
    /// Seconds that the work took.
    pub elapsed_seconds: f64,
    /// When it ended, in seconds since 1970; not known of records that earlier versions wrote.
    pub finished_s: Option<f64>,
    /// Bytes of the (first) result.
    pub output_bytes: Option<u64>,
    /// SHA-256 of the (first) result, in lower-case hexadecimal.
    pub output_sha256: Option<String>,
    /// How it went.
    pub status: Status,
    /// Why it did not.
    pub error: Option<String>,
    /// What a round trip adds.
    #[serde(flatten)]
    pub roundtrip: Option<Roundtrip>,
}

/// What a round trip adds.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Roundtrip {
    /// The decoded file.
    pub decoded: String,
    /// SI-SDR of the decode against the original, in dB; null where it is infinite.
    pub si_sdr_db: Option<f64>,
    /// The mel distance of the two, the reference codec's own measure; null where it is not known.
    #[serde(default)]
    pub mel_distance: Option<f64>,
    /// The STFT distance of the two, the reference codec's too.
    #[serde(default)]
    pub stft_distance: Option<f64>,
    /// Bytes of the token file.
    pub token_bytes: u64,
    /// Bytes of the decoded file.
    pub decoded_bytes: u64,
    /// SHA-256 of the decoded file, in lower-case hexadecimal.
    #[serde(default)]
    pub decoded_sha256: Option<String>,
    /// Kilobits a second of the codes alone.
    pub nominal_kbps: f64,
    /// Kilobits a second of the token file.
    pub file_kbps: Option<f64>,
}

impl Record {
    /// The record of an input of which nothing else is known yet.
    pub fn of(input: &Path) -> Self {
        Self { input: input.display().to_string(), ..Self::default() }
    }

    /// Whether the result was made, with a hash by which it can be told.
    pub fn is_done(&self) -> bool {
        matches!(self.status, Status::Ok | Status::Skipped) && self.output_sha256.is_some()
    }

    /// Sets length and rate of the original, and so its duration.
    pub fn set_input(&mut self, samples: Option<u64>, rate_hz: Option<u32>) {
        self.input_samples = samples;
        self.input_rate_hz = rate_hz;
        self.audio_seconds = match (samples, rate_hz) {
            (Some(samples), Some(rate_hz)) if rate_hz > 0 => Some(samples as f64 / f64::from(rate_hz)),
            _ => None,
        };
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_record_has_every_key_even_when_nothing_is_known() {
        let record = Record { status: Status::Error, ..Record::of(Path::new("a.wav")) };
        let value = serde_json::to_value(&record).unwrap();
        let keys = "input key output pack model weights_sha256 settings input_bytes input_modified_s input_sha256 \
                    input_samples input_rate_hz input_truncated channels frames codebooks audio_seconds elapsed_seconds finished_s output_bytes output_sha256 status error";
        let mut expected: Vec<_> = keys.split_whitespace().collect();
        expected.sort_unstable();
        let mut found: Vec<_> = value.as_object().unwrap().keys().map(String::as_str).collect();
        found.sort_unstable();
        assert_eq!(found, expected);
        assert_eq!(value["status"], "error");
        assert_eq!(serde_json::from_value::<Record>(value).unwrap(), record);
    }

    #[test]
    fn a_round_trip_comes_back_and_unknown_keys_do_not_matter() {
        let roundtrip = Roundtrip {
            decoded: "a.wav".to_owned(),
            si_sdr_db: None,
            mel_distance: Some(0.5),
            stft_distance: None,
            token_bytes: 1,
            decoded_bytes: 2,
            decoded_sha256: Some("0".repeat(64)),
            nominal_kbps: 7.75,
            file_kbps: Some(8.0),
        };
        let record = Record { roundtrip: Some(roundtrip), ..Record::of(Path::new("a")) };
        let mut value = serde_json::to_value(&record).unwrap();
        value["of_a_later_version"] = 1.into();
        assert_eq!(serde_json::from_value::<Record>(value).unwrap(), record);
    }

    #[test]
    fn a_duration_needs_both_length_and_rate() {
        let mut record = Record::default();
        record.set_input(Some(22050), Some(44100));
        assert_eq!(record.audio_seconds, Some(0.5));
        record.set_input(Some(1), Some(0));
        assert_eq!(record.audio_seconds, None);
    }
}
