//! Errors of this crate.

use std::io;
use std::path::PathBuf;

use dac::audio::AudioError;
use dac_picture::PictureError;
use thiserror::Error;

/// A report that cannot be made.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum ReportError {
    /// The excerpt starts at or after the end of the recording.
    #[error("cannot start at {start_seconds} s: {} has {seconds:.2} s", path.display())]
    StartBeyondEnd {
        /// Path of the recording.
        path: PathBuf,
        /// Requested start of the excerpt.
        start_seconds: f64,
        /// Length of the recording.
        seconds: f64,
    },
    /// The page would be too large for browsers, which load a page as a whole.
    #[error(
        "{players} players of {seconds:.0} s would hold {} MB of audio; at most {} MB are allowed",
        audio_bytes / 1_000_000,
        max_bytes / 1_000_000
    )]
    TooMuchAudio {
        /// Number of players: one for the original and one per variant.
        players: u64,
        /// Length of the excerpt.
        seconds: f64,
        /// Size of all players' audio.
        audio_bytes: u64,
        /// Largest size that is accepted.
        max_bytes: u64,
    },
    /// The recording or the page has an unsuitable path.
    #[error("{}: {reason}", path.display())]
    Path {
        /// The unsuitable path.
        path: PathBuf,
        /// Reason and remedy.
        reason: &'static str,
    },
    /// The output file exists and is not an earlier report.
    #[error("refusing to replace {}: not an earlier report", .0.display())]
    NotAReport(PathBuf),
    /// The page cannot be written.
    #[error("cannot write {}: {source}", path.display())]
    Write {
        /// Path of the page.
        path: PathBuf,
        /// Cause.
        source: io::Error,
    },
    /// The codec failed.
    #[error("{0}")]
    Codec(#[from] dac::Error),
    /// The recording cannot be read or resampled, or signals cannot be compared.
    #[error(transparent)]
    Audio(#[from] AudioError),
    /// A picture cannot be drawn.
    #[error(transparent)]
    Picture(#[from] PictureError),
}

impl ReportError {
    /// Whether the request itself is wrong, rather than the recording or the machine.
    pub fn is_usage(&self) -> bool {
        matches!(self, Self::StartBeyondEnd { .. } | Self::TooMuchAudio { .. } | Self::Path { .. })
    }
}
