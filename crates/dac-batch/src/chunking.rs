//! Chunking of a batch, some of whose parameters depend on the model.

use dac::stream::{OverlapSettings, WindowedPlan};
use dac::{Chunking, Dac};

use crate::error::BatchError;

/// Chunking for models that are not loaded yet.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum ChunkChoice {
    /// The same for every model.
    Fixed(Chunking),
    /// Overlapping chunks; `None` takes the value in the `config.json` next to the weights, or its default.
    Overlap {
        /// Seconds per encoded chunk.
        chunk_seconds: Option<f64>,
        /// Fraction of a decoded chunk that overlaps the previous one, from 0 to 1.
        overlap_rate: Option<f64>,
    },
}

impl Default for ChunkChoice {
    fn default() -> Self {
        Self::Fixed(Chunking::default())
    }
}

impl ChunkChoice {
    /// Chunking for a model.
    ///
    /// # Errors
    /// When the `config.json` next to the weights is invalid, or the windows of [`Chunking::Windowed`] are
    /// too short.
    pub fn for_model(self, dac: &Dac) -> Result<Chunking, BatchError> {
        match self {
            Self::Fixed(chunking) => {
                settings_text(&chunking, dac)?;
                Ok(chunking)
            }
            Self::Overlap { chunk_seconds, overlap_rate } => {
                let settings =
                    dac.overlap_settings().map_err(|error| BatchError::Usage(error.to_string()))?;
                Ok(Chunking::Overlap(OverlapSettings {
                    encoding_chunk_seconds: chunk_seconds.unwrap_or(settings.encoding_chunk_seconds),
                    decoding_overlap_rate: overlap_rate.unwrap_or(settings.decoding_overlap_rate),
                    ..settings
                }))
            }
        }
    }
}

/// Chunking in the settings text of manifests. The length of an exact chunk does not influence the result.
pub(crate) fn settings_text(chunking: &Chunking, dac: &Dac) -> Result<String, BatchError> {
    Ok(match chunking {
        Chunking::Overlap(OverlapSettings {
            encoding_chunk_seconds,
            decoding_chunk_rate,
            decoding_overlap_rate,
        }) => format!("overlap:{encoding_chunk_seconds}:{decoding_chunk_rate}:{decoding_overlap_rate}"),
        Chunking::Windowed { seconds } => {
            let plan = WindowedPlan::new(dac.shape(), *seconds)
                .map_err(|error| BatchError::Usage(format!("window of {seconds} s: {error}")))?;
            format!("descript:{}", plan.chunk_frames)
        }
        _ => "exact".to_owned(),
    })
}
