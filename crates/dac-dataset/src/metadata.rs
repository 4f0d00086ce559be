//! Metadata of an entry of a data set.

use dac_rvq::Codes;
use dac_tokens::{MetaField, MetaValue, TokenFile, TokenMeta};
use serde::ser::SerializeMap;
use serde::{Deserialize, Serialize, Serializer};
use serde_json::{Map, Value};

/// Extension of the metadata next to a JSON member that passes through.
pub(crate) const METADATA_EXTENSION: &str = "dac.json";

/// Metadata of an entry: the JSON object in a tar shard, and the columns of a parquet file.
#[derive(Debug, Default)]
pub(crate) struct EntryMetadata {
    pub(crate) key: String,
    /// Path of the encoded input, as given by the user.
    pub(crate) input: String,
    pub(crate) channels: usize,
    /// Number of codebooks, if there are codes.
    pub(crate) codebooks: Option<usize>,
    pub(crate) frames: usize,
    pub(crate) meta: TokenMeta,
}

impl EntryMetadata {
    /// Collects the metadata of `tokens`, which were encoded from the file `input`.
    pub(crate) fn new(key: &str, input: &str, tokens: &TokenFile) -> Self {
        let [channels, _, frames] = tokens.shape().unwrap_or_default();
        Self {
            key: key.to_owned(),
            input: input.to_owned(),
            channels,
            codebooks: tokens.codes.as_ref().map(Codes::codebooks),
            frames,
            meta: tokens.meta.clone(),
        }
    }
}

/// Fields that only some token formats have: for all entries of a data set or for none.
const OF_SOME_FORMATS: [&str; 3] = ["input_db", "chunk_frames", "padding"];

/// Replaces an unknown value by an empty text, 0 or false, except in fields of some formats. Readers derive
/// the types of a data set from its first entries, which must therefore contain a value of each.
pub(crate) fn typed(field: MetaField<'_>) -> MetaField<'_> {
    if OF_SOME_FORMATS.contains(&field.name) {
        return field;
    }
    let value = match field.value {
        MetaValue::Text(value) => MetaValue::Text(Some(value.unwrap_or_default())),
        MetaValue::Integer(value) => MetaValue::Integer(Some(value.unwrap_or_default())),
        MetaValue::Float(value) => MetaValue::Float(Some(value.unwrap_or_default())),
        MetaValue::Double(value) => MetaValue::Double(Some(value.unwrap_or_default())),
        MetaValue::Flag(value) => MetaValue::Flag(Some(value.unwrap_or_default())),
    };
    MetaField { value, ..field }
}

/// Reads what [`EntryMetadata`] wrote. Fields that are empty, 0 or false are unknown; fields of other types
/// are ignored.
pub(crate) fn token_meta(mut fields: Map<String, Value>) -> TokenMeta {
    fields.retain(|name, value| {
        let is_unknown = match value {
            Value::Null => true,
            Value::String(text) => text.is_empty(),
            Value::Number(number) => number.as_f64() == Some(0.0),
            Value::Bool(flag) => !*flag,
            _ => false,
        };
        !is_unknown || OF_SOME_FORMATS.contains(&name.as_str()) && !value.is_null()
    });
    let is_valid = |(name, value): &(String, Value)| {
        let one = Map::from_iter([(name.clone(), value.clone())]);
        TokenMeta::deserialize(Value::Object(one)).is_ok()
    };
    let valid: Map<_, _> = fields.into_iter().filter(is_valid).collect();
    TokenMeta::deserialize(Value::Object(valid)).unwrap_or_default()
}

impl Serialize for EntryMetadata {
    /// Writes a value for every name, in the order that readers of earlier data sets know, except for fields
    /// that the format does not have.
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        map.serialize_entry("key", &self.key)?;
        map.serialize_entry("input", &self.input)?;
        for field in self.meta.fields_with_duration().map(typed) {
            if field.name == "model_rate_hz" {
                map.serialize_entry("channels", &self.channels)?;
                if let Some(codebooks) = self.codebooks {
                    map.serialize_entry("codebooks", &codebooks)?;
                }
                map.serialize_entry("frames", &self.frames)?;
            }
            if field.value.is_known() {
                map.serialize_entry(field.name, &field.value)?;
            }
        }
        map.end()
    }
}
