//! Options of reading.

use super::damage::DamagePolicy;
use crate::NonFinitePolicy;

/// Options of reading.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct ReadOptions {
    /// Treatment of NaN and infinity.
    pub non_finite: NonFinitePolicy,
    /// Treatment of damage inside the file.
    pub damage: DamagePolicy,
    /// Program that reads the file.
    pub backend: ReadBackend,
}

/// Program that reads a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum ReadBackend {
    /// The built-in readers, and ffmpeg for formats that they refuse, if it is installed.
    Auto,
    /// The built-in readers.
    #[default]
    Builtin,
    /// ffmpeg.
    Ffmpeg,
}
