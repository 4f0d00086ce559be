//! Progress of a batch on stderr: a bar on a terminal, a line every 30 seconds elsewhere.

use std::io::IsTerminal;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use indicatif::{HumanDuration, ProgressBar, ProgressStyle};

use crate::output::eprint_line;

/// Interval of progress lines without a terminal.
const LINE_INTERVAL: Duration = Duration::from_secs(30);

/// Progress of all workers.
pub(crate) struct Progress {
    bar: Option<ProgressBar>,
    jobs: AtomicUsize,
    input_bytes: u64,
    started: Instant,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    jobs: usize,
    /// Size of the inputs of these jobs.
    input_bytes: u64,
    /// Size of the inputs that were not skipped, from which the remaining time is estimated.
    worked_bytes: u64,
    audio_seconds: f64,
    last_line: Option<Instant>,
}

impl Progress {
    /// Starts the progress of `jobs` jobs whose inputs have this total size.
    pub(crate) fn new(jobs: usize, input_bytes: u64) -> Self {
        let bar = (jobs > 1 && std::io::stderr().is_terminal()).then(|| {
            let bar = ProgressBar::new(jobs as u64);
            if let Ok(style) = ProgressStyle::with_template("{bar:24} {pos} of {len} files{msg}") {
                bar.set_style(style);
            }
            bar
        });
        Self {
            bar,
            jobs: AtomicUsize::new(jobs),
            input_bytes,
            started: Instant::now(),
            state: Mutex::default(),
        }
    }

    /// Adds jobs that a data set turned out to have.
    pub(crate) fn add_jobs(&self, jobs: usize) {
        let before = self.jobs.fetch_add(jobs, Ordering::Relaxed);
        if let Some(bar) = &self.bar {
            bar.set_length((before + jobs) as u64);
        }
    }

    pub(crate) fn has_bar(&self) -> bool {
        self.bar.is_some()
    }

    /// Prints a line above the bar.
    pub(crate) fn print(&self, line: &str) {
        match &self.bar {
            Some(bar) => bar.suspend(|| eprint_line(line)),
            None => eprint_line(line),
        }
    }

    /// Counts a job with an input of this size; `audio_seconds` is `None` if it was skipped or failed.
    pub(crate) fn advance(&self, input_bytes: u64, audio_seconds: Option<f64>) {
        let Ok(mut state) = self.state.lock() else { return };
        state.jobs += 1;
        state.input_bytes += input_bytes;
        if let Some(seconds) = audio_seconds {
            state.worked_bytes += input_bytes;
            state.audio_seconds += seconds;
        }
        let elapsed = self.started.elapsed();
        let jobs = self.jobs.load(Ordering::Relaxed);
        if let Some(bar) = &self.bar {
            bar.set_position(state.jobs as u64);
            bar.set_message(describe(&state, self.input_bytes, elapsed));
        } else if state.jobs < jobs && state.last_line.map_or(elapsed, |last| last.elapsed()) >= LINE_INTERVAL
        {
            state.last_line = Some(Instant::now());
            let description = describe(&state, self.input_bytes, elapsed);
            eprint_line(format_args!("{} of {jobs} files{description}", state.jobs));
        }
    }

    pub(crate) fn close(&self) {
        if let Some(bar) = &self.bar {
            bar.finish_and_clear();
        }
    }

    /// Duration and speed of the audio processed; empty if there was none.
    pub(crate) fn speed(&self) -> String {
        let Ok(state) = self.state.lock() else { return String::new() };
        if state.audio_seconds > 0.0 {
            describe(&state, state.input_bytes, self.started.elapsed())
        } else {
            String::new()
        }
    }
}

/// Describes the audio processed, the speed, and the remaining time for inputs of `input_bytes` in total.
fn describe(state: &State, input_bytes: u64, elapsed: Duration) -> String {
    let mut text = String::new();
    if state.audio_seconds > 0.0 {
        let speed = state.audio_seconds / elapsed.as_secs_f64().max(1e-3);
        let duration = match state.audio_seconds {
            seconds if seconds < 360.0 => format!("{seconds:.1} s"),
            seconds => format!("{:.2} h", seconds / 3600.0),
        };
        text += &format!(", {duration} of audio, {speed:.1}x real time");
    }
    let remaining = input_bytes.saturating_sub(state.input_bytes);
    if state.worked_bytes > 0 && remaining > 0 {
        let seconds = elapsed.as_secs_f64() * remaining as f64 / state.worked_bytes as f64;
        text += &format!(", {} left", HumanDuration(Duration::from_secs_f64(seconds.min(1e9))));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn remaining_time_is_estimated_from_inputs_worked_on() {
        // Half of the bytes are done, half of those skipped; the rest was 1000 s of audio and took 50 s.
        let state =
            State { jobs: 7, input_bytes: 500, worked_bytes: 250, audio_seconds: 1000.0, last_line: None };
        let text = describe(&state, 1000, Duration::from_secs(50));
        assert_eq!(text, ", 0.28 h of audio, 20.0x real time, 2 minutes left");
        assert_eq!(describe(&State::default(), 1000, Duration::from_secs(1)), "");
    }
}
