//! Arguments of `dac report`.

use std::num::NonZeroUsize;
use std::path::PathBuf;

use clap::Args;

use super::input::{InputArgs, SignalArgs};
use super::model::ModelArgs;
use super::values;

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
    #[arg(short, long, value_name = "LIST", value_delimiter = ',', value_parser = values::count)]
    pub(crate) quantizers: Vec<NonZeroUsize>,
    /// Start of the excerpt in seconds.
    #[arg(long, value_name = "S", default_value = "0", value_parser = values::not_negative)]
    pub(crate) start: f64,
    /// Maximum length of the excerpt in seconds; each second adds about 1 MB to the page.
    #[arg(long, value_name = "S", default_value = "30", value_parser = values::positive)]
    pub(crate) duration: f64,
    #[command(flatten)]
    pub(crate) signal: SignalArgs,
    #[command(flatten)]
    pub(crate) reading: InputArgs,
}
