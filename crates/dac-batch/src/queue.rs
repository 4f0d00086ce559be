//! The queue of a batch: jobs of files, then the rows of data sets, which are read one after the other while
//! the workers need them.

use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};

use dac_dataset::{Content, Passed, Row, Segment, Source, SourceError, SourceOptions};

use crate::error::{BatchError, error_text};
use crate::options::BatchOptions;
use crate::plan::{Job, KeptShard, OutputKind, Plan, job_of_row};
use crate::row_data::{InputIdentity, RowContent, RowData};
use crate::segments::SegmentSettings;
use crate::source_input::SourceInput;

/// Most segments of one recording that are read together.
const MAX_GROUP: usize = 4096;

/// Treatment of the rows of data sets.
#[derive(Debug, Clone, Default)]
pub(crate) struct RowSettings {
    pub(crate) source: SourceOptions,
    pub(crate) segments: SegmentSettings,
    /// Each data set gives a shard of its name.
    pub(crate) keeps_shards: bool,
}

/// Decision about a data set before it is opened.
pub(crate) enum SourceDecision {
    Read,
    /// Its rows have this shard of their own.
    Keep(KeptShard),
    Skip,
}

/// What a worker does next.
pub(crate) enum Item {
    /// A job that works on a whole file.
    Whole { job: Arc<Job>, data: RowData },
    /// A recording of which jobs need pieces, in the order of their start.
    Recording { content: RowContent, pieces: Vec<Piece>, identity: Arc<InputIdentity> },
    /// A data set, or one of its rows, that cannot be read.
    Failed { job: Arc<Job> },
    /// A data set without rows in work.
    Ended { source: usize },
}

/// Part of a recording, which may be cut further.
pub(crate) struct Piece {
    pub(crate) job: Arc<Job>,
    pub(crate) segment: Option<Segment>,
    pub(crate) passed: Passed,
}

impl Item {
    /// Data set that the item is part of.
    pub(crate) fn source(&self) -> Option<usize> {
        match self {
            Self::Whole { job, .. } | Self::Failed { job } => job.source,
            Self::Recording { pieces, .. } => pieces.first()?.job.source,
            Self::Ended { .. } => None,
        }
    }
}

/// Queue of a batch, shared by its workers.
pub(crate) struct Queue<'a> {
    plan: &'a Plan,
    options: &'a BatchOptions,
    /// Options of the jobs of rows, whose keys have no extension to keep.
    row_options: BatchOptions,
    settings: &'a RowSettings,
    outputs: OutputKind<'a>,
    state: Mutex<State>,
    /// Items in work and the end of each data set.
    progress: Vec<Mutex<SourceProgress>>,
}

#[derive(Default)]
struct State {
    next_job: usize,
    next_source: usize,
    open: Option<OpenSource>,
}

struct OpenSource {
    index: usize,
    source: Source,
    kept: Option<KeptShard>,
    /// A row that was read but not used.
    peeked: Option<Result<Row, SourceError>>,
}

#[derive(Default)]
struct SourceProgress {
    in_work: usize,
    is_exhausted: bool,
}

impl<'a> Queue<'a> {
    pub(crate) fn new(
        plan: &'a Plan,
        options: &'a BatchOptions,
        settings: &'a RowSettings,
        outputs: OutputKind<'a>,
    ) -> Self {
        let progress = plan.sources.iter().map(|_| Mutex::default()).collect();
        let row_options = BatchOptions { keep_extension: false, ..options.clone() };
        Self { plan, options, row_options, settings, outputs, state: Mutex::default(), progress }
    }

