//! The `config.json` that may lie beside a safetensors checkpoint.

use std::fs::File;
use std::io::Read;
use std::path::Path;

/// Longest configuration that is read.
const MAX_BYTES: u64 = 1 << 20;

/// What a `config.json` says that the tensors do not; a file that is missing or no JSON says nothing.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
#[non_exhaustive]
pub struct SideConfig {
    /// `sampling_rate`, as the transformers library writes it, in Hz.
    pub sampling_rate_hz: Option<i64>,
    /// `encoding_chunk_size_in_sec`, as the original card's wrapper has it, in seconds.
    pub encoding_chunk_seconds: Option<f64>,
    /// `decoding_chunk_rate`, as the original card's wrapper has it.
    pub decoding_chunk_rate: Option<f64>,
    /// `decoding_overlap_rate`, as the original card's wrapper has it.
    pub decoding_overlap_rate: Option<f64>,
}

impl SideConfig {
    /// Reads the `config.json` in the folder of the checkpoint `path`.
    pub fn beside(path: &Path) -> Self {
        Self::read(&path.with_file_name("config.json")).unwrap_or_default()
    }

    fn read(path: &Path) -> Option<Self> {
        let mut text = Vec::new();
        File::open(path).ok()?.take(MAX_BYTES).read_to_end(&mut text).ok()?;
        let config: serde_json::Value = serde_json::from_slice(&text).ok()?;
        let number = |key: &str| config.get(key)?.as_f64().filter(|v| v.is_finite());
        Some(Self {
            sampling_rate_hz: config.get("sampling_rate").and_then(serde_json::Value::as_i64),
            encoding_chunk_seconds: number("encoding_chunk_size_in_sec"),
            decoding_chunk_rate: number("decoding_chunk_rate"),
            decoding_overlap_rate: number("decoding_overlap_rate"),
        })
    }
}
