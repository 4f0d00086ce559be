//! Progress of a download on stderr: a bar on a terminal, otherwise a line for every tenth.

use std::io::IsTerminal;
use std::time::{Duration, Instant};

use indicatif::{HumanBytes, ProgressBar, ProgressStyle};

use crate::output::eprint_line;

/// Time between two lines if the size is unknown.
const LINE_INTERVAL: Duration = Duration::from_secs(10);

pub(super) enum Progress {
    Bar(ProgressBar),
    Lines(Lines),
}

pub(super) struct Lines {
    done_bytes: u64,
    total_bytes: Option<u64>,
    tenth: u64,
    last: Instant,
}

impl Progress {
    pub(super) fn start(done_bytes: u64, total_bytes: Option<u64>) -> Self {
        if std::io::stderr().is_terminal() {
            let bar = total_bytes.map_or_else(ProgressBar::no_length, ProgressBar::new);
            let template = if total_bytes.is_some() {
                "{wide_bar} {bytes} of {total_bytes}, {binary_bytes_per_sec}, {eta} left"
            } else {
                "{spinner} {bytes}, {binary_bytes_per_sec}"
            };
            if let Ok(style) = ProgressStyle::with_template(template) {
                bar.set_style(style);
            }
            bar.set_position(done_bytes);
            bar.reset_eta();
            return Self::Bar(bar);
        }
        let tenth = tenth(done_bytes, total_bytes);
        Self::Lines(Lines { done_bytes, total_bytes, tenth, last: Instant::now() })
    }

    pub(super) fn add(&mut self, bytes: u64) {
        match self {
            Self::Bar(bar) => bar.inc(bytes),
            Self::Lines(lines) => lines.add(bytes),
        }
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        if let Self::Bar(bar) = self {
            bar.abandon();
        }
    }
}

impl Lines {
    fn add(&mut self, bytes: u64) {
        self.done_bytes += bytes;
        let tenth = tenth(self.done_bytes, self.total_bytes);
        match self.total_bytes {
            Some(total) if tenth > self.tenth => {
                self.tenth = tenth;
                eprint_line(format_args!(
                    "{}0 %: {} of {}",
                    tenth,
                    HumanBytes(self.done_bytes),
                    HumanBytes(total)
                ));
            }
            None if self.last.elapsed() >= LINE_INTERVAL => {
                self.last = Instant::now();
                eprint_line(format_args!("{}", HumanBytes(self.done_bytes)));
            }
            _ => {}
        }
    }
}

fn tenth(done: u64, total: Option<u64>) -> u64 {
    total.and_then(|total| done.saturating_mul(10).checked_div(total)).unwrap_or(0)
}
