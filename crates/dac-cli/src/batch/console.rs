//! What a batch says while it runs: a bar on a terminal, lines elsewhere. Always on standard error.

use std::io::IsTerminal;
use std::sync::Mutex;
use std::time::{Duration, Instant};

use indicatif::{HumanDuration, ProgressBar, ProgressStyle};

use crate::output::say;

/// Without a terminal, a line about the whole comes this often.
const LINE_EVERY: Duration = Duration::from_secs(30);

/// Progress of all workers together.
pub(crate) struct Console {
    bar: Option<ProgressBar>,
    files: usize,
    bytes: u64,
    started: Instant,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    files: usize,
    /// Bytes of inputs that are behind us.
    bytes: u64,
    /// Those of them that were worked on: what the speed is told by.
    worked_bytes: u64,
    audio_seconds: f64,
    last_line: Option<Instant>,
}

impl Console {
    /// For so many files of so many bytes together.
    pub(crate) fn new(files: usize, bytes: u64) -> Self {
        let bar = (files > 1 && std::io::stderr().is_terminal()).then(|| {
            let bar = ProgressBar::new(files as u64);
            if let Ok(style) = ProgressStyle::with_template("{bar:24} {pos} of {len} files{msg}") {
                bar.set_style(style);
            }
            bar
        });
        Self { bar, files, bytes, started: Instant::now(), state: Mutex::default() }
    }

    /// Says a line that must be seen.
    pub(crate) fn say(&self, line: &str) {
        match &self.bar {
            Some(bar) => bar.suspend(|| say(line)),
            None => say(line),
        }
    }

    /// Says a line that the bar stands for where there is one.
    pub(crate) fn mention(&self, line: &str) {
        if self.bar.is_none() {
            say(line);
        }
    }

    /// Counts a file of `bytes`; `worked_seconds` of audio were coded for it, none if it was skipped or failed.
    pub(crate) fn count(&self, bytes: u64, worked_seconds: Option<f64>) {
        let Ok(mut state) = self.state.lock() else { return };
        state.files += 1;
        state.bytes += bytes;
        if let Some(seconds) = worked_seconds {
            state.worked_bytes += bytes;
            state.audio_seconds += seconds;
        }
        let elapsed = self.started.elapsed();
        if let Some(bar) = &self.bar {
            bar.set_position(state.files as u64);
            bar.set_message(describe(&state, self.bytes, elapsed));
        } else if state.files < self.files
            && state.last_line.map_or(elapsed, |last| last.elapsed()) >= LINE_EVERY
        {
            state.last_line = Some(Instant::now());
            say(format_args!(
                "{} of {} files{}",
                state.files,
                self.files,
                describe(&state, self.bytes, elapsed)
            ));
        }
    }

    /// Takes the bar away.
    pub(crate) fn close(&self) {
        if let Some(bar) = &self.bar {
            bar.finish_and_clear();
        }
    }

    /// Hours of audio that were coded and how fast, for the summary.
    pub(crate) fn summary(&self) -> Option<String> {
        let state = self.state.lock().ok()?;
        let elapsed = self.started.elapsed();
        (state.audio_seconds > 0.0).then(|| describe(&state, state.bytes, elapsed))
    }
}

/// Audio so far, real-time factor, time left of `bytes`.
fn describe(state: &State, bytes: u64, elapsed: Duration) -> String {
    let mut text = String::new();
    if state.audio_seconds > 0.0 {
        text += &format!(", {:.2} h of audio", state.audio_seconds / 3600.0);
        let factor = state.audio_seconds / elapsed.as_secs_f64().max(1e-3);
        text += &format!(", {factor:.1}x real time");
    }
    let left = bytes.saturating_sub(state.bytes);
    if state.worked_bytes > 0 && left > 0 {
        let seconds = elapsed.as_secs_f64() * left as f64 / state.worked_bytes as f64;
        text += &format!(", {} left", HumanDuration(Duration::from_secs_f64(seconds.min(1e9))));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_time_left_is_told_by_what_was_worked_on() {
        // Half of the bytes are behind us, a quarter of them in 50 s of work on 1000 s of audio.
        let state = State { files: 7, bytes: 500, worked_bytes: 250, audio_seconds: 1000.0, last_line: None };
        let text = describe(&state, 1000, Duration::from_secs(50));
        assert_eq!(text, ", 0.28 h of audio, 20.0x real time, 2 minutes left");
        assert_eq!(describe(&State::default(), 1000, Duration::from_secs(1)), "");
    }
}
