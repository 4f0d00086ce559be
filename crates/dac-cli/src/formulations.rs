//! Measurements of the formulations of convolutions on burn devices, as text.

use anyhow::Error;
use dac::formulations::{MeasuredConvolution, MeasuredFormulations};
use dac::{Chunking, Dac};
use serde::Serialize;

use crate::output::eprint_line;

/// Record of a convolution in JSON.
#[derive(Debug, Serialize)]
pub(crate) struct ConvolutionRecord {
    layers: Vec<String>,
    in_channels: usize,
    out_channels: usize,
    taps: usize,
    dilation: usize,
    windows: usize,
    positions: usize,
    best: String,
    candidates: Vec<CandidateRecord>,
}

#[derive(Debug, Serialize)]
struct CandidateRecord {
    formulation: String,
    seconds: f64,
    /// Largest difference from exact sums, relative to the root mean square of the outputs.
    error: f64,
}

impl From<&MeasuredConvolution> for ConvolutionRecord {
    fn from(measured: &MeasuredConvolution) -> Self {
        let [windows, positions] = measured.size;
        let candidates = measured.measurements.iter().map(|m| CandidateRecord {
            formulation: m.formulation.to_string(),
            seconds: m.seconds,
            error: m.error,
        });
        Self {
            layers: measured.layers.clone(),
            in_channels: measured.shape.in_channels,
            out_channels: measured.shape.out_channels,
            taps: measured.shape.taps,
            dilation: measured.shape.dilation,
            windows,
            positions,
            best: measured.best.to_string(),
            candidates: candidates.collect(),
        }
    }
}

/// Measures the formulations at the windows of a chunked decode, printing a line for each convolution to the
/// standard error.
pub(crate) fn measure(dac: &Dac, chunk: Chunking) -> Result<MeasuredFormulations, Error> {
    let report = |measured: &MeasuredConvolution| eprint_line(line(measured));
    Ok(dac.measure_formulations(chunk, report)?)
}

/// One convolution: its shape, the milliseconds of each candidate, and the choice.
fn line(measured: &MeasuredConvolution) -> String {
    let shape = &measured.shape;
    let times = measured.measurements.iter().map(|m| format!("{} {:.2}", m.formulation, 1e3 * m.seconds));
    format!(
        "{}>{} taps {} dilation {}, {} x {} positions: {} ms; best {}",
        shape.in_channels,
        shape.out_channels,
        shape.taps,
        shape.dilation,
        measured.size[0],
        measured.size[1],
        times.collect::<Vec<_>>().join(", "),
        measured.best
    )
}
