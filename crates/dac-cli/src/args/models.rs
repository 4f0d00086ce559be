//! Arguments of `dac models`.

use clap::Args;

#[derive(Debug, Args)]
pub(crate) struct ModelsArgs {
    /// Print one JSON record per model.
    #[arg(long)]
    pub(crate) json: bool,
}
