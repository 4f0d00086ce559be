//! Window, step, delay and frames of the unpadded network, from the layer lists.

use dac_nn::{Layer, NetworkShape};
use thiserror::Error;

/// Windows beyond this are mistakes: an hour of any signal fits.
const MAX_WINDOW_SECONDS: f64 = 3600.0;
/// Hops within which every network that can be built has a usable window.
const MAX_SMALLEST_HOPS: usize = 1 << 16;

/// A window or a chunk that cannot be used.
#[derive(Debug, Clone, PartialEq, Error)]
#[non_exhaustive]
pub enum DescriptError {
    /// A window that the unpadded network has no output for.
    #[error(
        "a window of {window_seconds} s is too small: without padding this network needs {smallest_seconds} s at least"
    )]
    WindowTooSmall {
        /// What was asked for.
        window_seconds: f64,
        /// The smallest window that gives a sample.
        smallest_seconds: f64,
    },
    /// A window that is no length of time.
    #[error("a window of {window_seconds} s: expected more than 0 and at most {MAX_WINDOW_SECONDS} s")]
    WindowSeconds {
        /// What was asked for.
        window_seconds: f64,
    },
    /// A chunk of codes that the unpadded network has no output for.
    #[error(
        "a chunk of {frames} frames is too short: without padding this network needs {smallest_frames} at least"
    )]
    ChunkTooShort {
        /// How many frames it has.
        frames: usize,
        /// The fewest that give a sample.
        smallest_frames: usize,
    },
}

/// What the reference cuts a signal into, for one network and one length of window.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct DescriptPlan {
    /// Length of a window as it was asked for, in seconds: no longer signals are coded whole.
    pub window_seconds: f64,
    /// Zeros before and after the signal.
    pub delay_samples: usize,
    /// Samples of a window: whole hops.
    pub window_samples: usize,
    /// Samples from one window to the next, which a window's frames decode to.
    pub step_samples: usize,
    /// Frames of a window.
    pub chunk_frames: usize,
    /// Zeros that bring a window's frames onto the grid of the padded network.
    pub(super) lead_samples: usize,
    /// Frames of the padded network before those of the window.
    pub(super) skip_frames: usize,
    sample_rate_hz: u32,
}

impl DescriptPlan {
    /// The reference's `compress` with `win_duration` of `window_seconds`.
    ///
    /// # Errors
    /// When that is no length of time, or too little for the unpadded network to give a sample.
    pub fn new(shape: &NetworkShape, window_seconds: f64) -> Result<Self, DescriptError> {
        if !(window_seconds > 0.0 && window_seconds <= MAX_WINDOW_SECONDS) {
            return Err(DescriptError::WindowSeconds { window_seconds });
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
            return Err(DescriptError::WindowTooSmall { window_seconds, smallest_seconds });
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

    /// Whether a signal of so many samples is coded whole, with padding.
    pub fn is_whole(&self, samples: usize) -> bool {
        samples as f64 / f64::from(self.sample_rate_hz) <= self.window_seconds
    }

    /// Windows of a longer signal; the last ones reach beyond its end.
    pub fn windows(&self, samples: usize) -> usize {
        samples.div_ceil(self.step_samples)
    }
}

/// Positions out of `layers` for positions in, without padding; `None` when a layer has too few.
pub(super) fn unpadded(layers: &[Layer], positions: usize) -> Option<usize> {
    layers.iter().try_fold(positions, |n, layer| layer.unpadded_len(n))
}

/// The reference's `get_delay`: half of what the unpadded network is short of, by its own rounding. It follows an output of
/// the length that no input at all would formally give; what that is does not matter but for the rounding.
fn delay(encoder: &[Layer], decoder: &[Layer]) -> usize {
    let layers = || encoder.iter().chain(decoder);
    let out = layers().fold(0_i64, |n, layer| match layer {
        Layer::Conv(l) => (n - (l.dilation * (l.kernel - 1) + 1) as i64).div_euclid(l.stride as i64) + 1,
        Layer::ResidualUnit(l) => n - (l.conv1.dilation * (l.conv1.kernel - 1)) as i64,
        Layer::ConvTranspose(l) => (n - 1) * l.stride as i64 + l.kernel as i64,
        Layer::Snake(_) | Layer::Tanh { .. } => n,
    });
    let needed = layers().rev().fold(out, |n, layer| match layer {
        Layer::Conv(l) => (n - 1) * l.stride as i64 + (l.dilation * (l.kernel - 1) + 1) as i64,
        Layer::ResidualUnit(l) => n + (l.conv1.dilation * (l.conv1.kernel - 1)) as i64,
        Layer::ConvTranspose(l) => 1 - (l.kernel as i64 - n).div_euclid(l.stride as i64),
        Layer::Snake(_) | Layer::Tanh { .. } => n,
    });
    usize::try_from((needed - out).div_euclid(2)).unwrap_or(0)
}
