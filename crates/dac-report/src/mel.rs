//! The mel scale, which spaces frequencies as they are heard.

/// Converts Hz to mel.
pub(crate) fn mel_of_hz(hz: f64) -> f64 {
    2595.0 * (1.0 + hz / 700.0).log10()
}

/// Converts mel to Hz.
pub(crate) fn hz_of_mel(mel: f64) -> f64 {
    700.0 * (10.0_f64.powf(mel / 2595.0) - 1.0)
}
