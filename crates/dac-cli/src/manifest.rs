//! `dac manifest`: the records of a job's shards joined to one.

use anyhow::Error;

use crate::args::{ManifestAction, ManifestArgs};
use crate::exit::Exit;
use crate::output::{print_text, say};

/// Runs `dac manifest`.
pub(crate) fn run(args: &ManifestArgs) -> Result<Exit, Error> {
    let ManifestAction::Merge { folder } = &args.action;
    let report = dac_manifest::merge(folder)?;
    print_text(&format!(
        "{}: {} done, {} failed, from {} manifests",
        report.path.display(),
        report.done,
        report.failed,
        report.manifests
    ))?;
    if report.unreadable_lines > 0 {
        say(format_args!("{} lines are cut or no records and do not count", report.unreadable_lines));
    }
    for shard in &report.missing {
        say(format_args!("error: there is no manifest of shard {shard}"));
    }
    Ok(if report.missing.is_empty() && report.failed == 0 { Exit::Done } else { Exit::SomeFailed })
}
