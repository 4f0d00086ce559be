//! Console output of a batch: messages and progress on stderr, results on stdout.

use std::borrow::Cow;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, Ordering};

use dac_batch::{BatchObserver, Record, Status, error_text_of_file};

use crate::output::{eprint_line, escape_controls, print_record, print_text};
use crate::progress::Progress;
use crate::roundtrip_table::roundtrip_table;
use crate::signals::Signals;

/// Prints what a batch reports, and cancels it on Ctrl-C and SIGTERM.
pub(crate) struct Console {
    json: bool,
    progress: OnceLock<Progress>,
    pub(crate) signals: Signals,
    stdout_failed: AtomicBool,
}

impl Console {
    /// Prints records as JSON, or tables and plans as text.
    pub(crate) fn new(json: bool) -> Self {
        let stdout_failed = AtomicBool::new(false);
        Self { json, progress: OnceLock::new(), signals: Signals::default(), stdout_failed }
    }

    /// Reports whether a result could not be printed; the manifest contains it nevertheless.
    pub(crate) fn stdout_failed(&self) -> bool {
        self.stdout_failed.load(Ordering::Relaxed)
    }

    /// Removes the progress bar.
    pub(crate) fn close(&self) {
        if let Some(progress) = self.progress.get() {
            progress.close();
        }
    }

    /// Duration and speed of the audio processed so far, for the summary.
    pub(crate) fn speed(&self) -> String {
        self.progress.get().map(Progress::speed).unwrap_or_default()
    }

    /// Prints a line that the progress bar replaces.
    fn detail(&self, line: &str) {
        if self.progress.get().is_none_or(|progress| !progress.has_bar()) {
            eprint_line(one_line(line));
        }
    }

    fn print(&self, record: &Record, description: &str) {
        let printed = if self.json {
            print_record(record)
        } else if record.status == Status::Planned {
            print_text(&one_line(&format!("{}: {description}", record.input)))
        } else {
            roundtrip_table(record).map_or(Ok(()), |text| print_text(&text))
        };
        if let Err(error) = printed
            && !self.stdout_failed.swap(true, Ordering::Relaxed)
        {
            self.message(&format!(
                "error: cannot write standard output: {error}; the batch continues without it"
            ));
        }
    }
}

/// A message about a file as one line: names of files may contain line feeds.
fn one_line(text: &str) -> Cow<'_, str> {
    escape_controls(text, &[])
}

impl BatchObserver for Console {
    fn started(&self, jobs: usize, input_bytes: u64) {
        let _ = self.progress.set(Progress::new(jobs, input_bytes));
        if let Err(error) = self.signals.listen() {
            self.message(&format!("warning: cannot listen for Ctrl-C and SIGTERM: {error}"));
        }
    }

    fn found(&self, jobs: usize) {
        if let Some(progress) = self.progress.get() {
            progress.add_jobs(jobs);
        }
    }

    fn message(&self, text: &str) {
        let text = one_line(text);
        match self.progress.get() {
            Some(progress) => progress.print(&text),
            None => eprint_line(text),
        }
    }

    fn progressed(&self, input_bytes: u64, audio_seconds: Option<f64>) {
        if let Some(progress) = self.progress.get() {
            progress.advance(input_bytes, audio_seconds);
        }
    }

    fn job_ended(&self, record: &Record, description: &str) {
        let input = &record.input;
        match record.status {
            Status::Ok => self.detail(&format!("{input}: {description}")),
            Status::Skipped => self.detail(&format!("{input}: skipped: {description}")),
            Status::Planned => {}
            Status::Dropped => {
                self.detail(&format!("{input}: {}", record.error.as_deref().unwrap_or_default()))
            }
            Status::Error => {
                let error = record.error.as_deref().unwrap_or_default();
                self.message(&format!("error: {}", error_text_of_file(input, error)));
            }
        }
        self.print(record, description);
    }
}
