//! Lengths of windowed mode, computed from the layer lists.

use dac_nn::layer::Conv;
use dac_nn::{Layer, NetworkShape};
use thiserror::Error;

/// Longest window, in seconds; a longer one is taken for a mistake.
const MAX_WINDOW_SECONDS: f64 = 3600.0;
/// Upper limit of the search for the smallest usable window, in hops.
const MAX_SMALLEST_HOPS: usize = 1 << 16;

/// An error about the length of a window or a chunk.
#[derive(Debug, Clone, PartialEq, Error)]
#[non_exhaustive]
pub enum WindowedError {
    /// The unpadded network gives no output for the window.
    #[error("a window of {window_seconds} s is too short: this model needs at least {smallest_seconds} s")]
    WindowTooSmall {
        /// Requested length.
        window_seconds: f64,
        /// Length of the smallest window that gives a sample.
        smallest_seconds: f64,
    },
    /// The window's length is out of range.
    #[error("the window is {window_seconds} s long, expected more than 0 and at most {MAX_WINDOW_SECONDS} s")]
    WindowSeconds {
        /// Requested length.
        window_seconds: f64,
    },
    /// The unpadded network gives no output for the chunk of codes.
    #[error("a chunk of {frames} frames is too short: this model needs at least {smallest_frames}")]
    ChunkTooShort {
        /// Frames of the chunk.
        frames: usize,
        /// Frames of the smallest chunk that gives a sample.
        smallest_frames: usize,
    },
}

/// Windows of a signal, for one network and one window length.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct WindowedPlan {
    /// Requested length of a window in seconds; a signal no longer than this is encoded whole.
    pub window_seconds: f64,
    /// Zeros before the signal.
    pub delay_samples: usize,
    /// Samples of a window, a whole number of hops.
    pub window_samples: usize,
    /// Samples from one window's start to the next; also the samples that a window's frames decode to.
    pub step_samples: usize,
    /// Frames of a window.
    pub chunk_frames: usize,
    /// Zeros before a window that align its frames with those of the padded network.
    pub(super) lead_samples: usize,
    /// Frames of the padded network before the first one of the window.
    pub(super) skip_frames: usize,
    sample_rate_hz: u32,
}

impl WindowedPlan {
    /// Computes the windows of the reference's `compress` for a `win_duration` of `window_seconds`.
    ///
    /// # Errors
    /// When the length is out of range, or too short for the unpadded network to give a sample.
    pub fn new(shape: &NetworkShape, window_seconds: f64) -> Result<Self, WindowedError> {
        if !(window_seconds > 0.0 && window_seconds <= MAX_WINDOW_SECONDS) {
            return Err(WindowedError::WindowSeconds { window_seconds });
        }
        let (encoder, decoder) = (shape.encoder(), shape.decoder());
        let hop = shape.hop_samples();
        let rate_hz = f64::from(shape.sample_rate_hz);
        let window_samples = ((window_seconds * rate_hz) as usize).div_ceil(hop) * hop;
        let coded = |samples| {
            let frames = unpadded(&encoder, samples)?;
            Some((frames, unpadded(&decoder, frames)?))
        };
        let Some((chunk_frames, step_samples)) = coded(window_samples) else {
            let hops = (1..MAX_SMALLEST_HOPS).find(|&hops| coded(hops * hop).is_some());
            let smallest_seconds = (hops.unwrap_or(MAX_SMALLEST_HOPS) * hop) as f64 / rate_hz;
            return Err(WindowedError::WindowTooSmall { window_seconds, smallest_seconds });
        };
        let reach = encoder.iter().rev().fold((0, 0), |field, layer| layer.receptive_field(field));
        let left = usize::try_from(-reach.0).unwrap_or(0);
        let skip_frames = left.div_ceil(hop);
        Ok(Self {
            window_seconds,
            delay_samples: delay(&encoder, &decoder),
            window_samples,
            step_samples,
            chunk_frames,
            lead_samples: skip_frames * hop - left,
            skip_frames,
            sample_rate_hz: shape.sample_rate_hz,
        })
    }

    /// Returns true when a signal of `samples` samples is encoded whole, with padding.
    pub fn is_whole(&self, samples: usize) -> bool {
        samples as f64 / f64::from(self.sample_rate_hz) <= self.window_seconds
    }

    /// Number of windows of a longer signal; the last ones extend beyond its end.
    pub fn windows(&self, samples: usize) -> usize {
        samples.div_ceil(self.step_samples)
    }
}

/// Returns the positions that `layers` give without padding; `None` when a layer gets too few.
pub(super) fn unpadded(layers: &[Layer], positions: usize) -> Option<usize> {
    layers.iter().try_fold(positions, |n, layer| layer.unpadded_len(n))
}

/// Computes the reference's `get_delay`: half of the samples that the unpadded network drops. Like the
/// reference, it starts from the (negative) output length of an empty input, which determines the rounding.
fn delay(encoder: &[Layer], decoder: &[Layer]) -> usize {
    let layers = || encoder.iter().chain(decoder);
    let span = |l: &Conv| (l.params.dilation * (l.params.kernel - 1) + 1) as i64;
    let conv_out = |n: i64, l: &Conv| (n - span(l)).div_euclid(l.params.stride as i64) + 1;
    let out = layers().fold(0, |n, layer| match layer {
        Layer::Conv(l) => conv_out(n, l),
        Layer::ResidualUnit(l) => conv_out(n, &l.conv1),
        Layer::ConvTranspose(l) => (n - 1) * l.params.stride as i64 + l.params.kernel as i64,
        Layer::Snake(_) | Layer::Tanh { .. } => n,
    });
    let conv_in = |n: i64, l: &Conv| (n - 1) * l.params.stride as i64 + span(l);
    let needed = layers().rev().fold(out, |n, layer| match layer {
        Layer::Conv(l) => conv_in(n, l),
        Layer::ResidualUnit(l) => conv_in(n, &l.conv1),
        Layer::ConvTranspose(l) => 1 - (l.params.kernel as i64 - n).div_euclid(l.params.stride as i64),
        Layer::Snake(_) | Layer::Tanh { .. } => n,
    });
    usize::try_from((needed - out).div_euclid(2)).unwrap_or(0)
}
