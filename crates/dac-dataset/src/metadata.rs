//! What is said of an entry beside its tokens.

use dac_rvq::Codes;
use dac_tokens::TokenFile;
use serde::Serialize;

/// What is known about an entry, as the `.json` of a tar shard holds it; a parquet file has a column for each. Every name is
/// always there, what is not known is null.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[non_exhaustive]
pub struct EntryMetadata {
    /// The entry's key.
    pub key: String,
    /// The input as it was named.
    pub input: String,
    /// The model's name.
    pub model: Option<String>,
    /// SHA-256 of the weights' file, 64 hexadecimal digits.
    pub weights_sha256: Option<String>,
    /// Channels that were coded.
    pub channels: usize,
    /// Codebooks of the codes, if there are codes.
    pub codebooks: Option<usize>,
    /// Frames of the tokens.
    pub frames: usize,
    /// The model's sampling rate, in Hz.
    pub model_rate_hz: Option<u32>,
    /// The input's sampling rate, in Hz.
    pub input_rate_hz: Option<u32>,
    /// The input's length, in samples at its own rate.
    pub input_samples: Option<u64>,
    /// The input's length, in seconds.
    pub audio_seconds: Option<f64>,
    /// How many entries a codebook has.
    pub codebook_size: Option<usize>,
    /// Samples at the model's rate that a frame stands for.
    pub hop_samples: Option<usize>,
    /// Samples of the input that were not finite and are coded as 0.
    pub replaced_samples: Option<u64>,
    /// That the input ended before what it promised.
    pub input_truncated: Option<bool>,
    /// The input's measured loudness, in dB (LUFS).
    pub input_db: Option<f32>,
    /// Frames of each chunk, in the reference's way of chunking.
    pub chunk_frames: Option<u64>,
    /// Whether the convolutions padded, in the reference's way of chunking.
    pub padding: Option<bool>,
}

impl EntryMetadata {
    /// The facts of `tokens`, encoded from the file named `input`.
    pub(crate) fn of(key: &str, input: &str, tokens: &TokenFile) -> Self {
        let meta = &tokens.meta;
        let [channels, _, frames] = tokens.shape().unwrap_or_default();
        let audio_seconds = match (meta.input_samples, meta.input_rate_hz) {
            (Some(samples), Some(rate_hz)) if rate_hz > 0 => Some(samples as f64 / f64::from(rate_hz)),
            _ => None,
        };
        Self {
            key: key.to_owned(),
            input: input.to_owned(),
            model: meta.model.clone(),
            weights_sha256: meta.weights_sha256.clone(),
            channels,
            codebooks: tokens.codes.as_ref().map(Codes::codebooks),
            frames,
            model_rate_hz: meta.model_rate_hz,
            input_rate_hz: meta.input_rate_hz,
            input_samples: meta.input_samples,
            audio_seconds,
            codebook_size: meta.codebook_size,
            hop_samples: meta.hop_samples,
            replaced_samples: meta.replaced_samples,
            input_truncated: meta.input_truncated,
            input_db: meta.input_db,
            chunk_frames: meta.chunk_frames,
            padding: meta.padding,
        }
    }
}
