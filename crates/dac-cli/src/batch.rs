//! Runs a batch for a command: options, console output, signals, exit code.

use std::num::NonZeroUsize;

use anyhow::Error;
use dac::{Device, LoadOptions};
use dac_batch::{BatchError, BatchOptions, BatchReport, StopReason};

use crate::args::{FileArgs, RunArgs};
use crate::console::Console;
use crate::exit::{Exit, Usage};
use crate::output::eprint_line;
use crate::resources;

/// Files that are read and written at a time while a GPU computes.
const GPU_JOBS: NonZeroUsize = NonZeroUsize::new(32).expect("a positive number");

/// Runs `batch` with the options of a command, prints its summary, and returns the exit code.
pub(crate) fn run_batch(
    files: &FileArgs,
    run: &RunArgs,
    batch: impl FnOnce(&BatchOptions, &Console) -> Result<BatchReport, BatchError>,
) -> Result<Exit, Error> {
    let options = batch_options(files, run)?;
    let console = Console::new(files.json);
    let report = batch(&options, &console);
    console.close();
    let report = report?;
    if report.jobs > 1 || report.stopped.is_some() {
        eprint_line(summary(&report, options.dry_run, &console.speed()));
        if let Some(device) = report.device.filter(|device| device.totals.batches > 0) {
            let (busy, items) = (100.0 * device.busy_share(), device.items_per_batch());
            eprint_line(format_args!(
                "{} busy for {busy:.0} % of the time, with {items:.1} inputs at once",
                run.device
            ));
        }
    }
    Ok(match report.stopped {
        Some(StopReason::FatalError) => Exit::FatalError,
        Some(StopReason::Cancelled) => Exit::Signal(console.signals.exit_code()),
        None if report.failed > 0 || console.stdout_failed() => Exit::SomeFailed,
        None => Exit::Done,
    })
}

/// Load options for a batch: its workers provide the threads of the engine.
pub(crate) fn load_options(run: &RunArgs) -> LoadOptions {
    let mut options = run.load_options();
    options.threads = None;
    options.shared_batches = run.device.is_gpu();
    options
}

fn batch_options(files: &FileArgs, run: &RunArgs) -> Result<BatchOptions, Usage> {
    let batch = &files.batch;
    let threads = NonZeroUsize::new(resources::threads(run.threads)).unwrap_or(NonZeroUsize::MIN);
    let max_threads = NonZeroUsize::new(resources::max_threads()).unwrap_or(NonZeroUsize::MIN);
    // The engine scales best with one thread per file. A GPU computes many files at once, and their jobs
    // mostly wait for it. burn's CPU backends work on one file at a time.
    let (default_jobs, max_jobs) = match run.device {
        Device::Cpu => (threads, max_threads),
        device if device.is_gpu() => (GPU_JOBS, GPU_JOBS.max(max_threads)),
        _ => (NonZeroUsize::MIN, max_threads),
    };
    let capped = [("--threads", run.threads, max_threads), ("--jobs", batch.jobs, max_jobs)];
    let warnings = capped
        .into_iter()
        .filter_map(|(option, value, max)| resources::cap_warning(option, value, max.get()));
    for warning in warnings.chain(resources::memory_warning(threads.get())) {
        eprint_line(warning);
    }
    let output_dir = files.output.clone();
    Ok(BatchOptions {
        inputs: files.inputs.clone(),
        files_from: batch.files_from.clone(),
        root: batch.root.clone(),
        keep_extension: batch.keep_extension,
        output_dir: output_dir.ok_or_else(|| Usage("--output DIR is required".to_owned()))?,
        partition: batch.partition,
        manifest: batch.manifest.clone(),
        overwrite: files.overwrite,
        adopt: false,
        retry_failed: false,
        dry_run: batch.dry_run,
        jobs: batch.jobs.unwrap_or(default_jobs).min(max_jobs),
        threads,
    })
}

fn summary(report: &BatchReport, dry_run: bool, speed: &str) -> String {
    let BatchReport { jobs, done, skipped, planned, dropped, failed, .. } = report;
    let mut text = if dry_run {
        format!("{planned} to do, {skipped} up to date, {failed} would fail")
    } else {
        let dropped = if *dropped > 0 { format!(", {dropped} dropped") } else { String::new() };
        format!("{done} done, {skipped} skipped{dropped}, {failed} failed{speed}")
    };
    if report.stopped.is_some() {
        let remaining = report.remaining();
        text += &format!(
            "; interrupted with {remaining} of {jobs} files remaining (rerun the same command to resume)"
        );
    }
    text
}
