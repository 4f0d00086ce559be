//! Measurements of the formulations of convolutions on burn devices, as text.

use anyhow::Error;
use dac::formulations::{MeasuredConvolution, MeasuredFormulations};
use dac::{Chunking, Dac};

use crate::output::eprint_line;

/// Measures the formulations at the windows of a chunked decode, printing a line for each convolution to the
/// standard error.
pub(crate) fn measure(dac: &Dac, chunk: Chunking) -> Result<MeasuredFormulations, Error> {
    let report = |measured: &MeasuredConvolution| eprint_line(line(measured));
    Ok(dac.measure_formulations(chunk, report)?)
}

/// One convolution: its shape, the milliseconds of each candidate, and the choice.
fn line(measured: &MeasuredConvolution) -> String {
    let (shape, [windows, positions]) = (&measured.shape, measured.size);
    let times = measured.measurements.iter().map(|m| format!("{} {:.2}", m.formulation, 1e3 * m.seconds));
    format!(
        "{} to {} channels, {} taps, dilation {}, {windows} x {positions} positions: {} ms; fastest: {}",
        shape.in_channels,
        shape.out_channels,
        shape.taps,
        shape.dilation,
        times.collect::<Vec<_>>().join(", "),
        measured.best
    )
}
