//! Arguments of `dac tokens`.

use clap::{Args, Subcommand};

use super::model::ModelArgs;
use super::tokens::BitrateArgs;

/// Facts about tokens.
#[derive(Debug, Subcommand)]
pub(crate) enum TokensAction {
    /// Print the codes of digital silence, one for each codebook.
    Silence(SilenceArgs),
}

#[derive(Debug, Args)]
pub(crate) struct SilenceArgs {
    #[command(flatten, next_help_heading = "Model")]
    pub(crate) model: ModelArgs,
    #[command(flatten, next_help_heading = "Tokens")]
    pub(crate) bitrate: BitrateArgs,
    /// Print a JSON record.
    #[arg(long)]
    pub(crate) json: bool,
}
