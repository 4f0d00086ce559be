//! Compares decoded audio with the original file.

use std::path::Path;

use dac::audio::{AudioReader, ModelRateReader};
use dac::metrics::{Comparison, ComparisonMeter};
use dac::{Audio, EncodeOptions};

use crate::error::BatchError;

/// Measures the distances between decoded audio and the original file, mixed and resampled as for encoding
/// with `options`.
///
/// # Errors
/// When the file cannot be read.
pub(crate) fn compare_with_file(
    input: &Path,
    options: &EncodeOptions,
    decoded: &Audio,
) -> Result<Comparison, BatchError> {
    let reader = AudioReader::open(input)?.with_non_finite(options.non_finite);
    let mut reader = ModelRateReader::new(reader, options.channels, decoded.rate_hz)?;
    let mut meter = ComparisonMeter::new(&decoded.channels, decoded.rate_hz);
    while let Some(block) = reader.next_block()? {
        meter.push(&block)?;
    }
    Ok(meter.finish())
}
