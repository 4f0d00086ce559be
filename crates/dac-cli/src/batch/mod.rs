//! The jobs of a plan, several at a time: each ends in a record, none ends the batch.
//!
//! A job makes its results in the [`Workroom`]; its record goes to the [`Ledger`]; then the results get their names. Killed at
//! any moment, a batch leaves whole results that the manifest proves, and nothing else that the next run does not clear.
//! Results that are packed wait in the [`Packer`] for their shard.

mod console;
mod input;
mod ledger;
mod pack;
mod stop;
mod task;
mod workroom;

use std::io::ErrorKind;
use std::num::NonZeroUsize;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Instant;

use anyhow::{Context, Error, anyhow};
use dac::Device;
use dac::tokens::TokenFile;
use dac_manifest::{Record, Status};

use crate::args::FileArgs;
use crate::exit::{Exit, Usage};
use crate::output::{error_of_file, error_text, panic_text, print_record, print_text};
use crate::plan::{Job, Plan};
use crate::resources;
use crate::roundtrip_table::roundtrip_table;
use console::Console;
use input::{Stamp, now_s};
pub(crate) use ledger::entry_of_file;
use ledger::{Ledger, fingerprint};
pub(crate) use pack::Packing;
use pack::{Numbering, Packer, Settled, Waiting};
pub(crate) use stop::Stop;
use stop::{Halt, Stopped};
pub(crate) use task::Task;
use workroom::{Workroom, publish};

/// How a job ended that did not fail, and what to say of it.
pub(crate) enum Done {
    /// Its results are made.
    Written(String),
    /// Its result is to go into a pack.
    Packed(Box<TokenFile>, String),
    /// Its results were there and valid.
    Skipped(String),
    /// It would be worked on.
    Planned(String),
}

/// A plan that is ready to be carried out.
pub(crate) struct Batch<'a> {
    plan: Plan,
    args: &'a FileArgs,
    packing: Option<Packing>,
    stop: Stop,
    threads: usize,
    jobs: usize,
}

/// How many jobs ended how.
#[derive(Default)]
struct Counts {
    written: AtomicUsize,
    skipped: AtomicUsize,
    planned: AtomicUsize,
    failed: AtomicUsize,
    /// Whether standard output could not be written: each record is in the manifest all the same.
    deaf: AtomicBool,
}

/// What the workers of a batch share.
#[derive(Clone, Copy)]
struct Shared<'a> {
    room: Option<&'a Workroom>,
    ledger: &'a Ledger,
    packer: Option<&'a Packer<'a>>,
    console: &'a Console,
    counts: &'a Counts,
}

impl<'a> Batch<'a> {
    /// Decides how many jobs are worked on at once: `--jobs`, else one a thread on the processor's own engine, whose threads are
    /// best used one a file, and one on any other device.
    pub(crate) fn new(plan: Plan, args: &'a FileArgs, device: Device, threads: Option<NonZeroUsize>) -> Self {
        let threads = resources::threads(threads);
        let by_device = if device == Device::Cpu { threads } else { 1 };
        let jobs = args.batch.jobs.map_or(by_device, usize::from).min(plan.jobs.len()).max(1);
        Self { plan, args, packing: None, stop: Stop::default(), threads, jobs }
    }

    /// The same batch with results that go into packs; its plan has entries instead of files.
    #[must_use]
    pub(crate) fn packed(mut self, packing: Option<Packing>) -> Self {
        self.packing = packing;
        self
    }

    /// Does `work` with all threads of the batch, as loading a model wants it.
    ///
    /// # Errors
    /// As `work`, and when threads cannot be started.
    pub(crate) fn with_threads<T: Send>(
        &self,
        work: impl FnOnce() -> Result<T, Error> + Send,
    ) -> Result<T, Error> {
        pool(self.threads)?.install(work)
    }

