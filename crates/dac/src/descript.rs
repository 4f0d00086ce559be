//! The reference's `compress` and `decompress`: one loudness in every `.dac` file, and windows without padding.
//!
//! A signal is resampled, its loudness measured, brought to −16 dB by one gain, and coded in windows
//! ([`dac_stream::descript`]); decoding brings it back to the loudness it had. Both need two passes: the first measures, the
//! second works, so that memory does not depend on the length.
//!
//! Several channels are measured jointly and changed by one gain in both directions. The reference measures the input jointly
//! too, but limits the peak of, and brings back, each channel by itself: there all channels come out equally loud.

mod compress;
mod loudness;

pub use compress::InputLoudness;

/// What a signal is brought to before it is encoded in windows, in dB (LUFS).
pub const DESCRIPT_LOUDNESS_DB: f32 = -16.0;
/// Length of a window by default, in seconds: that of the reference's command line.
pub const DESCRIPT_WINDOW_SECONDS: f64 = 5.0;
