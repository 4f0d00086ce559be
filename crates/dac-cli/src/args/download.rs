//! Arguments of `dac download`.

use std::path::PathBuf;

use clap::Args;
use dac::Preset;
use dac::weights::registry::Source;

use super::values;

#[derive(Debug, Args)]
pub(crate) struct DownloadArgs {
    /// Model.
    #[arg(value_name = "PRESET", value_parser = values::downloadable_preset())]
    pub(crate) preset: Preset,
    /// Publisher to download from [default: descript]. Size and SHA-256 are verified where known, also with
    /// `--url` and `--from`.
    #[arg(long, value_parser = values::source())]
    pub(crate) source: Option<Source>,
    /// Download from this address instead.
    #[arg(long, value_name = "URL", conflicts_with = "from")]
    pub(crate) url: Option<String>,
    /// Copy this file instead of downloading.
    #[arg(long, value_name = "FILE")]
    pub(crate) from: Option<PathBuf>,
    /// Require this SHA-256.
    #[arg(long, value_name = "HEX", value_parser = values::sha256)]
    pub(crate) sha256: Option<String>,
    /// Download again and replace an existing file.
    #[arg(long)]
    pub(crate) overwrite: bool,
    /// Print one JSON record.
    #[arg(long)]
    pub(crate) json: bool,
}
