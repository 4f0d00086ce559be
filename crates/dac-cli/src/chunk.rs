//! How signals are cut: `--chunk` and its parameters, and the settings that some checkpoints bring along.

use std::fs::File;
use std::io::Read;
use std::path::Path;

use dac::stream::OverlapSettings;
use dac::{Chunking, ModelInfo};
use serde::Deserialize;

use crate::args::{ChunkArg, ChunkArgs};
use crate::exit::Usage;

/// A settings file larger than this is none.
const MAX_CONFIG_BYTES: u64 = 1 << 20;

/// The settings of the `hance-ai` repositories' `config.json`.
#[derive(Debug, Default, PartialEq, Deserialize)]
struct Config {
    encoding_chunk_size_in_sec: Option<f64>,
    decoding_chunk_rate: Option<f64>,
    decoding_overlap_rate: Option<f64>,
}

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
            let config = model.path.as_deref().map(config_beside).transpose()?.unwrap_or_default();
            let mut settings = OverlapSettings::default();
            let set = |value: &mut f64, choices: [Option<f64>; 2]| {
                *value = choices.into_iter().flatten().next().unwrap_or(*value);
            };
            let seconds = seconds.map(|seconds| seconds.0);
            set(&mut settings.encoding_chunk_seconds, [seconds, config.encoding_chunk_size_in_sec]);
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

/// The settings in the `config.json` beside the weights, where there is one that has any.
fn config_beside(weights: &Path) -> Result<Config, Usage> {
    let path = weights.with_file_name("config.json");
    let Ok(file) = File::open(&path) else { return Ok(Config::default()) };
    let wrong = |reason: String| Usage(format!("{}: {reason}", path.display()));
    let mut text = String::new();
    file.take(MAX_CONFIG_BYTES).read_to_string(&mut text).map_err(|error| wrong(error.to_string()))?;
    let config: Config = serde_json::from_str(&text).map_err(|error| wrong(error.to_string()))?;
    let seconds = config.encoding_chunk_size_in_sec.is_none_or(|value| value.is_finite() && value > 0.0);
    let share = |value: Option<f64>| value.is_none_or(|value| (0.0..=1.0).contains(&value));
    if seconds && share(config.decoding_chunk_rate) && share(config.decoding_overlap_rate) {
        return Ok(config);
    }
    Err(wrong("expected encoding_chunk_size_in_sec above 0 and rates from 0 to 1".to_owned()))
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    fn beside(text: &str) -> Result<Config, Usage> {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("config.json"), text).unwrap();
        config_beside(&folder.path().join("model.safetensors"))
    }

    #[test]
    fn settings_beside_the_weights_are_read_and_checked() {
        let text = r#"{"model_type_by_sampling_freq": {"44100": "44khz"}, "encoding_chunk_size_in_sec": 2,
                       "decoding_chunk_rate": 0.25, "decoding_overlap_rate": 0.0}"#;
        let config = beside(text).unwrap();
        let expected = (Some(2.0), Some(0.25), Some(0.0));
        assert_eq!(
            (config.encoding_chunk_size_in_sec, config.decoding_chunk_rate, config.decoding_overlap_rate),
            expected
        );
        // The transformers library's file has the same name and none of the settings.
        assert_eq!(beside(r#"{"sampling_rate": 44100}"#).unwrap(), Config::default());
        assert_eq!(config_beside(Path::new("nowhere/model.safetensors")).unwrap(), Config::default());
        for wrong in [
            "",
            "[]",
            r#"{"decoding_chunk_rate": 2}"#,
            r#"{"encoding_chunk_size_in_sec": 0}"#,
            r#"{"decoding_overlap_rate": "x"}"#,
        ] {
            assert!(beside(wrong).is_err(), "{wrong}");
        }
    }
}
