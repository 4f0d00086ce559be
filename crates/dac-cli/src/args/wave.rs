//! The argument group of audio output.

use clap::Args;
use dac::audio::{AudioFormat, WriteFormat};
use dac::{OutputRate, SampleFormat};

use super::values;

/// Format of audio files.
#[derive(Debug, Args)]
pub(crate) struct WaveArgs {
    /// Format of audio files: wav or flac.
    #[arg(long, value_name = "FORMAT", default_value_t = AudioFormat::Wav)]
    pub(crate) audio_format: AudioFormat,
    /// Sample format of audio files: i16, i24 or f32 (only wav).
    #[arg(long, default_value_t = SampleFormat::default())]
    pub(crate) sample_format: SampleFormat,
    /// Sample rate of audio files: as model or input, or in Hz.
    #[arg(long, value_name = "RATE", default_value = "model", value_parser = values::output_rate)]
    pub(crate) output_rate: OutputRate,
}

impl WaveArgs {
    /// Format of the files and their samples.
    pub(crate) fn format(&self) -> WriteFormat {
        WriteFormat { file: self.audio_format, samples: self.sample_format }
    }
}
