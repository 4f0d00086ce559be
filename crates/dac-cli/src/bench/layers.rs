//! `dac bench --layers`: measures the engine's time per layer.

use anyhow::{Error, anyhow};
use dac::codec::{LayerTime, Part};
use dac::{Audio, Dac, Device};
use serde::Serialize;

use super::timing::median;
use crate::args::{BenchArgs, ChunkArg};
use crate::exit::Usage;
use crate::output::eprint_line;
use crate::resources::threads;

#[derive(Debug, Serialize)]
pub(super) struct LayerRecord {
    /// `encoder` or `decoder`.
    part: &'static str,
    layer: String,
    method: String,
    seconds: f64,
    /// Share of the part's total time, 0 to 1.
    share: f64,
    /// 10^9 multiply-adds of the method, without its transforms.
    gmac: f64,
    /// Rate of these multiply-adds relative to the peak; null for layers without any.
    percent_of_peak: Option<f64>,
}

pub(super) struct Measured {
    layer: LayerTime,
    seconds: f64,
}

/// Checks that one thread of the engine runs the layers one after another, as the measurement requires.
pub(super) fn check(args: &BenchArgs) -> Result<(), Usage> {
    let threads = threads(args.run.threads);
    if threads != 1 && args.run.device == Device::Cpu {
        return Err(Usage(format!("--layers requires --threads 1, found {threads} threads")));
    }
    if args.chunk.chunk == ChunkArg::Overlap {
        return Err(Usage("--layers cannot be combined with --chunk overlap".to_owned()));
    }
    Ok(())
}

/// Measures the layers on the audio's first channel; times are medians of `runs`.
pub(super) fn measure(dac: &Dac, audio: &Audio, runs: usize) -> Result<Vec<Measured>, Error> {
    let samples = audio.channels.first().map(Vec::as_slice).unwrap_or_default();
    let mut all = Vec::with_capacity(runs);
    for run in 1..=runs {
        let layers = dac.codec().profile(samples)?;
        all.push(layers.ok_or_else(|| anyhow!("no layer times for this device"))?);
        eprint_line(format_args!("layers {run} of {runs}"));
    }
    let layers = all.first().cloned().unwrap_or_default();
    let with_median = layers.into_iter().enumerate().map(|(i, layer)| {
        let seconds: Vec<f64> =
            all.iter().filter_map(|run| run.get(i)).map(|l| l.time.as_secs_f64()).collect();
        Measured { layer, seconds: median(&seconds).unwrap_or(0.0) }
    });
    Ok(with_median.collect())
}

/// Returns the layers of the record, compared with the peak.
pub(super) fn records(measured: &[Measured], fma_peak_gflops: Option<f64>) -> Vec<LayerRecord> {
    let total = |part: Part| measured.iter().filter(|m| m.layer.part == part).map(|m| m.seconds).sum::<f64>();
    let (encoder, decoder) = (total(Part::Encoder), total(Part::Decoder));
    let record = |Measured { layer, seconds }: &Measured| {
        let (part, total) = match layer.part {
            Part::Encoder => ("encoder", encoder),
            Part::Decoder => ("decoder", decoder),
        };
        let gmac = layer.needed_macs / 1e9;
        let peak = fma_peak_gflops.filter(|_| gmac > 0.0 && *seconds > 0.0);
        LayerRecord {
            part,
            layer: layer.layer.clone(),
            method: layer.method.clone(),
            seconds: *seconds,
            share: if total > 0.0 { seconds / total } else { 0.0 },
            gmac,
            percent_of_peak: peak.map(|gflops| 200.0 * gmac / gflops / seconds),
        }
    };
    measured.iter().map(record).collect()
}

pub(super) fn table(layers: &[LayerRecord]) -> String {
    let width = layers.iter().map(|l| l.layer.len()).max().unwrap_or(0).max("decoder".len());
    let mut text = String::new();
    for part in ["encoder", "decoder"] {
        text += &format!(
            "\n\n{part:<width$}  {:>10}{:>10}{:>9}{:>10}{:>9}",
            "method", "ms", "share", "GMAC", "% peak"
        );
        let (mut seconds, mut gmac, mut at_peak) = (0.0, 0.0, 0.0);
        for layer in layers.iter().filter(|layer| layer.part == part) {
            seconds += layer.seconds;
            gmac += layer.gmac;
            at_peak += layer.percent_of_peak.unwrap_or(0.0) * layer.seconds;
            text += &row(width, &layer.layer, &layer.method, layer.seconds, layer.share, layer.gmac);
            text += &percent(layer.percent_of_peak);
        }
        text += &row(width, "all", "", seconds, 1.0, gmac);
        text += &percent((seconds > 0.0).then(|| at_peak / seconds));
    }
    text
}

fn row(width: usize, layer: &str, method: &str, seconds: f64, share: f64, gmac: f64) -> String {
    format!("\n{layer:<width$}  {method:>10}{:>10.3}{:>8.1}%{gmac:>10.3}", 1e3 * seconds, 100.0 * share)
}

fn percent(value: Option<f64>) -> String {
    value.map_or_else(|| format!("{:>9}", "-"), |value| format!("{value:>9.1}"))
}
