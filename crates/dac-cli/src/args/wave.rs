//! Arguments for decoded audio.

use std::str::FromStr;

use clap::Args;
use dac::audio::{MAX_RATE_HZ, MIN_RATE_HZ};
use dac::{OutputRate, SampleFormat};

/// Format of WAV files.
#[derive(Debug, Args)]
pub(crate) struct WaveArgs {
    /// Sample format of WAV files: i16, i24 or f32.
    #[arg(long, default_value_t = SampleFormat::I16)]
    pub(crate) sample_format: SampleFormat,
    /// Sample rate of WAV files: as model or input, or in Hz.
    #[arg(long, value_name = "RATE", default_value = "model")]
    pub(crate) output_rate: OutputRateArg,
}

/// `--output-rate`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct OutputRateArg(pub(crate) OutputRate);

impl FromStr for OutputRateArg {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match (text, text.parse::<u32>()) {
            ("model", _) => Ok(Self(OutputRate::Model)),
            ("input", _) => Ok(Self(OutputRate::Input)),
            (_, Ok(hz)) if (MIN_RATE_HZ..=MAX_RATE_HZ).contains(&hz) => Ok(Self(OutputRate::Hz(hz))),
            _ => Err(format!("expected model, input or a rate from {MIN_RATE_HZ} to {MAX_RATE_HZ} Hz")),
        }
    }
}
