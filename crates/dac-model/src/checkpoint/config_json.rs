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
