//! Arguments of `dac encode`, `decode`, `roundtrip` and `report`.

use std::num::NonZeroUsize;
use std::path::PathBuf;

use clap::Args;
use dac::{OutputRate, SampleFormat};

use super::chunk::ChunkArgs;
use super::files::FileArgs;
use super::model::ModelArgs;
use super::pack::PackArgs;
use super::tokens::{BitrateArgs, SignalArgs, TokenArgs};
use super::values;

/// Format of WAV files.
#[derive(Debug, Args)]
pub(crate) struct WaveArgs {
    /// Sample format of WAV files: i16, i24 or f32.
    #[arg(long, default_value_t = SampleFormat::I16)]
    pub(crate) sample_format: SampleFormat,
    /// Sample rate of WAV files: as model or input, or in Hz.
    #[arg(long, value_name = "RATE", default_value = "model", value_parser = values::output_rate)]
    pub(crate) output_rate: OutputRate,
}

#[derive(Debug, Args)]
pub(crate) struct EncodeArgs {
    #[command(flatten)]
    pub(crate) files: FileArgs,
    #[command(flatten, next_help_heading = "Model")]
    pub(crate) model: ModelArgs,
    #[command(flatten, next_help_heading = "Tokens")]
    pub(crate) bitrate: BitrateArgs,
    #[command(flatten)]
    pub(crate) tokens: TokenArgs,
    #[command(flatten, next_help_heading = "Chunks")]
    pub(crate) chunk: ChunkArgs,
    #[command(flatten, next_help_heading = "Packs")]
    pub(crate) pack: PackArgs,
    /// Read stdin as mono little-endian f32 samples at this rate.
    #[arg(long, value_name = "HZ", help_heading = "Streams")]
    pub(crate) raw_rate: Option<u32>,
}

#[derive(Debug, Args)]
pub(crate) struct DecodeArgs {
    #[command(flatten)]
    pub(crate) files: FileArgs,
    #[command(flatten, next_help_heading = "Model")]
    pub(crate) model: ModelArgs,
    #[command(flatten, next_help_heading = "Tokens")]
    pub(crate) bitrate: BitrateArgs,
    #[command(flatten, next_help_heading = "Audio")]
    pub(crate) wave: WaveArgs,
    /// Start of the range to decode, in seconds.
    #[arg(long, value_name = "S", value_parser = values::not_negative)]
    pub(crate) start: Option<f64>,
    /// Length of the range to decode, in seconds.
    #[arg(long, value_name = "S", value_parser = values::positive)]
    pub(crate) duration: Option<f64>,
    /// Do not restore the input's loudness that .dac files store.
    #[arg(long)]
    pub(crate) no_loudness: bool,
    #[command(flatten, next_help_heading = "Chunks")]
    pub(crate) chunk: ChunkArgs,
    /// Write little-endian f32 samples to stdout instead of WAV.
    #[arg(long, help_heading = "Streams")]
    pub(crate) raw: bool,
}

#[derive(Debug, Args)]
pub(crate) struct RoundtripArgs {
    #[command(flatten)]
    pub(crate) files: FileArgs,
    #[command(flatten, next_help_heading = "Model")]
    pub(crate) model: ModelArgs,
    #[command(flatten, next_help_heading = "Tokens")]
    pub(crate) bitrate: BitrateArgs,
    #[command(flatten)]
    pub(crate) tokens: TokenArgs,
    #[command(flatten, next_help_heading = "Audio")]
    pub(crate) wave: WaveArgs,
    #[command(flatten, next_help_heading = "Chunks")]
    pub(crate) chunk: ChunkArgs,
}

#[derive(Debug, Args)]
pub(crate) struct ReportArgs {
    /// Recording.
    #[arg(value_name = "IN")]
    pub(crate) input: PathBuf,
    /// HTML file to write; it contains all audio and pictures. An earlier report is replaced.
    #[arg(short, long, value_name = "FILE")]
    pub(crate) output: PathBuf,
    /// Replace a file even if it is not an earlier report.
    #[arg(long)]
    pub(crate) overwrite: bool,
    /// Print the figures as one JSON record.
    #[arg(long)]
    pub(crate) json: bool,
    #[command(flatten)]
    pub(crate) model: ModelArgs,
    /// Numbers of codebooks to decode with, separated by commas [default: from 1 to the model's number].
    #[arg(short, long, value_name = "LIST", value_delimiter = ',')]
    pub(crate) quantizers: Vec<NonZeroUsize>,
    /// Start of the excerpt in seconds.
    #[arg(long, value_name = "S", default_value = "0", value_parser = values::not_negative)]
    pub(crate) start: f64,
    /// Maximum length of the excerpt in seconds; each second adds about 1 MB to the page.
    #[arg(long, value_name = "S", default_value = "30", value_parser = values::positive)]
    pub(crate) duration: f64,
    #[command(flatten)]
    pub(crate) signal: SignalArgs,
}