    /// Returns the next item. `decide` decides about a data set before it is opened.
    pub(crate) fn next(
        &self,
        decide: &dyn Fn(&SourceInput) -> Result<SourceDecision, BatchError>,
    ) -> Option<Item> {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(job) = self.plan.jobs.get(state.next_job) {
            state.next_job += 1;
            let (job, data) = (Arc::clone(job), RowData::default());
            return Some(self.item(vec![(job, None, data)]));
        }
        loop {
            if state.open.is_none() {
                let index = state.next_source;
                let input = self.plan.sources.get(index)?;
                state.next_source += 1;
                let kept = match decide(input) {
                    Ok(SourceDecision::Read) => None,
                    Ok(SourceDecision::Keep(kept)) => Some(kept),
                    Ok(SourceDecision::Skip) => continue,
                    Err(error) => return Some(self.failed(index, None, None, error_text(&error))),
                };
                let opened = Source::open(&input.path, input.kind, &self.settings.source);
                match opened {
                    Ok(source) => {
                        state.open = Some(OpenSource { index, source, kept, peeked: None });
                    }
                    Err(error) => return Some(self.failed_row(index, kept.as_ref(), &error)),
                }
            }
            let Some(open) = &mut state.open else { continue };
            let (index, group) = (open.index, self.next_group(open));
            if let Some(item) = group {
                return Some(item);
            }
            state.open = None;
            if self.update(index, |progress| progress.is_exhausted = true) {
                return Some(Item::Ended { source: index });
            }
        }
    }

    /// Number of workers that have something to do, of at most `jobs`.
    pub(crate) fn workers(&self, jobs: usize) -> usize {
        if self.plan.sources.is_empty() { jobs.min(self.plan.jobs.len()).max(1) } else { jobs.max(1) }
    }

    /// Number of jobs that are known before data sets are read; those count as one.
    pub(crate) fn known_jobs(&self) -> usize {
        self.plan.jobs.len() + self.plan.sources.len()
    }

    /// Notes that an item of a data set was worked on. Returns whether it was the last one.
    pub(crate) fn finished(&self, source: usize) -> bool {
        self.update(source, |progress| progress.in_work = progress.in_work.saturating_sub(1))
    }

    /// Changes the state of a data set, and reports whether all of it was worked on.
    fn update(&self, source: usize, change: impl FnOnce(&mut SourceProgress)) -> bool {
        let Some(progress) = self.progress.get(source) else { return false };
        let mut progress = progress.lock().unwrap_or_else(PoisonError::into_inner);
        change(&mut progress);
        progress.is_exhausted && progress.in_work == 0
    }

    /// Reads the next rows that belong to one recording.
    fn next_group(&self, open: &mut OpenSource) -> Option<Item> {
        let input = self.plan.sources.get(open.index)?;
        let mut group: Vec<(Arc<Job>, Option<Segment>, RowData)> = Vec::new();
        loop {
            let row = match open.peeked.take() {
                Some(row) => row,
                None => match open.source.next() {
                    Some(row) => row,
                    None => break,
                },
            };
            let is_other = |row: &Result<Row, SourceError>| match (row, group.first()) {
                (_, None) => false,
                (Ok(row), Some((job, Some(_), _))) => {
                    !matches!(&row.content, Content::File { path, segment: Some(_) } if *path == job.input)
                }
                _ => true,
            };
            if is_other(&row) || group.len() >= MAX_GROUP {
                open.peeked = Some(row);
                break;
            }
            match row {
                Err(error) => return Some(self.failed_row(open.index, open.kept.as_ref(), &error)),
                Ok(row) if self.skips(input, &row) => {}
                Ok(row) => {
                    group.push(self.job_of(open.index, open.kept.as_ref(), input, row));
                    if matches!(group.last(), Some((_, None, _))) {
                        break;
                    }
                }
            }
        }
        if group.is_empty() {
            return None;
        }
        self.update(open.index, |progress| progress.in_work += 1);
        Some(self.item(group))
    }

    /// Reports whether another partition works on a row of a manifest.
    fn skips(&self, input: &SourceInput, row: &Row) -> bool {
        let Some(partition) = self.options.partition else { return false };
        let key = match &row.content {
            Content::File { path, .. } => path.to_string_lossy().into_owned(),
            _ => row.key.clone(),
        };
        !input.kind.is_container() && !partition.contains(&key)
    }

