//! `--chunk` and its parameters.

use dac::Chunking;
use dac_batch::ChunkChoice;

use crate::args::{ChunkArg, ChunkArgs};
use crate::exit::Usage;

/// Chunking for encoding.
///
/// # Errors
/// When a parameter does not apply to the chosen chunking.
pub(crate) fn for_encoding(args: &ChunkArgs) -> Result<ChunkChoice, Usage> {
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

/// Chunking for decoding and measuring.
///
/// # Errors
/// As [`for_encoding`], and for `--chunk descript`.
pub(crate) fn for_decoding(args: &ChunkArgs) -> Result<ChunkChoice, Usage> {
    if args.chunk == ChunkArg::Descript {
        let why = "a .dac file records its windows and is always decoded in them";
        return Err(Usage(format!("--chunk descript applies only to encoding: {why}")));
    }
    for_encoding(args)
}
