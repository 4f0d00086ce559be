//! Supported sample rates and numbers of channels.

/// Maximum number of channels.
pub const MAX_CHANNELS: usize = 64;
/// Lowest sample rate for resampling and loudness.
pub const MIN_RATE_HZ: u32 = 1_000;
/// Highest sample rate for resampling and loudness.
pub const MAX_RATE_HZ: u32 = 768_000;
