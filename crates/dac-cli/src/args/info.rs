//! Arguments of `dac info`.

use std::path::PathBuf;

use clap::Args;

use super::input::ReaderArgs;

#[derive(Debug, Args)]
pub(crate) struct InfoArgs {
    /// Checkpoints, token files or audio files.
    #[arg(required = true, value_name = "FILE")]
    pub(crate) files: Vec<PathBuf>,
    #[command(flatten)]
    pub(crate) reader: ReaderArgs,
    /// Print one JSON record per file.
    #[arg(long)]
    pub(crate) json: bool,
}
