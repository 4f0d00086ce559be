//! Arguments of `dac encode`.

use clap::Args;

use super::chunk::ChunkArgs;
use super::files::FileArgs;
use super::layout::LayoutArgs;
use super::model::ModelArgs;
use super::pack::PackArgs;
use super::rows::RowArgs;
use super::tokens::{BitrateArgs, TokenArgs};
use super::values;

#[derive(Debug, Args)]
pub(crate) struct EncodeArgs {
    #[command(flatten)]
    pub(crate) files: FileArgs,
    /// Accept existing results that no manifest lists if their content fits, and list them.
    ///
    /// For formats that do not record their model, such as npy, when records were lost: format, integer type,
    /// shape and values have to fit the input and the settings. The model cannot be checked.
    #[arg(long, conflicts_with = "overwrite", help_heading = "Batches", hide_short_help = true)]
    pub(crate) adopt: bool,
    #[command(flatten, next_help_heading = "Model")]
    pub(crate) model: ModelArgs,
    #[command(flatten, next_help_heading = "Tokens")]
    pub(crate) bitrate: BitrateArgs,
    #[command(flatten)]
    pub(crate) tokens: TokenArgs,
    #[command(flatten, next_help_heading = "Chunks")]
    pub(crate) chunk: ChunkArgs,
    #[command(flatten, next_help_heading = "Data sets")]
    pub(crate) pack: PackArgs,
    #[command(flatten)]
    pub(crate) layout: LayoutArgs,
    #[command(flatten)]
    pub(crate) rows: RowArgs,
    /// Read stdin as mono little-endian f32 samples at this rate.
    #[arg(long, value_name = "HZ", value_parser = values::rate, help_heading = "Streams")]
    pub(crate) raw_rate: Option<u32>,
}
