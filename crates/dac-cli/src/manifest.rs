//! `dac manifest`: merges the manifests of partitions.

use anyhow::Error;
use dac_batch::merge_manifests;

use crate::args::ManifestAction;
use crate::exit::Exit;
use crate::output::{eprint_line, print_text};

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
    Ok(if report.missing.is_empty() && report.failed == 0 { Exit::Done } else { Exit::SomeFailed })
}
