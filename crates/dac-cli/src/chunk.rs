//! How signals are cut: `--chunk` and its parameters, and the settings that some checkpoints bring along.

use dac::stream::OverlapSettings;
use dac::{Chunking, Dac};

use crate::args::{ChunkArg, ChunkArgs};
use crate::exit::Usage;

/// Checks that the parameters belong to the chunking that was chosen.
pub(crate) fn check(args: &ChunkArgs) -> Result<(), Usage> {
    match args.chunk {
        ChunkArg::Whole if args.chunk_seconds.is_some() => {
            Err(Usage("--chunk-seconds has no meaning with --chunk whole".to_owned()))
        }
        ChunkArg::Whole | ChunkArg::Exact | ChunkArg::Descript if args.overlap_rate.is_some() => {
            Err(Usage("--overlap-rate has a meaning with --chunk overlap alone".to_owned()))
        }
        _ => Ok(()),
    }
}

/// The seconds of a window, where the signal is to be cut into the reference's own.
pub(crate) fn window_seconds(args: &ChunkArgs) -> Option<f64> {
    let windows = args.chunk == ChunkArg::Descript;
    windows.then(|| args.chunk_seconds.map_or(Chunking::DEFAULT_WINDOW_SECONDS, |seconds| seconds.0))
}

/// The chunking for a model: what the command line says, else what a `config.json` beside the weights says, else the
/// defaults.
pub(crate) fn chunking(args: &ChunkArgs, dac: &Dac) -> Result<Chunking, Usage> {
    check(args)?;
    Ok(match (args.chunk, args.chunk_seconds) {
        (ChunkArg::Descript, _) => {
            let why = "--chunk descript is a way to encode; a .dac file says itself how it is decoded";
            return Err(Usage(why.to_owned()));
        }
        (ChunkArg::Whole, _) => Chunking::Whole,
        (ChunkArg::Exact, None) => Chunking::default(),
        (ChunkArg::Exact, Some(seconds)) => Chunking::Exact { chunk_seconds: seconds.0 },
        (ChunkArg::Overlap, seconds) => {
            let settings = dac.overlap_settings().map_err(|error| Usage(error.to_string()))?;
            Chunking::Overlap(OverlapSettings {
                encoding_chunk_seconds: seconds.map_or(settings.encoding_chunk_seconds, |seconds| seconds.0),
                decoding_overlap_rate: args
                    .overlap_rate
                    .map_or(settings.decoding_overlap_rate, |share| share.0),
                ..settings
            })
        }
    })
}

/// What a result depends on of its chunking, as one word.
pub(crate) fn name(chunking: &Chunking) -> String {
    match chunking {
        Chunking::Overlap(OverlapSettings {
            encoding_chunk_seconds,
            decoding_chunk_rate,
            decoding_overlap_rate,
        }) => format!("overlap:{encoding_chunk_seconds}:{decoding_chunk_rate}:{decoding_overlap_rate}"),
        // The law of exact chunks: the result of the whole signal.
        _ => "exact".to_owned(),
    }
}
