//! Renders `docs/benchmarks/README.md` from the stored runs.

use std::fmt::Write;
use std::path::PathBuf;

use anyhow::Error;

use super::peers::Side;
use super::store::{self, Kind, Run};
use super::{Record, median};
use crate::process::root;

const HEAD: &str = include_str!("head.md");

/// Writes the page and returns its path.
pub fn write(runs: &[(String, Run)]) -> Result<PathBuf, Error> {
    let path = store::folder().join("README.md");
    std::fs::write(&path, page(runs))?;
    Ok(path.strip_prefix(root()).map(PathBuf::from).unwrap_or(path))
}

/// Formats the newest run of each kind and machine, then a list of all runs.
pub fn page(runs: &[(String, Run)]) -> String {
    let mut text = HEAD.to_owned();
    let mut shown: Vec<(&str, Kind)> = Vec::new();
    for (name, run) in runs {
        let Run { machine, kind, commit, date, task, .. } = run;
        if shown.contains(&(&machine.name, *kind)) {
            continue;
        }
        shown.push((&machine.name, *kind));
        let title = match kind {
            Kind::Peers => "comparison with PyTorch and ONNX Runtime",
            Kind::Bench => "models and devices",
        };
        let _ = write!(text, "\n## {}: {title}\n\n{}\n\n", machine.name, self::run(run));
        let machine = machine.describe();
        let _ = writeln!(text, "{machine}. Commit {commit}, {date}, `{task}` ([{name}]({name})).");
    }
    text += "\n## All runs\n\n| date | machine | commit | run |\n|---|---|---|---|\n";
    for (name, run) in runs {
        let _ = writeln!(text, "| {} | {} | {} | [{name}]({name}) |", run.date, run.machine.name, run.commit);
    }
    text
}

pub fn run(run: &Run) -> String {
    match run.kind {
        Kind::Bench => records(&run.records),
        Kind::Peers => sides(&run.sides),
    }
}

fn records(records: &[Record]) -> String {
    let mut text = String::from(
        "| model | audio s | device | threads | encode s | CPU s | × real time | decode s | CPU s \
         | × real time | peak MB |\n|---|---|---|---|---|---|---|---|---|---|---|",
    );
    for record in records {
        let Record { model, audio_seconds, threads, .. } = record;
        let device = record.device_text();
        let _ = write!(text, "\n| {model} | {audio_seconds:.1} | {device} | {threads} |");
        let all_seconds = audio_seconds * record.batch() as f64;
        for timing in [&record.encode, &record.decode] {
            let (wall, cpu) = (timing.wall_seconds_median, or_dash(timing.cpu_seconds_median, 2));
            let _ = write!(text, " {wall:.2} | {cpu} | {:.2} |", all_seconds / wall);
        }
        let _ = write!(text, " {} |", or_dash(record.peak_rss_mb, 0));
    }
    text
}

fn or_dash(value: Option<f64>, decimals: usize) -> String {
    value.map_or_else(|| "–".to_owned(), |value| format!("{value:.decimals$}"))
}

/// Formats all sides with their ratio of CPU seconds to the first side with the same number of threads.
pub fn sides(sides: &[Side]) -> String {
    let mut text = String::from(
        "| implementation | threads | encode CPU s | wall s | ratio | decode CPU s | wall s | ratio \
         | peak MB | codes equal | audio SNR |\n|---|---|---|---|---|---|---|---|---|---|---|",
    );
    for side in sides {
        let ours = sides.iter().find(|other| other.threads == side.threads).unwrap_or(side);
        let _ = write!(text, "\n| {} ({}) | {} |", side.name, side.version, side.threads);
        for (seconds, ours) in [(&side.encode, &ours.encode), (&side.decode, &ours.decode)] {
            let ((wall, cpu), (_, our_cpu)) = (seconds.medians(), ours.medians());
            let _ = write!(text, " {cpu:.2} | {wall:.2} | {:.2} × |", cpu / our_cpu);
        }
        let (peak, equal) = (median(&side.peak_rss_mb), 100.0 * side.equal_codes);
        let _ = write!(text, " {peak:.0} | {equal:.2} % | {:.1} dB |", side.audio_snr_db);
    }
    if let Some(first) = sides.first() {
        let _ = write!(
            text,
            "\n\n{:.1} s of audio with the {} model. Ratio: CPU seconds divided by ours with the same \
             number of threads. Codes and SNR: compared with the reference's output.",
            first.audio_seconds, first.model
        );
        text += &direct_convolution(first);
        text += &scaling(first, sides);
    }
    text
}

/// Compares our times with those of direct convolution at the processor's peak, if that was measured.
pub fn direct_convolution(side: &Side) -> String {
    let (Some(peak), Some((encode, decode))) = (side.fma_peak_gflops, gmacs_per_second(&side.model)) else {
        return String::new();
    };
    let [encode, decode] = [encode, decode].map(|gmacs| 2.0 * gmacs * side.audio_seconds / peak);
    let (our_encode, our_decode) = (side.encode.medians().1 / encode, side.decode.medians().1 / decode);
    format!(
        " Direct convolution at the measured multiply-add peak ({peak:.0} GFLOP/s per core) would take \
         {encode:.2} s and {decode:.2} s; we encode in {our_encode:.2} and decode in {our_decode:.2} of that."
    )
}

/// Returns the 10⁹ multiply-adds of direct convolution per second of audio, for encode and decode.
fn gmacs_per_second(model: &str) -> Option<(f64, f64)> {
    Some(match model {
        "44khz" => (30.6, 69.3),
        "44khz-16kbps" => (30.4, 68.4),
        "24khz" => (18.4, 41.7),
        "16khz" => (12.3, 27.8),
        _ => return None,
    })
}

/// Formats our speed-ups with more threads.
fn scaling(first: &Side, sides: &[Side]) -> String {
    let more = sides.iter().filter(|side| side.name == first.name && side.threads > first.threads);
    more.map(|side| {
        let (threads, fewer) = (side.threads, first.threads);
        let encode = first.encode.medians().0 / side.encode.medians().0;
        let decode = first.decode.medians().0 / side.decode.medians().0;
        format!(
            " Wall-clock speed-up with {threads} threads instead of {fewer}: encode {encode:.2} ×, \
             decode {decode:.2} ×."
        )
    })
    .collect()
}
