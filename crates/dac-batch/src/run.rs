//! Runs the jobs of a plan: decide, work, record, rename into place.
//!
//! Outputs are written in the [`StagingDir`], their record is appended to the manifest, and then they are
//! renamed into place. A batch killed at any moment leaves only complete outputs, which the manifest lists,
//! and staging files that the next run removes. Every job ends with a record; a failed job does not end the
//! batch.

use std::path::PathBuf;
use std::sync::mpsc::{self, Receiver, RecvTimeoutError};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::Instant;

use dac::audio::ReadOptions;
use dac::tokens::TokenFile;
use dac_atomic::FinishedFile;
use dac_dataset::Passed;

use crate::cancel::{CancelToken, StopState};
use crate::decide::{Candidate, Decision};
use crate::error::{BatchError, catch_panic, error_text, error_text_of_file, has_any_io_cause};
use crate::file_stamp::{FileStamp, Fingerprint};
use crate::job_context::{Destination, JobContext};
use crate::job_record::JobState;
use crate::manifest::{Record, Roundtrip, RunState, Status};
use crate::manifest_store::ManifestStore;
use crate::observer::{BatchObserver, BatchReport, DeviceUse};
use crate::options::BatchOptions;
use crate::output_dirs::OutputDirs;
use crate::packing::{Packer, SettledEntry, WaitingEntry};
use crate::plan::{Job, OutputKind, Plan};
use crate::queue::{Queue, RowSettings};
use crate::row_data::RowData;
use crate::segments::SegmentSettings;
use crate::shards::ShardSettings;
use crate::source_input::SourceInput;
use crate::staging::StagingDir;
use crate::work::{Outcome, Product, Work};

/// Runs `work` with all threads of the batch, as loading a model does.
pub(crate) fn with_threads<T: Send>(
    options: &BatchOptions,
    work: impl FnOnce() -> Result<T, BatchError> + Send,
) -> Result<T, BatchError> {
    thread_pool(options.threads.get())?.install(work)
}

fn thread_pool(threads: usize) -> Result<rayon::ThreadPool, BatchError> {
    let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build();
    pool.map_err(|error| BatchError::threads(threads, &error))
}

/// Batch that is ready to run.
pub(crate) struct Batch<'a> {
    pub(crate) plan: Plan,
    pub(crate) options: &'a BatchOptions,
    /// Shards that collect the outputs.
    pub(crate) shards: Option<ShardSettings>,
    /// Kind of the outputs of rows of data sets.
    pub(crate) outputs: OutputKind<'a>,
    /// Treatment of data sets.
    pub(crate) rows: RowSettings,
    /// How audio is read, to cut it into pieces.
    pub(crate) read: ReadOptions,
    pub(crate) observer: &'a dyn BatchObserver,
    pub(crate) cancel: &'a CancelToken,
}

impl Batch<'_> {
    /// Does `work` for every job.
    pub(crate) fn run<W: Work>(&self, work: &W) -> Result<BatchReport, BatchError> {
        let Self { plan, options, shards, observer, cancel, .. } = self;
        let staging =
            if options.dry_run { None } else { Some(StagingDir::for_batch(options, shards.is_some())?) };
        let output_dirs =
            staging.as_ref().map(|staging| OutputDirs::new(&options.output_dir, staging.path()));
        if let Some(dirs) = &output_dirs {
            dirs.check_shared()?;
        }
        // No other process fills the pack from here on, so what the manifests list stays true.
        let manifests = ManifestStore::open(options)?;
        let packer = match shards {
            Some(shards) => {
                let kept = if self.rows.keeps_shards { plan.sources.as_slice() } else { &[] };
                let kept = kept.iter().map(SourceInput::shard_stem).collect();
                Packer::open(shards, options, staging.as_ref(), kept, &manifests)?
            }
            None => None,
        };
        let of_files = plan.jobs.iter().filter_map(|job| job.input_bytes);
        let input_bytes = of_files.chain(plan.sources.iter().map(|source| source.bytes)).sum();
        let jobs = plan.jobs.len() + plan.sources.len();
        observer.started(jobs, input_bytes);
        for remark in plan.remarks.iter().chain(&manifests.remark()) {
            observer.message(remark);
        }
        manifests.mark_run(RunState::Started, jobs)?;
        let run = Run {
            queue: Queue::new(plan, options, &self.rows, self.outputs),
            segments: self.rows.segments,
            read: self.read,
            shards: shards.as_ref().filter(|_| self.rows.keeps_shards),
            options,
            work,
            observer: *observer,
            destination: staging.as_ref().zip(output_dirs.as_ref()).map(Destination::from),
            manifests: &manifests,
            packer: packer.as_ref(),
            stop: StopState::new(cancel),
            report: Mutex::new(BatchReport { jobs, ..BatchReport::default() }),
        };
        let started = Instant::now();
        let ended = run.run_workers();
        let elapsed = started.elapsed();
        // Finished entries are kept, whatever ended the workers.
        if let Some(packer) = &packer {
            run.report_settled(packer.finish());
        }
        ended?;
        let stopped = run.stop.reason();
        if stopped.is_none() {
            manifests.check_present()?;
            manifests.mark_run(RunState::Ended, jobs)?;
        }
        let report = run.report.into_inner().unwrap_or_else(PoisonError::into_inner);
        let device = work.batch_totals().map(|totals| DeviceUse { totals, elapsed });
        Ok(BatchReport { stopped, device, ..report })
    }
}

