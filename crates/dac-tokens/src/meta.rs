//! Metadata of tokens: one list of fields, from which every file format, data set and report derives its own.

use std::iter;

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
                [$(MetaField { name: stringify!($name), value: (&self.$name).into() }),*].into_iter()
            }

            /// Takes fields that are unknown from `other`.
            #[must_use]
            pub fn or(self, other: Self) -> Self {
                Self { $($name: self.$name.or(other.$name)),* }
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
    /// Samples per channel of the input that were damaged or missing and were encoded as silence. `None` if
    /// there was no damage. Only safetensors files store it.
    damaged_samples: u64,
    /// Audio of the input that was not read, a header that had to be corrected, or channels that cancel each
    /// other in their mean. Only safetensors files store it.
    input_warning: String,
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
        let duration = MetaField { name: "audio_seconds", value: MetaValue::Double(self.audio_seconds()) };
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
    /// Its value.
    pub value: MetaValue<'a>,
}

/// A metadata value, or `None` if it is unknown. Serialises as the plain value or null.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
#[serde(untagged)]
pub enum MetaValue<'a> {
    /// UTF-8 text.
    Text(Option<&'a str>),
    /// An unsigned integer.
    Integer(Option<u64>),
    /// A float of 32 bits.
    Float(Option<f32>),
    /// A float of 64 bits.
    Double(Option<f64>),
    /// True or false.
    Flag(Option<bool>),
}

impl MetaValue<'_> {
    /// Reports whether there is a value.
    pub fn is_known(self) -> bool {
        match self {
            Self::Text(value) => value.is_some(),
            Self::Integer(value) => value.is_some(),
            Self::Float(value) => value.is_some(),
            Self::Double(value) => value.is_some(),
            Self::Flag(value) => value.is_some(),
        }
    }

    /// Formats a known value as the text that parses to the same value; for floats, the shortest one.
    pub(crate) fn to_text(self) -> Option<String> {
        match self {
            Self::Text(value) => value.map(str::to_owned),
            Self::Integer(value) => value.map(|value| value.to_string()),
            Self::Float(value) => value.map(|value| value.to_string()),
            Self::Double(value) => value.map(|value| value.to_string()),
            Self::Flag(value) => value.map(|value| value.to_string()),
        }
    }
}

/// Converts fields of these types.
macro_rules! from_fields {
    ($($type:ty => $variant:ident($convert:expr),)*) => {
        $(impl<'a> From<&'a Option<$type>> for MetaValue<'a> {
            fn from(field: &'a Option<$type>) -> Self {
                Self::$variant(field.as_ref().map($convert))
            }
        })*
    };
}

from_fields! {
    String => Text(String::as_str),
    u32 => Integer(|&value| value.into()),
    u64 => Integer(|&value| value),
    usize => Integer(|&value| value as u64),
    f32 => Float(|&value| value),
    bool => Flag(|&value| value),
}
