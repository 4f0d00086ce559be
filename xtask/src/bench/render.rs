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
pub(super) fn write(runs: &[(String, Run)]) -> Result<PathBuf, Error> {
    let path = store::folder().join("README.md");
    std::fs::write(&path, page(runs))?;
    Ok(path.strip_prefix(root()).map(PathBuf::from).unwrap_or(path))
}

/// Formats the newest run of each kind and machine, then a list of all runs.
fn page(runs: &[(String, Run)]) -> String {
    let mut text = HEAD.to_owned();
    let mut shown: Vec<(&str, Kind)> = Vec::new();
    for (name, run) in runs {
        let key = (run.machine.name.as_str(), run.kind);
        if shown.contains(&key) {
            continue;
        }
        shown.push(key);
        let title = match run.kind {
            Kind::Peers => "comparison with PyTorch and ONNX Runtime",
            Kind::Bench => "models and devices",
        };
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

/// Formats one run as a table.
pub(super) fn run(run: &Run) -> String {
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

/// Formats all sides with their ratio of CPU seconds to the first side with the same number of threads.
fn sides(sides: &[Side]) -> String {
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
fn direct_convolution(side: &Side) -> String {
    let (Some(peak), Some((encode, decode))) = (side.fma_peak_gflops, gmacs_per_second(&side.model)) else {
        return String::new();
    };
    let (ours_encode, ours_decode) = (side.encode.medians().1, side.decode.medians().1);
    let cpu = |gmacs: f64| 2.0 * gmacs * side.audio_seconds / peak;
    format!(
        " Direct convolution at the measured multiply-add peak ({peak:.0} GFLOP/s per core) would take \
         {:.2} s and {:.2} s; we encode in {:.2} and decode in {:.2} of that.",
        cpu(encode),
        cpu(decode),
        ours_encode / cpu(encode),
        ours_decode / cpu(decode),
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
        format!(
            " Wall-clock speed-up with {} threads instead of {}: encode {:.2} ×, decode {:.2} ×.",
            side.threads,
            first.threads,
            first.encode.medians().0 / side.encode.medians().0,
            first.decode.medians().0 / side.decode.medians().0,
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
    fn ratios_compare_with_our_side_with_the_same_threads() {
        let table =
            sides(&[side("dac", 1, 2.0), side("other", 1, 8.0), side("dac", 2, 1.0), side("other", 2, 5.0)]);
        let rows: Vec<&str> = table.lines().collect();
        assert!(rows[2].contains("2.00 | 2.00 | 1.00 ×"), "{}", rows[2]);
        assert!(rows[3].contains("8.00 | 8.00 | 4.00 ×") && rows[5].contains("5.00 ×"), "{table}");
        assert!(table.contains("with 2 threads instead of 1: encode 2.00 ×, decode 2.00 ×"), "{table}");
    }

    #[test]
    fn our_time_is_compared_with_direct_convolution() {
        let mut ours = side("dac", 1, 2.0);
        assert_eq!(direct_convolution(&ours), "");
        ours.fma_peak_gflops = Some(100.0);
        assert!(
            direct_convolution(&ours)
                .contains("would take 6.12 s and 13.86 s; we encode in 0.33 and decode in 0.14"),
            "{}",
            direct_convolution(&ours)
        );
        ours.model = "tiny".to_owned();
        assert_eq!(direct_convolution(&ours), "");
    }

    #[test]
    fn page_shows_the_newest_run_of_a_kind_and_lists_all() {
        let mut new = Run::new(Kind::Bench, Machine::named("box")).unwrap();
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
