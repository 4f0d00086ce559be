//! Batches of files, the same as the program's.

use std::collections::VecDeque;
use std::sync::Mutex;

use dac::Preset;
use dac_batch::{
    BatchError, BatchObserver, BatchReport, CancelToken, Models, Record, StopReason,
    decode_files as run_decode, encode_files as run_encode,
};
use pyo3::prelude::*;

use crate::codec::Codec;
use crate::failure::Failure;
use crate::settings::{BatchArgs, DecodeArgs, EncodeArgs};
use crate::tasks::{lock, run_tasks};

/// What a batch reports, for the thread that called it.
enum Event {
    Started { jobs: usize },
    Message(String),
    Ended { record: Box<Record>, description: String },
}

/// Collects what a batch reports on its threads.
#[derive(Default)]
struct Events(Mutex<VecDeque<Event>>);

impl Events {
    fn push(&self, event: Event) {
        lock(&self.0).push_back(event);
    }

    /// Calls `listener` with the events so far: `("started", jobs, "")`, `("message", text, "")` or
    /// `("record", json, description)`.
    fn report(&self, listener: &Bound<'_, PyAny>) -> PyResult<()> {
        loop {
            let Some(event) = lock(&self.0).pop_front() else { return Ok(()) };
            match event {
                Event::Started { jobs } => listener.call1(("started", jobs, ""))?,
                Event::Message(text) => listener.call1(("message", text, ""))?,
                Event::Ended { record, description } => {
                    let json = serde_json::to_string(&record);
                    let json = json.map_err(|error| Failure::usage(error.to_string()))?;
                    listener.call1(("record", json, description))?
                }
            };
        }
    }
}

impl BatchObserver for Events {
    fn started(&self, jobs: usize, _: u64) {
        self.push(Event::Started { jobs });
    }

    fn message(&self, text: &str) {
        self.push(Event::Message(text.to_owned()));
    }

    fn job_ended(&self, record: &Record, description: &str) {
        let record = Box::new(record.clone());
        self.push(Event::Ended { record, description: description.to_owned() });
    }
}

/// Numbers of jobs by their result: all, done, skipped, planned, dropped, failed; and the reason of an early
/// end.
type Report = ((usize, usize, usize, usize, usize, usize), Option<&'static str>);

fn run_batch(
    py: Python<'_>,
    listener: &Bound<'_, PyAny>,
    batch: impl FnOnce(&Events, &CancelToken) -> Result<BatchReport, BatchError> + Send,
) -> PyResult<Report> {
    let (events, cancel) = (Events::default(), CancelToken::default());
    let task = || batch(&events, &cancel);
    let reports = run_tasks(py, &cancel, vec![task], &mut |_| events.report(listener))?;
    let missing = || Failure::usage("internal error: the batch has no report");
    let report = reports.into_iter().next().ok_or_else(missing)?.map_err(Failure::from)?;
    let BatchReport { jobs, done, skipped, planned, dropped, failed, stopped, .. } = report;
    let stopped = stopped.map(|reason| match reason {
        StopReason::Cancelled => "cancelled",
        StopReason::FatalError => "fatal error",
    });
    Ok(((jobs, done, skipped, planned, dropped, failed), stopped))
}

/// Encodes files to token files or packs.
#[pyfunction]
pub(crate) fn encode_files(
    py: Python<'_>,
    codec: &Codec,
    options: BatchArgs,
    args: EncodeArgs,
    listener: &Bound<'_, PyAny>,
) -> PyResult<Report> {
    let options = options.options(codec.0.threads)?;
    let settings = args.settings(codec.0.dac.codec().options().precision)?;
    let dac = codec.0.dac.clone();
    run_batch(py, listener, |events, cancel| run_encode(&options, &settings, || Ok(dac), events, cancel))
}

/// Decodes token files to WAV files.
#[pyfunction]
pub(crate) fn decode_files(
    py: Python<'_>,
    codec: &Codec,
    options: BatchArgs,
    args: DecodeArgs,
    listener: &Bound<'_, PyAny>,
) -> PyResult<Report> {
    let options = options.options(codec.0.threads)?;
    let settings = args.settings(codec.0.dac.codec().options().precision)?;
    let dac = codec.0.dac.clone();
    let load = |preset: Preset| Err(BatchError::Usage(format!("{preset} is not the loaded model")));
    run_batch(py, listener, |events, cancel| {
        run_decode(&options, &settings, || Ok(Models::new(Some(dac), load)), events, cancel)
    })
}
