//! The `config.json` next to a safetensors checkpoint.

use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};

use serde_json::Value;
use thiserror::Error;

/// Bytes after which reading stops.
const MAX_BYTES: u64 = 1 << 20;

/// A `config.json` that cannot be read or contains an invalid value.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[non_exhaustive]
#[error("{}: {reason}", path.display())]
pub struct ConfigJsonError {
    /// Path of the `config.json`.
    pub path: PathBuf,
    /// Cause.
    pub reason: String,
}

/// Settings that a checkpoint's tensors do not contain. All are `None` if there is no `config.json`.
#[derive(Debug, Clone, Default, PartialEq)]
#[non_exhaustive]
pub struct ConfigJson {
    /// `sampling_rate` of the transformers library, in Hz.
    pub sampling_rate_hz: Option<i64>,
    /// `encoding_chunk_size_in_sec` of the hance-ai wrapper, in seconds.
    pub encoding_chunk_seconds: Option<f64>,
    /// `decoding_chunk_rate` of the hance-ai wrapper, from 0 to 1.
    pub decoding_chunk_rate: Option<f64>,
    /// `decoding_overlap_rate` of the hance-ai wrapper, from 0 to 1.
    pub decoding_overlap_rate: Option<f64>,
    error: Option<ConfigJsonError>,
}

impl ConfigJson {
    /// Reads the `config.json` in the directory of the checkpoint `weights`.
    ///
    /// Never fails: invalid values of the wrapper's settings are reported by [`ConfigJson::check`].
    pub fn next_to(weights: &Path) -> Self {
        let path = weights.with_file_name("config.json");
        let Ok(file) = File::open(&path) else { return Self::default() };
        let mut text = Vec::new();
        let value = match file.take(MAX_BYTES).read_to_end(&mut text) {
            Ok(_) => serde_json::from_slice(&text).map_err(|error| error.to_string()),
            Err(error) => Err(error.to_string()),
        };
        let (mut config, reason) = match value {
            Ok(value) => Self::from_value(&value),
            Err(reason) => (Self::default(), Some(reason)),
        };
        config.error = reason.map(|reason| ConfigJsonError { path, reason });
        config
    }

    /// Reports the first problem that [`ConfigJson::next_to`] found.
    ///
    /// # Errors
    /// When the file is not a JSON object or a setting of the wrapper is not a number in its range.
    pub fn check(self) -> Result<Self, ConfigJsonError> {
        match self.error {
            Some(error) => Err(error),
            None => Ok(self),
        }
    }

    /// Extracts the settings, with the reason why the first invalid one is invalid.
    fn from_value(value: &Value) -> (Self, Option<String>) {
        let mut reason = (!value.is_object()).then(|| "expected a JSON object".to_owned());
        let mut number = |key: &str, expected: &str, is_valid: fn(f64) -> bool| {
            let found = value.get(key).filter(|found| !found.is_null())?;
            let number = found.as_f64();
            if !number.is_some_and(is_valid) {
                reason.get_or_insert_with(|| format!("{key} is {found}, expected {expected}"));
            }
            number
        };
        let is_rate = |rate: f64| (0.0..=1.0).contains(&rate);
        let config = Self {
            sampling_rate_hz: value.get("sampling_rate").and_then(Value::as_i64),
            encoding_chunk_seconds: number("encoding_chunk_size_in_sec", "a number above 0", |seconds| {
                seconds > 0.0
            }),
            decoding_chunk_rate: number("decoding_chunk_rate", "a number from 0 to 1", is_rate),
            decoding_overlap_rate: number("decoding_overlap_rate", "a number from 0 to 1", is_rate),
            error: None,
        };
        (config, reason)
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    fn read(text: &str) -> ConfigJson {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("config.json"), text).unwrap();
        ConfigJson::next_to(&folder.path().join("model.safetensors"))
    }

    #[test]
    fn settings_of_the_wrapper_are_read() {
        let config = read(
            r#"{"model_type_by_sampling_freq": {"44100": "44khz"}, "encoding_chunk_size_in_sec": 2,
                "decoding_chunk_rate": 0.25, "decoding_overlap_rate": 0.0}"#,
        );
        let config = config.check().unwrap();
        assert_eq!(config.encoding_chunk_seconds, Some(2.0));
        assert_eq!((config.decoding_chunk_rate, config.decoding_overlap_rate), (Some(0.25), Some(0.0)));
        assert_eq!(config.sampling_rate_hz, None);
    }

    #[test]
    fn the_sampling_rate_of_transformers_is_read() {
        let config = read(r#"{"sampling_rate": 44100}"#).check().unwrap();
        assert_eq!(config, ConfigJson { sampling_rate_hz: Some(44100), ..ConfigJson::default() });
    }

    #[test]
    fn a_missing_file_has_no_settings() {
        let config = ConfigJson::next_to(Path::new("nowhere/model.safetensors"));
        assert_eq!(config.check(), Ok(ConfigJson::default()));
    }

    #[test]
    fn invalid_files_and_values_are_reported_by_check() {
        for (text, reason) in [
            ("", "EOF"),
            ("[]", "expected a JSON object"),
            (r#"{"decoding_chunk_rate": 2}"#, "decoding_chunk_rate is 2, expected a number from 0 to 1"),
            (r#"{"encoding_chunk_size_in_sec": 0}"#, "encoding_chunk_size_in_sec is 0, expected"),
            (r#"{"decoding_overlap_rate": "x"}"#, r#"decoding_overlap_rate is "x", expected"#),
        ] {
            let error = read(text).check().unwrap_err().to_string();
            assert!(error.contains("config.json: ") && error.contains(reason), "{text}: {error}");
        }
    }

    #[test]
    fn valid_values_are_kept_next_to_invalid_ones() {
        let config = read(r#"{"sampling_rate": 24000, "decoding_overlap_rate": "x"}"#);
        assert_eq!((config.sampling_rate_hz, config.decoding_overlap_rate), (Some(24000), None));
    }
}