    /// Plans the job of a row.
    fn job_of(
        &self,
        index: usize,
        kept: Option<&KeptShard>,
        input: &SourceInput,
        row: Row,
    ) -> (Arc<Job>, Option<Segment>, RowData) {
        let Row { key, content, passed, .. } = row;
        // A key has no extension, but may have dots.
        let relative = PathBuf::from(format!("{key}.row"));
        let prefix = kept.is_none_or(|kept| kept.is_complete) && input.kind.has_local_keys();
        let relative = if prefix { input.stem.join(relative) } else { relative };
        let (path, bytes, segment, content, identity) = match content {
            Content::Bytes { name, blob } => {
                let identity = InputIdentity::of_inner(blob.clone(), input.modified);
                (
                    input.path.join(name),
                    Ok(blob.bytes()),
                    None,
                    RowContent::Inner(blob),
                    Some(Arc::new(identity)),
                )
            }
            Content::File { path, segment } => {
                let bytes = std::fs::metadata(&path).map(|metadata| metadata.len());
                let bytes = bytes.map_err(|error| error.to_string());
                (path, bytes, segment, RowContent::File, None)
            }
            _ => (input.path.clone(), Err("has an unknown content".to_owned()), None, RowContent::File, None),
        };
        let mut job = job_of_row(path, relative, &self.row_options, self.outputs, bytes);
        job.source = Some(index);
        if kept.is_some_and(|kept| !kept.is_complete) {
            job.key = input.key_prefix() + &job.key;
        }
        job.kept = kept.cloned();
        (Arc::new(job), segment, RowData { content, passed, identity })
    }

    /// Chooses between a whole file and pieces.
    fn item(&self, mut group: Vec<(Arc<Job>, Option<Segment>, RowData)>) -> Item {
        let cuts = self.settings.segments.piece_seconds.is_some();
        if !cuts
            && let [(_, None, _)] = group.as_slice()
            && let Some((job, _, data)) = group.pop()
        {
            return Item::Whole { job, data };
        }
        group.sort_by(|(_, a, _), (_, b, _)| {
            let start = |segment: &Option<Segment>| segment.map_or(0.0, |segment| segment.start_seconds);
            start(a).total_cmp(&start(b))
        });
        let mut recording = (RowContent::File, None, PathBuf::new());
        let pieces = group.into_iter().map(|(job, segment, data)| {
            recording = (data.content, data.identity, job.input.clone());
            Piece { job, segment, passed: data.passed }
        });
        let pieces: Vec<_> = pieces.collect();
        let (content, identity, path) = recording;
        let identity = identity.unwrap_or_else(|| Arc::new(InputIdentity::of_file(&path)));
        Item::Recording { content, pieces, identity }
    }

    fn failed_row(&self, index: usize, kept: Option<&KeptShard>, error: &SourceError) -> Item {
        let key = match error {
            SourceError::Row { key, .. } if !key.is_empty() => Some(key.as_str()),
            _ => None,
        };
        self.failed(index, kept, key, error_text(error))
    }

    /// Item of a data set or of a row that cannot be read.
    fn failed(&self, index: usize, kept: Option<&KeptShard>, row: Option<&str>, fault: String) -> Item {
        let (path, key) = match (self.plan.sources.get(index), row) {
            (None, _) => Default::default(),
            (Some(input), None) => (input.path.clone(), input.key.clone()),
            // As if the row had been read.
            (Some(input), Some(row)) if input.kind.has_local_keys() => {
                (input.path.clone(), input.key_prefix() + row)
            }
            (Some(input), Some(row)) => (input.path.clone(), format!("{}/{row}", input.key)),
        };
        self.update(index, |progress| progress.in_work += 1);
        let kept = kept.cloned();
        let job = Job { input: path, key, fault: Some(fault), source: Some(index), kept, ..Job::default() };
        Item::Failed { job: Arc::new(job) }
    }
}