/// Running batch, shared by its workers.
pub(crate) struct Run<'a, W> {
    pub(crate) queue: Queue<'a>,
    pub(crate) segments: SegmentSettings,
    pub(crate) read: ReadOptions,
    /// Shards that keep the names of data sets.
    pub(crate) shards: Option<&'a ShardSettings>,
    pub(crate) options: &'a BatchOptions,
    pub(crate) work: &'a W,
    pub(crate) observer: &'a dyn BatchObserver,
    /// `None` in a dry run.
    pub(crate) destination: Option<Destination<'a>>,
    pub(crate) manifests: &'a ManifestStore,
    pub(crate) packer: Option<&'a Packer<'a>>,
    pub(crate) stop: StopState,
    pub(crate) report: Mutex<BatchReport>,
}

/// Result of a worker for a job.
enum Handling {
    Worked(Outcome),
    Skipped(Option<Box<Record>>),
    Planned(String),
}

impl<'a, W: Work> Run<'a, W> {
    /// Works on all jobs, several at a time, each with its share of the threads.
    fn run_workers(&self) -> Result<(), BatchError> {
        let threads = self.options.threads.get();
        let workers = self.queue.workers(self.options.jobs.get());
        let share = |index: usize| (threads / workers + usize::from(index < threads % workers)).max(1);
        // All threads are started before the first job, so that a limit is met before any work.
        let pools = (0..workers).map(|index| thread_pool(share(index)));
        let pools = pools.collect::<Result<Vec<_>, _>>()?;
        let work = || {
            while self.stop.reason().is_none()
                && let Some(item) = self.queue.next(&|source| self.decide_source(source))
            {
                self.run_item(item);
            }
        };
        let (running, ended) = mpsc::channel::<()>();
        thread::scope(|scope| {
            let (work, mut result) = (&work, Ok(()));
            let mut handles = Vec::new();
            if let Some(packer) = self.packer {
                let close = move || self.close_due_shards(packer, &ended);
                result = thread::Builder::new().spawn_scoped(scope, close).map(drop);
            }
            for pool in pools {
                if result.is_ok() {
                    let handle = thread::Builder::new().spawn_scoped(scope, move || pool.install(work));
                    result = handle.map(|handle| handles.push(handle));
                }
            }
            if result.is_err() {
                self.stop.stop_after_fatal_error();
            }
            let panicked = handles.into_iter().map(|handle| handle.join()).any(|joined| joined.is_err());
            drop(running);
            result.map_err(|error| BatchError::threads(threads, &error))?;
            if panicked {
                return Err(BatchError::Fatal("internal error: a worker panicked".to_owned()));
            }
            Ok(())
        })
    }

    /// Closes shards that are old enough until the workers have ended.
    fn close_due_shards(&self, packer: &Packer<'a>, ended: &Receiver<()>) {
        while let Err(RecvTimeoutError::Timeout) = ended.recv_timeout(packer.tick()) {
            self.report_settled(packer.close_due());
            let settled = self.report.lock().unwrap_or_else(PoisonError::into_inner).ended();
            if let Some(warning) = packer.speed_warning(self.queue.known_jobs().saturating_sub(settled)) {
                self.observer.message(&warning);
            }
        }
    }

