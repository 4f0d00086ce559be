//! Arguments of `dac decode`.

use clap::Args;

use super::chunk::ChunkArgs;
use super::files::FileArgs;
use super::layout::LayoutArgs;
use super::model::ModelArgs;
use super::tokens::BitrateArgs;
use super::values;
use super::wave::WaveArgs;

#[derive(Debug, Args)]
pub(crate) struct DecodeArgs {
    #[command(flatten)]
    pub(crate) files: FileArgs,
    #[command(flatten, next_help_heading = "Model")]
    pub(crate) model: ModelArgs,
    #[command(flatten, next_help_heading = "Tokens")]
    pub(crate) bitrate: BitrateArgs,
    #[command(flatten)]
    pub(crate) layout: LayoutArgs,
    #[command(flatten, next_help_heading = "Audio")]
    pub(crate) wave: WaveArgs,
    /// Start of the range to decode, in seconds.
    #[arg(long, value_name = "S", value_parser = values::not_negative)]
    pub(crate) start: Option<f64>,
    /// Length of the range to decode, in seconds.
    #[arg(long, value_name = "S", value_parser = values::positive)]
    pub(crate) duration: Option<f64>,
    /// Number of frames at the end that are only context of the earlier ones: their audio is omitted.
    ///
    /// For tokens from a language model, which end without the look-ahead of the decoder.
    #[arg(long, value_name = "N", default_value_t = 0, hide_short_help = true)]
    pub(crate) tail_frames: usize,
    /// Do not restore the input's loudness that .dac files store.
    #[arg(long)]
    pub(crate) no_loudness: bool,
    #[command(flatten, next_help_heading = "Chunks")]
    pub(crate) chunk: ChunkArgs,
    /// Write little-endian f32 samples to stdout instead of WAV.
    #[arg(long, help_heading = "Streams")]
    pub(crate) raw: bool,
}
