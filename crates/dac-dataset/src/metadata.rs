//! Metadata of an entry of a data set.

use dac_rvq::Codes;
use dac_tokens::{TokenFile, TokenMeta};
use serde::ser::SerializeMap;
use serde::{Serialize, Serializer};

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

impl Serialize for EntryMetadata {
    /// Writes every name, with null for unknown values, in the order that readers of earlier data sets know.
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        map.serialize_entry("key", &self.key)?;
        map.serialize_entry("input", &self.input)?;
        for field in self.meta.fields_with_duration() {
            if field.name == "model_rate_hz" {
                map.serialize_entry("channels", &self.channels)?;
                map.serialize_entry("codebooks", &self.codebooks)?;
                map.serialize_entry("frames", &self.frames)?;
            }
            map.serialize_entry(field.name, &field.value)?;
        }
        map.end()
    }
}
