//! `dac manifest`: merges the manifests of partitions.

use anyhow::Error;
use dac_batch::merge_manifests;

use crate::args::ManifestAction;
use crate::exit::Exit;
use crate::output::{eprint_line, print_text};

/// Missing results that are named; of others only the number is printed.
const MAX_NAMED: usize = 100;

pub(crate) fn run(action: &ManifestAction) -> Result<Exit, Error> {
    let ManifestAction::Merge { dir } = action;
    let report = merge_manifests(dir)?;
    print_text(&format!(
        "{}: {} done, {} failed, from {} manifests",
        report.path.display(),
        report.done,
        report.failed,
        report.manifests
    ))?;
    if report.malformed_lines > 0 {
        eprint_line(format_args!("ignored malformed manifest lines: {}", report.malformed_lines));
    }
    for partition in &report.missing {
        eprint_line(format_args!("error: the manifest of partition {partition} is missing"));
    }
    for partition in &report.unfinished {
        eprint_line(format_args!(
            "error: partition {partition} is unfinished: its last run did not reach its end; run it again"
        ));
    }
    for key in report.without_result.iter().take(MAX_NAMED) {
        eprint_line(format_args!(
            "error: {key} was recorded as done, but the result is missing or differs; run its partition again"
        ));
    }
    if let Some(more) = report.without_result.len().checked_sub(MAX_NAMED).filter(|more| *more > 0) {
        eprint_line(format_args!("error: {more} more results are missing or differ"));
    }
    let is_complete = report.missing.is_empty() && report.unfinished.is_empty() && report.failed == 0;
    Ok(if is_complete { Exit::Done } else { Exit::SomeFailed })
}
