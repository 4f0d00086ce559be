//! The argument group of WAV output.

use clap::Args;
use dac::{OutputRate, SampleFormat};

use super::values;

/// Format of WAV files.
#[derive(Debug, Args)]
pub(crate) struct WaveArgs {
    /// Sample format of WAV files: i16, i24 or f32.
    #[arg(long, default_value_t = SampleFormat::default())]
    pub(crate) sample_format: SampleFormat,
    /// Sample rate of WAV files: as model or input, or in Hz.
    #[arg(long, value_name = "RATE", default_value = "model", value_parser = values::output_rate)]
    pub(crate) output_rate: OutputRate,
}
