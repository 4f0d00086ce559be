//! The argument groups of audio input.

use clap::{Args, ValueEnum};
use dac::audio::{DamagePolicy, ReadBackend};

use super::values;

/// Reading of audio files.
#[derive(Debug, Clone, Args)]
pub(crate) struct InputArgs {
    /// Treatment of damage inside an input file.
    #[arg(long, value_enum, default_value_t = DamagedArg::Error)]
    pub(crate) damaged: DamagedArg,
    #[command(flatten)]
    pub(crate) reader: ReaderArgs,
}

/// Choice of the reader.
#[derive(Debug, Clone, Args)]
pub(crate) struct ReaderArgs {
    /// Program that reads audio files.
    #[arg(long, value_enum, default_value_t = AudioReaderArg::Auto, hide_short_help = true)]
    pub(crate) audio_reader: AudioReaderArg,
}

/// `--damaged`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum DamagedArg {
    /// The file fails; the error names the sample.
    Error,
    /// Replace what is lost with silence of the same length and report it.
    Silence,
}

values::convert_variants!(DamagedArg => DamagePolicy: Error, Silence);

/// `--audio-reader`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum AudioReaderArg {
    /// The built-in readers, and ffmpeg, if installed, for formats that they refuse.
    Auto,
    /// The built-in readers only.
    Builtin,
    /// ffmpeg only.
    Ffmpeg,
}

values::convert_variants!(AudioReaderArg => ReadBackend: Auto, Builtin, Ffmpeg);