    pub(crate) fn run_job(&self, job: &Arc<Job>, mut data: RowData) {
        let mut state = JobState::start(Arc::clone(job), &data);
        let result = if let Some(fault) = &job.fault {
            Err(BatchError::Job(error_text_of_file(&job.input.display().to_string(), fault)))
        } else {
            catch_panic(|| self.decide_and_work(&mut state, &data))
        };
        state.stop_clock();
        let input_bytes = job.input_bytes.unwrap_or(0);
        let audio_seconds = state.record.audio_seconds.unwrap_or(0.0);
        // A result that was made from the input or is compared with it needs an unchanged input.
        let verified = match &result {
            Ok(Handling::Worked(_) | Handling::Skipped(None)) => state.verify_input(&data),
            _ => Ok(()),
        };
        let result = match verified.and(result).map_err(|error| self.or_fatal(error)) {
            Ok(Handling::Worked(Outcome { product: Product::PackEntry(tokens), description, .. })) => {
                let passed = std::mem::take(&mut data.passed);
                drop(data);
                let settled = self.pack(WaitingEntry { state, description }, *tokens, &passed);
                self.observer.progressed(input_bytes, Some(audio_seconds));
                return self.report_settled(settled);
            }
            Ok(handling) => self.conclude(&state, handling).map_err(|error| self.or_fatal(error)),
            Err(error) => Err(error),
        };
        if result.as_ref().is_err_and(|error| self.ends_batch(job, error)) {
            return;
        }
        let was_worked_on = result.as_ref().is_ok_and(|(record, _)| record.status == Status::Ok);
        self.report(&state, result);
        self.observer.progressed(input_bytes, was_worked_on.then_some(audio_seconds));
    }

    /// Decides about a job and does its work.
    fn decide_and_work(&self, state: &mut JobState, data: &RowData) -> Result<Handling, BatchError> {
        let JobState { job, stamp, record: facts, .. } = state;
        let context = JobContext::new(job, data, self.destination, &self.stop, self.observer);
        let result = self.handle(&context, *stamp, facts);
        context.check_not_interrupted().and(result)
    }

    fn handle(
        &self,
        context: &JobContext<'_>,
        stamp: Option<FileStamp>,
        facts: &mut Record,
    ) -> Result<Handling, BatchError> {
        let job = context.job;
        let prepared = self.work.prepare(context, facts)?;
        let data = context.data;
        let candidate = Candidate { job, stamp, data, options: self.options, manifests: self.manifests };
        let decision = candidate.decide(facts, |facts, output, unlisted| {
            self.work.check_unlisted(context, facts, output, unlisted)
        })?;
        match decision {
            Decision::Skip { record } => Ok(Handling::Skipped(record)),
            Decision::Run { differences } if self.options.dry_run => {
                let differs = differences.map(|names| format!(", changed {names}")).unwrap_or_default();
                Ok(Handling::Planned(format!("-> {}{differs}", output_names(job))))
            }
            Decision::Run { differences } => {
                if let Some(differences) = differences {
                    let names = output_names(job);
                    self.observer.message(&format!("replacing {names}: changed {differences}"));
                }
                context.check_outputs()?;
                self.work.run(context, prepared, facts).map(Handling::Worked)
            }
        }
    }

    /// Replaces an error by a fatal one if it hit a job because no job can write its outputs any more.
    fn or_fatal(&self, error: BatchError) -> BatchError {
        match self.destination {
            Some(Destination { dirs, .. }) if !error.is_fatal() && has_any_io_cause(&error) => {
                dirs.check_shared().err().unwrap_or(error)
            }
            _ => error,
        }
    }

