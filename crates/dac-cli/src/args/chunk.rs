//! Arguments for the chunks of a signal.

use clap::{Args, ValueEnum};
use dac::Chunking;
use dac_batch::ChunkChoice;

use super::values;
use crate::exit::Usage;

/// Chunks of a signal.
#[derive(Debug, Clone, Args)]
pub(crate) struct ChunkArgs {
    /// Chunks of the signal.
    #[arg(long, value_enum, default_value_t = ChunkArg::Exact)]
    pub(crate) chunk: ChunkArg,
    /// Seconds per chunk [default: 4 with exact, 5 with descript].
    ///
    /// Results depend on it only with overlap and descript.
    #[arg(long, value_name = "S", value_parser = values::positive, hide_short_help = true)]
    chunk_seconds: Option<f64>,
    /// Overlap of decoded chunks, from 0 to 1 [default: 0.1].
    ///
    /// Only with --chunk overlap. A config.json next to the weights may contain another default.
    #[arg(long, value_name = "R", value_parser = values::fraction, hide_short_help = true)]
    overlap_rate: Option<f64>,
}

/// `--chunk`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum ChunkArg {
    /// The whole file at once; memory grows with its length.
    Whole,
    /// Chunks with the context that the layers need: the result of whole, in constant memory.
    Exact,
    /// Chunks without context, averaged where they overlap, as in the hance-ai wrapper: not exact.
    Overlap,
    /// Only for encoding to .dac files: unpadded windows at a fixed loudness, as the reference implementation
    /// makes them.
    Descript,
}

impl ChunkArgs {
    /// Chunking that the arguments describe.
    pub(crate) fn choice(&self) -> Result<ChunkChoice, Usage> {
        let Self { chunk_seconds, overlap_rate, .. } = *self;
        if self.chunk == ChunkArg::Whole && chunk_seconds.is_some() {
            return Err(Usage("--chunk-seconds cannot be combined with --chunk whole".to_owned()));
        }
        if self.chunk != ChunkArg::Overlap && overlap_rate.is_some() {
            return Err(Usage("--overlap-rate applies only to --chunk overlap".to_owned()));
        }
        Ok(match self.chunk {
            ChunkArg::Whole => ChunkChoice::Fixed(Chunking::Whole),
            ChunkArg::Exact => {
                let chunk_seconds = chunk_seconds.unwrap_or(Chunking::DEFAULT_SECONDS);
                ChunkChoice::Fixed(Chunking::Exact { chunk_seconds })
            }
            ChunkArg::Overlap => ChunkChoice::Overlap { chunk_seconds, overlap_rate },
            ChunkArg::Descript => {
                let seconds = chunk_seconds.unwrap_or(Chunking::DEFAULT_WINDOW_SECONDS);
                ChunkChoice::Fixed(Chunking::Windowed { seconds })
            }
        })
    }

    /// Chunking for commands that decode what they encode.
    pub(crate) fn choice_without_windows(&self) -> Result<ChunkChoice, Usage> {
        if self.chunk == ChunkArg::Descript {
            return Err(Usage("--chunk descript applies only to encoding".to_owned()));
        }
        self.choice()
    }
}
