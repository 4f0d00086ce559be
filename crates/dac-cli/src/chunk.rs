//! `--chunk` and its parameters.

use dac::Chunking;
use dac_batch::ChunkChoice;

use crate::args::{ChunkArg, ChunkArgs};
use crate::exit::Usage;

/// Chunking that the arguments describe.
///
/// # Errors
/// When a parameter does not apply to the chosen chunking.
pub(crate) fn chunk_choice(args: &ChunkArgs) -> Result<ChunkChoice, Usage> {
    let chunk_seconds = args.chunk_seconds.map(|seconds| seconds.0);
    let overlap_rate = args.overlap_rate.map(|rate| rate.0);
    if args.chunk == ChunkArg::Whole && chunk_seconds.is_some() {
        return Err(Usage("--chunk-seconds cannot be combined with --chunk whole".to_owned()));
    }
    if args.chunk != ChunkArg::Overlap && overlap_rate.is_some() {
        return Err(Usage("--overlap-rate applies only to --chunk overlap".to_owned()));
    }
    Ok(match args.chunk {
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
///
/// # Errors
/// As [`chunk_choice`], and for `--chunk descript`.
pub(crate) fn exact_chunk_choice(args: &ChunkArgs) -> Result<ChunkChoice, Usage> {
    if args.chunk == ChunkArg::Descript {
        return Err(Usage("--chunk descript applies only to encoding".to_owned()));
    }
    chunk_choice(args)
}