    /// Builds the record of a job and appends it; then its outputs get their names. An output never exists
    /// without a record.
    fn conclude(&self, state: &JobState, handling: Handling) -> Result<(Record, String), BatchError> {
        let job = &state.job;
        match handling {
            Handling::Worked(Outcome { product: Product::Files(files), roundtrip, description }) => {
                let record = self.publish(state, files, roundtrip)?;
                Ok((record, description))
            }
            Handling::Worked(Outcome { product: Product::PackEntry(_), .. }) => {
                Err(BatchError::internal("the tokens were not packed"))
            }
            Handling::Skipped(Some(listed)) => {
                let shard = listed.pack.as_deref().map(|pack| self.options.output_dir.join(pack));
                let description = match &shard {
                    Some(shard) => format!("in {}", shard.display()),
                    None => skip_reason(job),
                };
                Ok((state.record_of_listed(&listed, shard.as_deref()), description))
            }
            Handling::Skipped(None) => {
                let path = job.outputs.first().map(PathBuf::as_path).unwrap_or(&job.input);
                let output = Fingerprint::of(path).map_err(|error| BatchError::read(path, error))?;
                let record = Record { status: Status::Skipped, ..state.record_of_output(output) };
                self.manifests.append([&record])?;
                let description = format!("{} fits and is now listed in the manifest", path.display());
                Ok((record, description))
            }
            Handling::Planned(description) => {
                Ok((Record { status: Status::Planned, ..state.record.clone() }, description))
            }
        }
    }

    fn publish(
        &self,
        state: &JobState,
        files: Vec<FinishedFile>,
        roundtrip: Option<Roundtrip>,
    ) -> Result<Record, BatchError> {
        let no_output = || BatchError::internal("the job has no output");
        let (first, path) = files.first().zip(state.job.outputs.first()).ok_or_else(no_output)?;
        let fingerprint = || Ok(Fingerprint { bytes: first.bytes()?, sha256: first.sha256()? });
        let output = fingerprint().map_err(|error| BatchError::read(path, error))?;
        let roundtrip = roundtrip.map(Box::new);
        let record = Record { roundtrip, ..state.record_of_output(output) };
        self.manifests.append([&record])?;
        for (file, path) in files.into_iter().zip(&state.job.outputs) {
            file.persist().map_err(|error| BatchError::write(path, error))?;
        }
        Ok(record)
    }

    /// Adds tokens to the pack and returns the entries that are settled now.
    fn pack(&self, entry: WaitingEntry, tokens: TokenFile, passed: &Passed) -> Vec<SettledEntry> {
        match (self.packer, entry.state.job.entry.clone()) {
            (Some(packer), Some(key)) => packer.add(&key, entry, tokens, passed),
            _ => {
                let error = BatchError::internal("this batch has no pack");
                vec![SettledEntry { state: entry.state, result: Err(error) }]
            }
        }
    }

    /// Reports whether a failed job is left for the next run, because the batch is stopping or has to stop
    /// now. Prints a fatal error once.
    pub(crate) fn ends_batch(&self, job: &Job, error: &BatchError) -> bool {
        let is_fatal = error.is_fatal();
        if is_fatal && self.stop.stop_after_fatal_error() {
            let text = error_text_of_file(&job.input.display().to_string(), &error_text(error));
            self.observer.message(&format!("error: {text}"));
        }
        is_fatal || matches!(error, BatchError::Cancelled)
    }

    /// Reports the entries of a shard, whose progress was counted when they were encoded.
    pub(crate) fn report_settled(&self, entries: Vec<SettledEntry>) {
        for SettledEntry { state, result } in entries {
            if !result.as_ref().is_err_and(|error| self.ends_batch(&state.job, error)) {
                self.report(&state, result);
            }
        }
    }

    pub(crate) fn report(&self, state: &JobState, result: Result<(Record, String), BatchError>) {
        let (record, description) = result.unwrap_or_else(|error| {
            let status =
                if matches!(error, BatchError::Dropped(_)) { Status::Dropped } else { Status::Error };
            let error_text = Some(error_text(&error).into());
            let pack = state.job.kept.as_ref().map(|kept| Arc::clone(&kept.name));
            let record = Record { status, error: error_text, pack, ..state.record.clone() };
            if status == Status::Error
                && let Err(error) = self.manifests.append([&record])
            {
                self.ends_batch(&state.job, &error);
            }
            (record, String::new())
        });
        self.report.lock().unwrap_or_else(PoisonError::into_inner).count(record.status);
        self.observer.job_ended(&record, &description);
    }
}

/// Names of a job's outputs for messages.
fn output_names(job: &Job) -> String {
    if job.entry.is_some() {
        return format!("{} in a pack", job.key);
    }
    let names: Vec<_> = job.outputs.iter().map(|output| output.display().to_string()).collect();
    names.join(" and ")
}

fn skip_reason(job: &Job) -> String {
    let verb = if job.outputs.len() > 1 { "exist" } else { "exists" };
    format!("{} already {verb}; use --overwrite to replace", output_names(job))
}
