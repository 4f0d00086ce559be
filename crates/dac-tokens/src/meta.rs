//! Metadata of tokens: one list of fields, from which every file format, data set and report derives its own.

use std::fmt;
use std::iter;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// Defines [`TokenMeta`] and the functions that visit its fields by name.
macro_rules! token_meta {
    ($($(#[$attribute:meta])* $name:ident: $type:ty,)*) => {
        /// Metadata about the signal and the model that the tokens come from. Every field may be unknown.
        ///
        /// The names and the order of the fields are those of the JSON object and of the columns in a data
        /// set.
        #[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
        #[serde(default)]
        #[non_exhaustive]
        pub struct TokenMeta {
            $($(#[$attribute])* pub $name: Option<$type>,)*
        }

        impl TokenMeta {
            /// Lists all fields in order, unknown ones too.
            pub fn fields(&self) -> impl Iterator<Item = MetaField<'_>> {
                [$(MetaField {
                    name: stringify!($name),
                    kind: <$type as FieldType>::KIND,
                    value: self.$name.as_ref().map(FieldType::to_value),
                },)*]
                .into_iter()
            }

            /// Sets a field from its text and ignores unknown names. Returns the field's name if the text is
            /// invalid.
            pub(crate) fn set(&mut self, name: &str, text: &str) -> Result<(), &'static str> {
                match name {
                    $(stringify!($name) => {
                        self.$name = Some(text.parse().map_err(|_| stringify!($name))?);
                    })*
                    _ => {}
                }
                Ok(())
            }
        }
    };
}

token_meta! {
    /// Name of the model, such as `44khz`.
    model: String,
    /// SHA-256 of the weights file, 64 hexadecimal digits.
    weights_sha256: String,
    /// Sampling rate of the model, in Hz.
    model_rate_hz: u32,
    /// Sampling rate of the input before resampling, in Hz.
    input_rate_hz: u32,
    /// Length of the input, in samples at its own rate.
    input_samples: u64,
    /// Entries per codebook.
    codebook_size: usize,
    /// Samples per frame, at the model's rate.
    hop_samples: usize,
    /// Samples of the input, over all channels, that were NaN or infinite and were encoded as 0. `None` if
    /// there were none. Only safetensors files store it.
    replaced_samples: u64,
    /// `true` if the input file was truncated and only its beginning was encoded, `None` otherwise. Only
    /// safetensors files store it.
    input_truncated: bool,
    /// Measured loudness of the input, in dB (LUFS). Decoding can restore it.
    input_db: f32,
    /// Frames per window, in windowed mode.
    chunk_frames: u64,
    /// Whether the convolutions padded (one window over the whole signal), in windowed mode.
    padding: bool,
}

impl TokenMeta {
    /// Duration of the input in seconds, if its length and rate are known.
    pub fn audio_seconds(&self) -> Option<f64> {
        let rate_hz = self.input_rate_hz.filter(|&rate_hz| rate_hz > 0)?;
        Some(self.input_samples? as f64 / f64::from(rate_hz))
    }

    /// Lists all [`fields`](Self::fields), and `audio_seconds` after `input_samples`.
    pub fn fields_with_duration(&self) -> impl Iterator<Item = MetaField<'_>> {
        let value = self.audio_seconds().map(MetaValue::Double);
        let duration = MetaField { name: "audio_seconds", kind: MetaKind::Double, value };
        self.fields().flat_map(move |field| {
            let next = (field.name == "input_samples").then_some(duration);
            iter::once(field).chain(next)
        })
    }
}

/// A field of [`TokenMeta`].
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct MetaField<'a> {
    /// Name of the field.
    pub name: &'static str,
    /// Type of its values.
    pub kind: MetaKind,
    /// Its value, if known.
    pub value: Option<MetaValue<'a>>,
}

/// Type of a metadata value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MetaKind {
    /// UTF-8 text.
    Text,
    /// An unsigned integer.
    Integer,
    /// A float of 32 bits.
    Float,
    /// A float of 64 bits.
    Double,
    /// True or false.
    Flag,
}

/// A metadata value. Serialises as the plain value.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
#[serde(untagged)]
pub enum MetaValue<'a> {
    /// UTF-8 text.
    Text(&'a str),
    /// An unsigned integer.
    Integer(u64),
    /// A float of 32 bits.
    Float(f32),
    /// A float of 64 bits.
    Double(f64),
    /// True or false.
    Flag(bool),
}

impl fmt::Display for MetaValue<'_> {
    /// Writes the text that reads back as the same value; for floats, the shortest one.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Text(text) => f.write_str(text),
            Self::Integer(value) => value.fmt(f),
            Self::Float(value) => value.fmt(f),
            Self::Double(value) => value.fmt(f),
            Self::Flag(value) => value.fmt(f),
        }
    }
}

/// A type that a metadata field can have.
trait FieldType: FromStr {
    const KIND: MetaKind;

    fn to_value(&self) -> MetaValue<'_>;
}

macro_rules! field_type {
    ($type:ty, $kind:ident, $value:ident => $to_value:expr) => {
        impl FieldType for $type {
            const KIND: MetaKind = MetaKind::$kind;

            fn to_value(&self) -> MetaValue<'_> {
                let $value = self;
                MetaValue::$kind($to_value)
            }
        }
    };
}

field_type!(String, Text, text => text);
field_type!(u32, Integer, value => u64::from(*value));
field_type!(u64, Integer, value => *value);
field_type!(usize, Integer, value => *value as u64);
field_type!(f32, Float, value => *value);
field_type!(bool, Flag, value => *value);

#[cfg(test)]
mod tests {
    use super::*;

    fn full() -> TokenMeta {
        TokenMeta {
            model: Some("44khz".into()),
            weights_sha256: Some("ab".repeat(32)),
            model_rate_hz: Some(44100),
            input_rate_hz: Some(48000),
            input_samples: Some(1 << 50),
            replaced_samples: Some(3),
            input_truncated: Some(true),
            codebook_size: Some(1024),
            hop_samples: Some(512),
            input_db: Some(-23.456_789),
            chunk_frames: Some(87),
            padding: Some(false),
        }
    }

    #[test]
    fn every_field_round_trips_as_text() {
        let mut copy = TokenMeta::default();
        for field in full().fields() {
            copy.set(field.name, &field.value.unwrap().to_string()).unwrap();
        }
        assert_eq!(copy, full());
        assert_eq!(copy.set("hop_samples", "-1"), Err("hop_samples"));
        assert_eq!(copy.set("anything", "else"), Ok(()));
    }

    #[test]
    fn json_contains_every_field_and_round_trips() {
        let names: Vec<_> = full().fields().map(|field| field.name).collect();
        for meta in [full(), TokenMeta::default()] {
            let json = serde_json::to_value(&meta).unwrap();
            assert!(names.iter().all(|name| json.get(name).is_some()), "{json}");
            assert_eq!(json.as_object().unwrap().len(), names.len());
            assert_eq!(serde_json::from_value::<TokenMeta>(json).unwrap(), meta);
        }
        assert_eq!(serde_json::from_str::<TokenMeta>("{\"other\": 1}").unwrap(), TokenMeta::default());
    }

    #[test]
    fn a_duration_needs_length_and_rate() {
        let mut meta = TokenMeta { input_samples: Some(22050), ..TokenMeta::default() };
        assert_eq!(meta.audio_seconds(), None);
        meta.input_rate_hz = Some(0);
        assert_eq!(meta.audio_seconds(), None);
        meta.input_rate_hz = Some(44100);
        assert_eq!(meta.audio_seconds(), Some(0.5));
    }
}
