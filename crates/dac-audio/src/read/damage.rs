//! Treatment of damage inside a file.

/// Treatment of damaged packets and missing parts inside a file. A file that only ends early is truncated,
/// see [`AudioReader::is_truncated`](crate::AudioReader::is_truncated).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum DamagePolicy {
    /// Fail with [`AudioError::Corrupt`](crate::AudioError::Corrupt), which reports the sample.
    #[default]
    Error,
    /// Replace what is lost by silence of the same length and count it.
    Silence,
}
