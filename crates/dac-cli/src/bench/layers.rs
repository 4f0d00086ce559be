//! `dac bench --layers`: where the engine's time goes.

use anyhow::{Error, anyhow};
use dac::codec::{LayerTime, Part};
use dac::{Audio, Dac, Device};
use serde::Serialize;

use super::median;
use crate::args::{BenchArgs, ChunkArg};
use crate::exit::Usage;
use crate::process::threads;
use crate::report::say;

/// One layer of the record.
#[derive(Debug, Serialize)]
pub(super) struct LayerRecord {
    /// `encoder` or `decoder`.
    part: &'static str,
    layer: String,
    method: String,
    seconds: f64,
    /// Of the seconds of all layers of its part.
    share: f64,
    /// Thousand million multiply-adds that the method needs, without its transforms.
    gmac: f64,
    /// The time these would take at the multiply-add peak, in percent of the seconds; none where there are none.
    percent_of_peak: Option<f64>,
}

/// The median time of one layer.
pub(super) struct Measured {
    layer: LayerTime,
    seconds: f64,
}

/// Layers are measured where one thread of the engine works on them one after another.
///
/// # Errors
/// Wrong usage: another device, more threads, or chunks that are no stream.
pub(super) fn check(args: &BenchArgs) -> Result<(), Usage> {
    if args.run.device != Device::Cpu {
        return Err(Usage(format!("--layers measures the engine: --device cpu, not {}", args.run.device)));
    }
    let threads = threads(args.run.threads);
    if threads != 1 {
        return Err(Usage(format!("--layers measures one thread, not {threads}: add --threads 1")));
    }
    if args.chunk.chunk == ChunkArg::Overlap {
        return Err(Usage("--layers measures one stream: not with --chunk overlap".to_owned()));
    }
    Ok(())
}

/// The layers' times for the audio's first channel, medians of `runs`.
pub(super) fn measure(dac: &Dac, audio: &Audio, runs: usize) -> Result<Vec<Measured>, Error> {
    let samples = audio.channels.first().map(Vec::as_slice).unwrap_or_default();
    let mut all = Vec::with_capacity(runs);
    for run in 1..=runs {
        let layers = dac.codec().profile(samples)?;
        all.push(layers.ok_or_else(|| anyhow!("the layers were not measured"))?);
        say(format_args!("layers {run} of {runs}"));
    }
    let layers = all.first().cloned().unwrap_or_default();
    let with_median = layers.into_iter().enumerate().map(|(i, layer)| {
        let seconds: Vec<f64> =
            all.iter().filter_map(|run| run.get(i)).map(|l| l.time.as_secs_f64()).collect();
        Measured { layer, seconds: median(&seconds).unwrap_or(0.0) }
    });
    Ok(with_median.collect())
}

/// The record's layers, held against the peak.
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

/// Lines for people: each part with its layers, then their sum.
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
