//! Arguments of `dac manifest`.

use std::path::PathBuf;

use clap::Subcommand;

#[derive(Debug, Subcommand)]
pub(crate) enum ManifestAction {
    /// Merge the manifests of all partitions into DIR/.dac-manifest.jsonl.
    Merge {
        /// Output directory of the partitions.
        #[arg(value_name = "DIR")]
        dir: PathBuf,
    },
}
