//! How signals are cut: `--chunk` and its parameters, and the settings that some checkpoints bring along.

use dac::stream::OverlapSettings;
use dac::weights::ConfigJson;
use dac::{Chunking, ModelInfo};

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
pub(crate) fn chunking(args: &ChunkArgs, model: &ModelInfo) -> Result<Chunking, Usage> {
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
            let config = model.path.as_deref().map(ConfigJson::next_to).unwrap_or_default();
            let config = config.check().map_err(|error| Usage(error.to_string()))?;
            let mut settings = OverlapSettings::default();
            let set = |value: &mut f64, choices: [Option<f64>; 2]| {
                *value = choices.into_iter().flatten().next().unwrap_or(*value);
            };
            let seconds = seconds.map(|seconds| seconds.0);
            set(&mut settings.encoding_chunk_seconds, [seconds, config.encoding_chunk_seconds]);
            set(&mut settings.decoding_chunk_rate, [None, config.decoding_chunk_rate]);
            let rate = args.overlap_rate.map(|share| share.0);
            set(&mut settings.decoding_overlap_rate, [rate, config.decoding_overlap_rate]);
            Chunking::Overlap(settings)
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
