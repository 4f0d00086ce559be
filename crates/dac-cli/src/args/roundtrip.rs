//! Arguments of `dac roundtrip`.

use clap::Args;

use super::chunk::ChunkArgs;
use super::files::FileArgs;
use super::model::ModelArgs;
use super::tokens::{BitrateArgs, TokenArgs};
use super::wave::WaveArgs;

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
