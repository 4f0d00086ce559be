//! `docs/benchmarks.md`, written from the runs that are kept.

use std::fmt::Write;
use std::path::PathBuf;

use anyhow::Error;

use super::Record;
use super::median;
use super::peers::Side;
use super::store::{Kind, Run};
use crate::process::root;

const HEAD: &str = "\
# Benchmarks

`cargo xtask bench` measures, keeps each run under `benchmarks/runs/` with machine, commit and commands, and writes this page
from all of them; nothing here is typed by hand. Seconds are medians for the stated length of audio, after a warm-up; *CPU s* is
process time, user and system, of all threads, which a busy machine disturbs less than the wall clock; *× real time* is seconds
of audio a second of wall time; memory is the peak of the whole process, weights and both directions included. Weights are
random at the published sizes: they cost what the published ones cost.

For scale, the table of the original model card, encode and decode of 10 s with the 44.1 kHz model: 6.71 s and 15.4 s on an
Intel i9-11900K, 0.19 s and 0.31 s on an NVIDIA RTX 3060.
";

/// Writes the page and gives its path.
///
/// # Errors
/// When it cannot be written.
pub(super) fn write(runs: &[(String, Run)]) -> Result<PathBuf, Error> {
    let path = root().join("docs").join("benchmarks.md");
    std::fs::write(&path, page(runs))?;
    Ok(path.strip_prefix(root()).map(PathBuf::from).unwrap_or(path))
}

/// Of each machine the newest run of each kind in full, then the list of all.
fn page(runs: &[(String, Run)]) -> String {
    let mut text = HEAD.to_owned();
    let mut shown: Vec<(&str, Kind)> = Vec::new();
    for (name, run) in runs {
        let key = (run.machine.name.as_str(), run.kind);
        if shown.contains(&key) {
            continue;
        }
        shown.push(key);
        let title =
            if run.kind == Kind::Peers { "beside PyTorch and ONNX Runtime" } else { "models and devices" };
        let _ = write!(text, "\n## {}: {title}\n\n{}\n\n", run.machine.name, self::run(run));
        let _ = writeln!(
            text,
            "{}. Commit {}, {}, `{}` ([{name}]({name})).",
            run.machine.describe(),
            run.commit,
            run.date,
            run.task
        );
    }
    text += "\n## All runs\n\n| date | machine | commit | run |\n|---|---|---|---|\n";
    for (name, run) in runs {
        let _ = writeln!(text, "| {} | {} | {} | [{name}]({name}) |", run.date, run.machine.name, run.commit);
    }
    text
}

/// The table of one run.
pub(super) fn run(run: &Run) -> String {
    match run.kind {
        Kind::Bench => records(&run.records),
        Kind::Peers => sides(&run.sides),
    }
}

fn records(records: &[Record]) -> String {
    let mut text = String::from(
        "| model | audio s | device | threads | encode s | CPU s | × real time | decode s | CPU s | × real time | peak MB |\n\
         |---|---|---|---|---|---|---|---|---|---|---|",
    );
    for record in records {
        let device = match &record.cpu_level {
            Some(level) => format!("{} ({level})", record.device),
            None => record.device.clone(),
        };
        let _ = write!(
            text,
            "\n| {} | {:.1} | {device} | {} |",
            record.model, record.audio_seconds, record.threads
        );
        for timing in [&record.encode, &record.decode] {
            let factor = record.audio_seconds / timing.wall_seconds_median;
            let cpu = timing.cpu_seconds_median.map_or_else(|| "–".to_owned(), |s| format!("{s:.2}"));
            let _ = write!(text, " {:.2} | {cpu} | {factor:.2} |", timing.wall_seconds_median);
        }
        let _ =
            write!(text, " {} |", record.peak_rss_mb.map_or_else(|| "–".to_owned(), |mb| format!("{mb:.0}")));
    }
    text
}

/// Every side with its ratio to the first of the same number of threads, in CPU seconds.
fn sides(sides: &[Side]) -> String {
    let mut text = String::from(
        "| side | threads | encode CPU s | wall s | ratio | decode CPU s | wall s | ratio | peak MB | codes equal | audio SNR |\n\
         |---|---|---|---|---|---|---|---|---|---|---|",
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
            "\n\n{:.1} s of audio with the {} model. Ratio: CPU seconds over ours at the same number of threads. Codes and SNR against \
             the reference's own output.",
            first.audio_seconds, first.model
        );
        text += &direct(first);
        text += &scaling(first, sides);
    }
    text
}

