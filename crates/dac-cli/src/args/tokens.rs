//! Arguments for the content of tokens.

use std::num::NonZeroUsize;

use clap::{Args, ValueEnum};
use dac::Save;
use dac::tokens::{Format, IntegerType};
use dac_batch::CodebookLimit;

use super::input::{InputArgs, SignalArgs};
use super::values;

/// Number of codebooks.
#[derive(Debug, Clone, Args)]
#[group(multiple = false)]
pub(crate) struct BitrateArgs {
    /// Number of codebooks [default: all].
    #[arg(short, long, value_name = "N", value_parser = values::count, alias = "codebooks")]
    quantizers: Option<NonZeroUsize>,
    /// Use as many codebooks as fit this bitrate, but at least one.
    #[arg(short, long, value_name = "KBPS", value_parser = values::positive)]
    bitrate: Option<f64>,
}

impl BitrateArgs {
    pub(crate) fn limit(&self) -> Option<CodebookLimit> {
        self.quantizers.map(CodebookLimit::Count).or(self.bitrate.map(CodebookLimit::Kbps))
    }
}

/// Content and format of token files.
#[derive(Debug, Args)]
pub(crate) struct TokenArgs {
    #[command(flatten)]
    pub(crate) signal: SignalArgs,
    #[command(flatten)]
    pub(crate) input: InputArgs,
    /// Arrays to store.
    ///
    /// Several are separated by commas.
    #[arg(long, value_enum, value_delimiter = ',', default_values_t = [SaveArg::Codes])]
    pub(crate) save: Vec<SaveArg>,
    /// Format: safetensors, npy, pt, dac or dacp [default: safetensors].
    ///
    /// The default is dac with --chunk descript, and npy with --pack tar.
    #[arg(short, long)]
    pub(crate) format: Option<Format>,
    /// Integer type of codes [default: u16, and i64 in pt files].
    ///
    /// In npy, safetensors, pt (i32, i64) and parquet files.
    #[arg(long, value_enum)]
    pub(crate) dtype: Option<DtypeArg>,
}

/// Item of `--save`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum SaveArg {
    /// Codes `[channels, codebooks, frames]`.
    Codes,
    /// Quantized latents `[channels, latent_dim, frames]`.
    Z,
    /// Projected latents of all codebooks `[channels, codebooks × codebook_dim, frames]`.
    Latents,
}

/// Arrays named by the items of `--save`.
pub(crate) fn save(items: &[SaveArg]) -> Save {
    Save {
        codes: items.contains(&SaveArg::Codes),
        z: items.contains(&SaveArg::Z),
        latents: items.contains(&SaveArg::Latents),
    }
}

/// `--dtype`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum DtypeArg {
    /// Two bytes per code.
    U16,
    /// Four bytes per code, for torch before 2.3, which has no u16.
    I32,
    /// Eight bytes per code, which torch needs for indexing.
    I64,
}

values::convert_variants!(DtypeArg => IntegerType: U16, I32, I64);
