//! The argument groups of audio input: its channels, NaN, damage and reader.

use clap::{Args, ValueEnum};
use dac::ChannelMix;
use dac::audio::{DamagePolicy, NonFinitePolicy, ReadBackend};

use super::values;

/// Treatment of the input signal.
#[derive(Debug, Clone, Args)]
pub(crate) struct SignalArgs {
    /// Channel handling.
    #[arg(long, value_enum, default_value_t = ChannelsArg::Mono)]
    pub(crate) channels: ChannelsArg,
    /// NaN and infinity.
    #[arg(long, value_enum, default_value_t = NanArg::Error)]
    pub(crate) nan: NanArg,
}

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

/// `--channels`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum ChannelsArg {
    /// Encode the mean of all channels.
    Mono,
    /// Encode each channel by itself.
    Keep,
}

values::convert_variants!(ChannelsArg => ChannelMix: Mono, Keep);

/// `--nan`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum NanArg {
    /// The file fails; the error names the first such sample.
    Error,
    /// Replace them with 0 and report their number.
    Zero,
}

values::convert_variants!(NanArg => NonFinitePolicy: Error, Zero);

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