    /// Does `work` for every job. A job that fails, or even panics in some library, is reported and the next one begins.
    ///
    /// # Errors
    /// When the output folder cannot be made or written, or a manifest not be read or written; when another process fills the same
    /// packs.
    pub(crate) fn run(
        mut self,
        work: impl Fn(&Job, &mut Task<'_>) -> Result<Done, Error> + Sync,
    ) -> Result<Exit, Error> {
        let room = if self.args.batch.dry_run { None } else { Some(self.open_room()?) };
        // Whoever packs is alone at it by now: what the manifests say stays so.
        let ledger = Ledger::open(self.args)?;
        let numbering = |packing: &Packing| Numbering::after_those_of(self.args, &packing.kind, &ledger);
        let numbering = self.packing.as_ref().map(numbering).transpose()?;
        let packer = match (&self.packing, numbering, &room) {
            (Some(packing), Some(numbering), Some(room)) => {
                Some(Packer::open(packing, numbering, self.args, room, &ledger)?)
            }
            _ => None,
        };
        self.stop = Stop::listen().context("signals cannot be listened to")?;
        let bytes = self.plan.jobs.iter().filter_map(|job| job.input_bytes).sum();
        let console = Console::new(self.plan.jobs.len(), bytes);
        for remark in self.plan.remarks.iter().chain(&ledger.remark()) {
            console.say(remark);
        }
        let counts = Counts::default();
        let shared = Shared {
            room: room.as_ref(),
            ledger: &ledger,
            packer: packer.as_ref(),
            console: &console,
            counts: &counts,
        };
        let next = AtomicUsize::new(0);
        let worker = |threads: usize| -> Result<(), Error> {
            pool(threads)?.install(|| {
                while self.stop.exit().is_none()
                    && let index = next.fetch_add(1, Ordering::Relaxed)
                    && let Some(job) = self.plan.jobs.get(index)
                {
                    self.one(index, job, shared, &work);
                }
            });
            Ok(())
        };
        let ended = std::thread::scope(|scope| {
            let workers: Vec<_> = (0..self.jobs)
                .map(|n| {
                    let rest = usize::from(n < self.threads % self.jobs);
                    let threads = (self.threads / self.jobs + rest).max(1);
                    let worker = &worker;
                    scope.spawn(move || worker(threads))
                })
                .collect();
            let ends: Vec<_> = workers.into_iter().map(|worker| worker.join()).collect();
            ends.into_iter().try_for_each(|end| end.unwrap_or_else(|_| Err(anyhow!("a worker died"))))
        });
        // Whatever ended the workers: what they finished is kept.
        if let Some(packer) = &packer {
            self.settle(packer.finish(), shared);
        }
        console.close();
        ended?;
        Ok(self.summary(&console, &counts))
    }

    fn open_room(&self) -> Result<Workroom, Error> {
        let folder = self.args.folder()?;
        std::fs::create_dir_all(folder).map_err(|error| {
            let text = format!("{}: cannot be made a folder: {error}", folder.display());
            let misnamed = matches!(error.kind(), ErrorKind::AlreadyExists | ErrorKind::NotADirectory);
            if misnamed { Usage(text).into() } else { anyhow!(text) }
        })?;
        let sole = self.packing.as_ref().map(|_| match self.args.batch.shard {
            Some(shard) => format!("pack-{}-of-{}.", shard.index(), shard.count()),
            None => "pack.".to_owned(),
        });
        Workroom::open(folder, sole.as_deref()).map_err(|error| match error.kind() {
            ErrorKind::ResourceBusy => anyhow!(
                "{}: another process packs into it; when that has ended, the same command adds what is missing",
                folder.display()
            ),
            _ => Error::from(error).context(format!("{}: cannot be written", folder.display())),
        })
    }

    fn one(
        &self,
        index: usize,
        job: &Job,
        shared: Shared<'_>,
        work: &(impl Fn(&Job, &mut Task<'_>) -> Result<Done, Error> + Sync),
    ) {
        let started = Instant::now();
        let mut record = Record::of(&job.input);
        record.key = Some(job.key.clone());
        record.output = job.outputs.first().map(|output| output.display().to_string());
        let stamp = Stamp::of(&job.input).ok();
        record.input_bytes = stamp.map(|stamp| stamp.bytes);
        record.input_modified_s = stamp.and_then(|stamp| stamp.modified_s());
        let made: Vec<_> = match shared.room {
            Some(room) => (0..job.outputs.len()).map(|n| room.place(index, n)).collect(),
            None => Vec::new(),
        };
        let mut task = Task::new(job, record, &made, self, shared.ledger, shared.console);
        let result = match &job.fault {
            Some(fault) => Err(anyhow!("{}: {fault}", job.input.display())),
            None => catch_unwind(AssertUnwindSafe(|| work(job, &mut task))).unwrap_or_else(|panic| {
                Err(anyhow!("internal fault: {}", panic_text(panic.as_ref()).unwrap_or("unknown")))
            }),
        };
        let (mut record, proven) = task.end();
        record.elapsed_seconds = started.elapsed().as_secs_f64();
        record.finished_s = now_s();
        let result = result.and_then(|done| {
            match &done {
                Done::Written(_) => {
                    set_files(&mut record, job, stamp, made.first())?;
                    keep(&record, job, &made, shared.ledger)?;
                }
                // A valid result that no manifest knows gets its record.
                Done::Skipped(_) if !proven => {
                    record.status = Status::Skipped;
                    set_files(&mut record, job, stamp, job.outputs.first())?;
                    shared.ledger.append([&record])?;
                }
                Done::Packed(..) => set_files(&mut record, job, stamp, None)?,
                _ => {}
            }
            Ok(done)
        });
        let result = match (result, shared.packer, &job.entry) {
            (Ok(Done::Packed(tokens, what)), Some(packer), Some(key)) => {
                let waiting = Waiting { index, record: record.clone(), what };
                match packer.add(key, waiting, *tokens) {
                    Ok(settled) => {
                        let seconds = record.audio_seconds.unwrap_or(0.0);
                        shared.console.count(job.input_bytes.unwrap_or(0), Some(seconds));
                        return self.settle(settled, shared);
                    }
                    Err(error) => Err(error),
                }
            }
            (result, ..) => result,
        };
        for path in &made {
            // What a failure left; a result has its name by now.
            let _ = std::fs::remove_file(path);
        }
        if result.as_ref().is_err_and(|error| self.ends_early(error, job, shared)) {
            return;
        }
        let worked = matches!(result, Ok(Done::Written(_))).then(|| record.audio_seconds.unwrap_or(0.0));
        self.report(record, job, result, shared);
        shared.console.count(job.input_bytes.unwrap_or(0), worked);
    }

    /// Whether a job that ended in this error is left for the next run: because an end was wanted, or is wanted now, since no other
    /// file would fare better. That is said once.
    fn ends_early(&self, error: &Error, job: &Job, shared: Shared<'_>) -> bool {
        let halts = Halt::is(error);
        if halts && self.stop.halt() {
            shared.console.say(&format!("error: {}", error_of_file(&job.input, error)));
        }
        halts || error.is::<Stopped>()
    }

    /// Reports the entries of a shard, which were counted when they were made.
    fn settle(&self, entries: Vec<Settled>, shared: Shared<'_>) {
        for Settled { index, record, result } in entries {
            if let Some(job) = self.plan.jobs.get(index)
                && !result.as_ref().is_err_and(|error| self.ends_early(error, job, shared))
            {
                self.report(record, job, result, shared);
            }
        }
    }

    fn report(&self, mut record: Record, job: &Job, result: Result<Done, Error>, shared: Shared<'_>) {
        let Shared { console, counts, ledger, .. } = shared;
        let input = job.input.display();
        let mut planned = None;
        let count = match result {
            Ok(Done::Written(what) | Done::Packed(_, what)) => {
                console.mention(&format!("{input}: {what}"));
                &counts.written
            }
            Ok(Done::Skipped(why)) => {
                record.status = Status::Skipped;
                console.mention(&format!("{input}: skipped: {why}"));
                &counts.skipped
            }
            Ok(Done::Planned(what)) => {
                record.status = Status::Planned;
                planned = Some(format!("{input}: {what}"));
                &counts.planned
            }
            Err(error) => {
                record.status = Status::Error;
                record.error = Some(error_text(&error));
                (record.output_bytes, record.output_sha256, record.pack) = (None, None, None);
                record.roundtrip = None;
                console.say(&format!("error: {}", error_of_file(&job.input, &error)));
                if let Err(error) = ledger.append([&record]) {
                    self.ends_early(&error, job, shared);
                }
                &counts.failed
            }
        };
        count.fetch_add(1, Ordering::Relaxed);
        let printed = if self.args.json {
            print_record(&record)
        } else {
            planned.or_else(|| roundtrip_table(&record)).map_or(Ok(()), |text| print_text(&text))
        };
        if let Err(error) = printed
            && !counts.deaf.swap(true, Ordering::Relaxed)
        {
            console.say(&format!("error: standard output: {error}; the work goes on without it"));
        }
    }

    fn summary(&self, console: &Console, counts: &Counts) -> Exit {
        let count = |count: &AtomicUsize| count.load(Ordering::Relaxed);
        let (written, skipped, failed) =
            (count(&counts.written), count(&counts.skipped), count(&counts.failed));
        let ended = written + skipped + failed + count(&counts.planned);
        if self.plan.jobs.len() > 1 || self.stop.exit().is_some() {
            let speed = console.summary().unwrap_or_default();
            let mut text = if self.args.batch.dry_run {
                format!("{} to do, {skipped} there, {failed} would fail", count(&counts.planned))
            } else {
                format!("{written} done, {skipped} skipped, {failed} failed{speed}")
            };
            if self.stop.exit().is_some() {
                text += &format!(
                    "; stopped with {} of {} left, which the same command goes on with",
                    self.plan.jobs.len() - ended,
                    self.plan.jobs.len()
                );
            }
            console.say(&text);
        }
        match self.stop.exit() {
            Some(exit) => exit,
            None if failed > 0 || counts.deaf.load(Ordering::Relaxed) => Exit::SomeFailed,
            None => Exit::Done,
        }
    }
}

/// The record first, then the names: a result is never without a record.
fn keep(record: &Record, job: &Job, made: &[PathBuf], ledger: &Ledger) -> Result<(), Error> {
    ledger.append([record])?;
    for (made, output) in made.iter().zip(&job.outputs) {
        publish(made, output).with_context(|| format!("{}: cannot be written", output.display()))?;
    }
    Ok(())
}

/// Puts into the record what tells later whether the input, which was as `stamp` says, and the result at `made` are still the same.
fn set_files(
    record: &mut Record,
    job: &Job,
    stamp: Option<Stamp>,
    made: Option<&PathBuf>,
) -> Result<(), Error> {
    let found = fingerprint(&job.input).with_context(|| job.input.display().to_string())?;
    stamp
        .with_context(|| format!("{}: was not there when its work began", job.input.display()))?
        .demand(&job.input)?;
    (record.input_bytes, record.input_sha256) = (Some(found.bytes), Some(found.sha256));
    if let Some(made) = made {
        let found = fingerprint(made).with_context(|| made.display().to_string())?;
        (record.output_bytes, record.output_sha256) = (Some(found.bytes), Some(found.sha256));
    }
    Ok(())
}

fn pool(threads: usize) -> Result<rayon::ThreadPool, Error> {
    let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build();
    pool.with_context(|| format!("a pool of {threads} threads could not be started"))
}

#[cfg(test)]
mod tests;