/// What direct convolution could do at best on this processor, where our side measured that.
fn direct(side: &Side) -> String {
    let (Some(peak), Some((encode, decode))) = (side.fma_peak_gflops, gmacs_a_second(&side.model)) else {
        return String::new();
    };
    let (ours_encode, ours_decode) = (side.encode.medians().1, side.decode.medians().1);
    let cpu = |gmacs: f64| 2.0 * gmacs * side.audio_seconds / peak;
    format!(
        " Direct convolution at the multiply-add peak measured here ({peak:.0} GFLOP/s a core) would take {:.2} s and {:.2} s: \
         we encode in {:.2} and decode in {:.2} of that.",
        cpu(encode),
        cpu(decode),
        ours_encode / cpu(encode),
        ours_decode / cpu(decode),
    )
}

/// Multiply-adds, in thousand millions, that a second of audio takes by direct convolution: encode and decode.
fn gmacs_a_second(model: &str) -> Option<(f64, f64)> {
    Some(match model {
        "44khz" => (30.6, 69.3),
        "44khz-16kbps" => (30.4, 68.4),
        "24khz" => (18.4, 41.7),
        "16khz" => (12.3, 27.8),
        _ => return None,
    })
}

/// How much faster our side is with more threads, by the wall clock.
fn scaling(first: &Side, sides: &[Side]) -> String {
    let more = sides.iter().filter(|side| side.name == first.name && side.threads > first.threads);
    more.map(|side| {
        let gain = |a: f64, b: f64| a / b;
        format!(
            " {} threads against {}: encode {:.2} ×, decode {:.2} × by the wall clock.",
            side.threads,
            first.threads,
            gain(first.encode.medians().0, side.encode.medians().0),
            gain(first.decode.medians().0, side.decode.medians().0),
        )
    })
    .collect()
}

#[cfg(test)]
mod tests {
    use super::super::machine::Machine;
    use super::super::peers::Seconds;
    use super::*;

    fn side(name: &str, threads: usize, seconds: f64) -> Side {
        let each = Seconds { wall: vec![seconds], cpu: vec![seconds] };
        Side {
            name: name.to_owned(),
            version: "1".to_owned(),
            model: "44khz".to_owned(),
            audio_seconds: 10.0,
            threads,
            encode: each.clone(),
            decode: each,
            peak_rss_mb: vec![600.0],
            equal_codes: 1.0,
            audio_snr_db: 100.0,
            fma_peak_gflops: None,
        }
    }

    #[test]
    fn ratios_are_to_our_side_at_the_same_threads() {
        let table =
            sides(&[side("dac", 1, 2.0), side("other", 1, 8.0), side("dac", 2, 1.0), side("other", 2, 5.0)]);
        let rows: Vec<&str> = table.lines().collect();
        assert!(rows[2].contains("2.00 | 2.00 | 1.00 ×"), "{}", rows[2]);
        assert!(rows[3].contains("8.00 | 8.00 | 4.00 ×") && rows[5].contains("5.00 ×"), "{table}");
        assert!(table.contains("2 threads against 1: encode 2.00 ×, decode 2.00 ×"), "{table}");
    }

    #[test]
    fn our_time_is_given_as_a_share_of_direct_convolutions() {
        let mut ours = side("dac", 1, 2.0);
        assert_eq!(direct(&ours), "");
        ours.fma_peak_gflops = Some(100.0);
        assert!(
            direct(&ours).contains("would take 6.12 s and 13.86 s: we encode in 0.33 and decode in 0.14"),
            "{}",
            direct(&ours)
        );
        ours.model = "tiny".to_owned();
        assert_eq!(direct(&ours), "");
    }

    #[test]
    fn the_page_shows_the_newest_of_a_kind_and_lists_all() {
        let mut new = Run::begin(Kind::Bench, Machine::other("box")).unwrap();
        new.records.push(serde_json::from_str(super::super::tests::LINE).unwrap());
        let old = Run { date: "2020-01-01".to_owned(), ..new.clone() };
        let page = page(&[("b.json".to_owned(), new), ("a.json".to_owned(), old)]);
        assert_eq!(page.matches("## box: models and devices").count(), 1);
        assert_eq!((page.matches("a.json").count(), page.matches("b.json").count()), (2, 4));
        assert!(
            page.contains("| 44khz | 10.0 | cpu (avx512) | 1 | 1.50 | 1.40 | 6.67 | 2.50 | – | 4.00 | 640 |"),
            "{page}"
        );
    }
}
