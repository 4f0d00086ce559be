//! Work on the rows of data sets, and on pieces of recordings.

use std::sync::{Arc, PoisonError};

use dac_dataset::Segment;

use crate::decide::Candidate;
use crate::error::{BatchError, catch_panic, error_text};
use crate::job_context::JobContext;
use crate::job_record::JobState;
use crate::manifest::{Record, Status};
use crate::plan::{Job, KeptShard};
use crate::queue::{Item, Piece, SourceDecision};
use crate::row_data::{InputIdentity, RowContent, RowData, Samples};
use crate::run::Run;
use crate::segments::Cutter;
use crate::source_input::SourceInput;
use crate::work::Work;

impl<W: Work> Run<'_, W> {
    /// Works on an item of the queue, and completes the shard of its data set if it was the last one.
    pub(crate) fn run_item(&self, item: Item) {
        let source = item.source();
        match item {
            Item::Whole { job, data } => {
                self.count_found(job.source.is_some());
                self.run_job(&job, data);
            }
            Item::Failed { job } => {
                self.count_found(true);
                self.run_job(&job, RowData::default());
            }
            Item::Recording { content, pieces, identity } => self.run_recording(content, pieces, &identity),
            Item::Ended { source } => self.end_source(source),
        }
        if let Some(source) = source
            && self.queue.finished(source)
        {
            self.end_source(source);
        }
    }

    /// Completes the shard of a data set, whose place among the jobs its rows took.
    fn end_source(&self, source: usize) {
        if let Some(packer) = self.packer.filter(|_| self.stop.reason().is_none()) {
            self.report_settled(packer.finish_kept(source));
        }
        let mut report = self.report.lock().unwrap_or_else(PoisonError::into_inner);
        report.jobs = report.jobs.saturating_sub(1);
    }

    /// Counts a job that was not known before its data set was read.
    fn count_found(&self, is_new: bool) {
        if is_new {
            self.report.lock().unwrap_or_else(PoisonError::into_inner).jobs += 1;
            self.observer.found(1);
        }
    }

    /// Decides whether a data set has to be read: not if the shard that keeps its name is complete, except
    /// for rows that failed.
    pub(crate) fn decide_source(&self, source: &SourceInput) -> Result<SourceDecision, BatchError> {
        let Some(shards) = self.shards else { return Ok(SourceDecision::Read) };
        let name = shards.kept_name(&source.shard_stem());
        let path = self.options.output_dir.join(&name);
        let kept = |is_complete| KeptShard { name: name.as_str().into(), is_complete };
        let Some(listed) = self.manifests.kept_shard(&name, &path)? else {
            return Ok(SourceDecision::Keep(kept(false)));
        };
        let job = Arc::new(Job { input: source.path.clone(), key: source.key.clone(), ..Job::default() });
        let data = RowData::default();
        let mut state = JobState::start(Arc::clone(&job), &data);
        let context = JobContext::new(&job, &data, self.destination, &self.stop, self.observer);
        self.work.prepare(&context, &mut state.record)?;
        let candidate = Candidate {
            job: &job,
            stamp: state.stamp,
            data: &data,
            options: self.options,
            manifests: self.manifests,
        };
        let differences = candidate.differences_of_work(&listed, &state.record);
        if !differences.is_empty() {
            return Err(BatchError::Job(format!(
                "{} exists but differs in {}; use another --output, or remove it and rerun the same command",
                path.display(),
                differences.join(", ")
            )));
        }
        let failed = self.manifests.failed_rows(&name);
        if failed > 0 && self.options.retry_failed {
            return Ok(SourceDecision::Keep(kept(true)));
        }
        if failed > 0 {
            let shard = path.display();
            let text = format!("{shard} lacks rows that failed: {failed}; --retry-failed encodes them again");
            self.observer.message(&text);
        }
        let record = Record {
            status: Status::Skipped,
            pack: Some(name.into()),
            output: Some(path.display().to_string().into()),
            ..state.record.clone()
        };
        self.report(&state, Ok((record, format!("in {}", path.display()))));
        self.observer.progressed(source.bytes, None);
        Ok(SourceDecision::Skip)
    }

    /// Cuts a recording into pieces and works on each.
    fn run_recording(&self, content: RowContent, pieces: Vec<Piece>, identity: &Arc<InputIdentity>) {
        let Some(first) = pieces.first() else { return };
        let (job, data) = (Arc::clone(&first.job), RowData { content, ..RowData::default() });
        let input = catch_panic(|| {
            let context = JobContext::new(&job, &data, self.destination, &self.stop, self.observer);
            context.audio_input(self.read, 2)
        });
        let mut opened = match &input {
            Ok(input) => catch_panic(|| Cutter::open(input)),
            Err(error) => Err(BatchError::Job(error_text(error))),
        };
        for Piece { job, segment, passed } in pieces {
            let mut index = 0;
            while let Some(part) = self.segments.piece(segment, index)
                && self.stop.reason().is_none()
            {
                // A whole input that was counted becomes its first piece.
                self.count_found(index > 0 || job.source.is_some());
                let piece =
                    if self.segments.piece_seconds.is_some() { job.piece(index) } else { Arc::clone(&job) };
                let read = match (&mut opened, &job.fault) {
                    (_, Some(fault)) => Err(BatchError::Job(fault.clone())),
                    (Err(error), _) => Err(BatchError::Job(error_text(error))),
                    (Ok(cutter), None) => {
                        let read = catch_panic(|| self.cut(cutter, part, index));
                        let missing = if segment.is_some() { cutter.missing_seconds(part) } else { None };
                        if let Some(seconds) = missing.filter(|_| index == 0) {
                            let input = job.input.display();
                            let text =
                                format!("{input}: ends {seconds:.2} s before the segment {}", piece.key);
                            self.observer.message(&text);
                        }
                        read
                    }
                };
                let ends = read.as_ref().map_or(true, |(_, ends)| *ends);
                match read {
                    // The recording ended exactly with the piece before.
                    Ok((None, _)) => self.uncount(),
                    Ok((Some(samples), _)) => {
                        let content = RowContent::Samples(samples);
                        let is_whole = index == 0 && (ends || self.segments.piece(segment, 1).is_none());
                        let is_cut = self.segments.piece_seconds.is_some() && !is_whole;
                        let (passed, identity) = (passed.for_piece(is_cut), Some(Arc::clone(identity)));
                        self.run_job(&piece, RowData { content, passed, identity });
                    }
                    Err(error) => self.fail(&piece, identity, error),
                }
                if ends {
                    break;
                }
                index += 1;
            }
        }
    }

    /// Reads a part of a recording; `None` after its end. Returns whether the recording ends with it.
    fn cut(
        &self,
        cutter: &mut Cutter<'_>,
        part: Segment,
        index: usize,
    ) -> Result<(Option<Samples>, bool), BatchError> {
        let (samples, ends) = cutter.read(part)?;
        let length = samples.channels.first().map_or(0, Vec::len);
        if length == 0 {
            if index > 0 {
                return Ok((None, true));
            }
            return Err(BatchError::Job(format!(
                "the segment at {} s starts after the end of the recording, or the recording is empty",
                part.start_seconds
            )));
        }
        Ok((Some(samples), ends))
    }

    /// Takes back the count of a piece that does not exist.
    fn uncount(&self) {
        let mut report = self.report.lock().unwrap_or_else(PoisonError::into_inner);
        report.jobs = report.jobs.saturating_sub(1);
    }

    /// Fails a piece that cannot be read.
    fn fail(&self, job: &Arc<Job>, identity: &Arc<InputIdentity>, error: BatchError) {
        let data = RowData { identity: Some(Arc::clone(identity)), ..RowData::default() };
        let mut state = JobState::start(Arc::clone(job), &data);
        state.stop_clock();
        if !self.ends_batch(job, &error) {
            self.report(&state, Err(error));
            self.observer.progressed(0, None);
        }
    }
}
