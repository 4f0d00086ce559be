//! Arguments for the content of tokens.

use std::num::NonZeroUsize;

use clap::{Args, ValueEnum};
use dac::audio::{DamagePolicy, NonFinitePolicy, ReadBackend};
use dac::tokens::{Format, IntegerType};
use dac::{ChannelMix, Save};
use dac_batch::CodebookLimit;

use super::values;

/// Number of codebooks.
#[derive(Debug, Clone, Args)]
#[group(multiple = false)]
pub(crate) struct BitrateArgs {
    /// Number of codebooks [default: all].
    #[arg(short, long, value_name = "N")]
    quantizers: Option<NonZeroUsize>,
    /// Use as many codebooks as fit this bitrate, but at least one.
    #[arg(short, long, value_name = "KBPS", value_parser = values::positive)]
    bitrate: Option<f64>,
}

impl BitrateArgs {
    pub(crate) fn limit(&self) -> Option<CodebookLimit> {
        self.quantizers.map(CodebookLimit::Count).or(self.bitrate.map(CodebookLimit::Kbps))
    }
}

/// Treatment of the input signal.
#[derive(Debug, Clone, Args)]
pub(crate) struct SignalArgs {
    /// Channel handling.
    #[arg(long, value_enum, default_value_t = ChannelsArg::Mono)]
    pub(crate) channels: ChannelsArg,
    /// NaN and infinite samples.
    #[arg(long, value_enum, default_value_t = NanArg::Error)]
    pub(crate) nan: NanArg,
}

/// Content and format of token files.
#[derive(Debug, Args)]
pub(crate) struct TokenArgs {
    #[command(flatten)]
    pub(crate) signal: SignalArgs,
    /// Treatment of damage inside an input file.
    #[arg(long, value_enum, default_value_t = DamagedArg::Error)]
    pub(crate) damaged: DamagedArg,
    /// Program that reads audio files.
    #[arg(long, value_enum, default_value_t = AudioReaderArg::Auto)]
    pub(crate) audio_reader: AudioReaderArg,
    /// Arrays to store.
    ///
    /// Several are separated by commas.
    #[arg(long, value_enum, value_delimiter = ',', default_values_t = [SaveArg::Codes])]
    pub(crate) save: Vec<SaveArg>,
    /// Format: safetensors, npy, pt, dac or dacp [default: safetensors].
    ///
    /// The default is dac with --chunk descript, and npy with --pack tar.
    #[arg(short, long)]
    pub(crate) format: Option<Format>,
    /// Integer type of codes [default: u16, and i64 in pt files].
    ///
    /// In npy, safetensors, pt (i32, i64) and parquet files.
    #[arg(long, value_enum)]
    pub(crate) dtype: Option<DtypeArg>,
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

impl From<DamagedArg> for DamagePolicy {
    fn from(value: DamagedArg) -> Self {
        match value {
            DamagedArg::Error => Self::Error,
            DamagedArg::Silence => Self::Silence,
        }
    }
}

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

impl From<AudioReaderArg> for ReadBackend {
    fn from(value: AudioReaderArg) -> Self {
        match value {
            AudioReaderArg::Auto => Self::Auto,
            AudioReaderArg::Builtin => Self::Builtin,
            AudioReaderArg::Ffmpeg => Self::Ffmpeg,
        }
    }
}

/// Item of `--save`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum SaveArg {
    /// Codes `[channels, codebooks, frames]`.
    Codes,
    /// Quantized latents `[channels, latent_dim, frames]`.
    Z,
    /// Projected latents of all codebooks `[channels, codebooks × codebook_dim, frames]`.
    Latents,
}

/// Arrays named by the items of `--save`.
pub(crate) fn save(items: &[SaveArg]) -> Save {
    Save {
        codes: items.contains(&SaveArg::Codes),
        z: items.contains(&SaveArg::Z),
        latents: items.contains(&SaveArg::Latents),
    }
}

/// `--dtype`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum DtypeArg {
    /// Two bytes per code.
    U16,
    /// Four bytes per code, for torch before 2.3, which has no u16.
    I32,
    /// Eight bytes per code, which torch needs for indexing.
    I64,
}

values::convert_variants!(DtypeArg => IntegerType: U16, I32, I64);
