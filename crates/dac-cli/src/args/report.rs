//! The arguments of `dac report`.

use std::num::NonZeroUsize;
use std::path::PathBuf;

use clap::Args;

use super::{ModelArgs, Seconds, SignalArgs, values};

#[derive(Debug, Args)]
pub(crate) struct ReportArgs {
    /// One recording.
    #[arg(value_name = "IN")]
    pub(crate) input: PathBuf,
    /// The page: one HTML file that needs no other and no network. An earlier report is replaced.
    #[arg(short, long, value_name = "FILE")]
    pub(crate) output: PathBuf,
    /// Replace a file that is no earlier report too.
    #[arg(long)]
    pub(crate) overwrite: bool,
    /// Print one JSON record of the figures.
    #[arg(long)]
    pub(crate) json: bool,
    #[command(flatten)]
    pub(crate) model: ModelArgs,
    /// Decode with each of these numbers of codebooks, separated by commas [default: all from 1 to the model's number].
    #[arg(short, long, value_name = "LIST", value_delimiter = ',')]
    pub(crate) quantizers: Vec<NonZeroUsize>,
    /// Begin at this second of the recording.
    #[arg(long, value_name = "S", default_value = "0", value_parser = values::not_negative)]
    pub(crate) start: f64,
    /// Take so many seconds at most: players and pictures make about 1 MB of the page a second.
    #[arg(long, value_name = "S", default_value = "30")]
    pub(crate) duration: Seconds,
    #[command(flatten)]
    pub(crate) signal: SignalArgs,
}
