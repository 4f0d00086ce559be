//! The `config.json` next to a safetensors checkpoint.

use std::fs::File;
use std::io::{ErrorKind, Read};
use std::path::{Path, PathBuf};

use serde_json::Value;
use thiserror::Error;

use super::properties::{Fact, config_keys};

/// Bytes after which reading stops.
const MAX_BYTES: u64 = 1 << 20;
/// Key of the codec's settings in the `config.json` of a speech model.
const PART: &str = "audio_encoder";
/// Longest value shown in a message, in characters.
const SHOWN_CHARACTERS: usize = 80;

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
        ConfigFile::next_to(weights).map(|file| file.settings()).unwrap_or_default()
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
        let mut reason = None;
        let mut number = |key: &str, expected: &str, is_valid: fn(f64) -> bool| {
            let found = value.get(key).filter(|found| !found.is_null())?;
            let number = found.as_f64();
            if !number.is_some_and(is_valid) {
                reason.get_or_insert_with(|| format!("{key} is {found:.80}, expected {expected}"));
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

/// A `config.json` that exists.
#[derive(Debug)]
pub(crate) struct ConfigFile {
    path: PathBuf,
    /// The JSON object, or the reason why the file does not contain one.
    content: Result<Value, String>,
}

impl ConfigFile {
    /// Reads the `config.json` in the directory of the checkpoint `weights`; `None` if it does not exist.
    pub(crate) fn next_to(weights: &Path) -> Option<Self> {
        let path = weights.with_file_name("config.json");
        let content = match File::open(&path) {
            Ok(file) => read(file),
            Err(error) if error.kind() == ErrorKind::NotFound => return None,
            Err(error) => Err(format!("cannot be read: {error}")),
        };
        Some(Self { path, content })
    }

    fn settings(&self) -> ConfigJson {
        let (mut config, reason) = match &self.content {
            Ok(value) => ConfigJson::from_value(value),
            Err(reason) => (ConfigJson::default(), Some(reason.clone())),
        };
        config.error = reason.map(|reason| ConfigJsonError { path: self.path.clone(), reason });
        config
    }

    /// Names a key for messages.
    pub(crate) fn place(&self, key: &str) -> String {
        format!("{key} in {}", self.path.display())
    }

    /// Number or list of numbers under `key`. With `is_part`, the codec is part of a larger model, and its
    /// keys are in the object `audio_encoder`, if there is one.
    pub(crate) fn fact(&self, key: &str, is_part: bool) -> Option<Fact> {
        let value = self.content.as_ref().ok()?;
        let part = if is_part { value.get(PART).filter(|part| part.is_object()) } else { None };
        let value = part.unwrap_or(value).get(key)?;
        let list = || value.as_array()?.iter().map(integer).collect::<Option<_>>().map(Fact::Numbers);
        integer(value).map(Fact::Number).or_else(list)
    }

    /// Describes what is ignored because it has no meaning.
    pub(crate) fn warnings(&self) -> Vec<String> {
        let mut warnings: Vec<String> = self.settings().error.iter().map(|error| error.to_string()).collect();
        let Ok(value) = &self.content else { return warnings };
        for (key, is_list) in config_keys() {
            let Some(found) = value.get(key).filter(|found| !found.is_null()) else { continue };
            let is_valid = match found.as_array() {
                Some(items) => is_list && items.iter().all(|item| integer(item).is_some()),
                None => !is_list && integer(found).is_some(),
            };
            if !is_valid {
                let found: String = found.to_string().chars().take(SHOWN_CHARACTERS).collect();
                let expected = if is_list { "a list of integers" } else { "an integer" };
                warnings.push(format!("{} is {found}, expected {expected}; it is ignored", self.place(key)));
            }
        }
        warnings
    }
}

/// Value of an integer, also if it is written as a float.
fn integer(value: &Value) -> Option<i64> {
    let of_float = || {
        let float = value.as_f64()?;
        (float.fract() == 0.0 && float.abs() < 1e15).then_some(float as i64)
    };
    value.as_i64().or_else(of_float)
}

fn read(file: File) -> Result<Value, String> {
    let mut text = Vec::new();
    file.take(MAX_BYTES).read_to_end(&mut text).map_err(|error| format!("cannot be read: {error}"))?;
    let value: Value = serde_json::from_slice(&text)
        .map_err(|error| format!("is ignored, because it is not valid JSON: {error}"))?;
    if value.is_object() { Ok(value) } else { Err("expected a JSON object".to_owned()) }
}
