//! `dac manifest`: merges the manifests of partitions.

use anyhow::Error;
use dac_batch::merge_manifests;

use crate::args::ManifestAction;
use crate::exit::Exit;
use crate::output::{eprint_line, print_text};

/// Errors of a kind that are printed; of others only the number is.
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
        let lines = report.malformed_lines;
        eprint_line(format_args!(
            "warning: ignored {lines} damaged lines of the manifests; results that only they list are missing"
        ));
    }
    for partition in &report.missing {
        eprint_line(format_args!("error: the manifest of partition {partition} is missing"));
    }
    for partition in &report.unfinished {
        eprint_line(format_args!(
            "error: partition {partition} is unfinished: its last run did not reach its end; run it again"
        ));
    }
    let missing = report.without_result.iter().map(|key| {
        format!(
            "{key} was recorded as done, but the result is missing or differs; run all partitions again, \
             which skip what is done"
        )
    });
    print_errors(missing, "results are missing or differ");
    let failed =
        report.errors.iter().map(|error| format!("{error}; mend the input and run its partition again"));
    print_errors(failed, "inputs failed");
    let is_complete = report.missing.is_empty() && report.unfinished.is_empty() && report.failed == 0;
    Ok(if is_complete { Exit::Done } else { Exit::SomeFailed })
}

/// Prints errors of one kind, up to [`MAX_NAMED`] of them.
fn print_errors(errors: impl ExactSizeIterator<Item = String>, what: &str) {
    let more = errors.len().saturating_sub(MAX_NAMED);
    for error in errors.take(MAX_NAMED) {
        eprint_line(format_args!("error: {error}"));
    }
    if more > 0 {
        eprint_line(format_args!("error: {more} more {what}"));
    }
}
