//! Format of decoded audio files.

use dac::OutputRate;
use dac::audio::{AudioFormat, WriteFormat};

use crate::error::BatchError;

/// Checks that files of a format can contain the samples at this rate.
pub(crate) fn check_wave_format(format: WriteFormat, rate: OutputRate) -> Result<(), BatchError> {
    let WriteFormat { file, samples } = format;
    if !file.supports(samples) {
        let error = format!("--audio-format {file} stores i16 or i24, not --sample-format {samples}");
        return Err(BatchError::Usage(error));
    }
    match rate {
        OutputRate::Hz(hz) if hz > file.max_rate_hz() => Err(BatchError::Usage(format!(
            "--audio-format {file} stores rates of up to {} Hz, not --output-rate {hz}",
            file.max_rate_hz()
        ))),
        _ => Ok(()),
    }
}

/// Settings that an audio file depends on. Manifests compare this text: it must not change.
pub(crate) fn wave_settings_text(format: WriteFormat, rate: OutputRate) -> String {
    let rate = match rate {
        OutputRate::Model => "model".to_owned(),
        OutputRate::Input => "input".to_owned(),
        OutputRate::Hz(hz) => hz.to_string(),
    };
    let mut text = format!("sample-format={} output-rate={rate}", format.samples);
    if format.file != AudioFormat::Wav {
        text += &format!(" audio-format={}", format.file);
    }
    text
}
