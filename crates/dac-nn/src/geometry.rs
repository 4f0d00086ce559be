//! Integer lengths, contexts and latency of a network, derived from its layer list.

use crate::layer::Layer;
use crate::shape::NetworkShape;

/// Lengths and receptive fields of a network.
///
/// A frame is `hop_samples` samples. An encoder frame depends on `encoder_left_samples` before and
/// `encoder_right_samples` after its first sample; a decoded hop depends on `decoder_left_frames` before and
/// `decoder_right_frames` after its frame.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Geometry {
    /// Sample rate in Hz.
    pub sample_rate_hz: u32,
    /// Samples per frame.
    pub hop_samples: usize,
    /// Samples before a frame's first sample that the frame depends on.
    pub encoder_left_samples: usize,
    /// Samples after a frame's first sample that the frame depends on (last one included).
    pub encoder_right_samples: usize,
    /// Frames before its own that a decoded hop depends on.
    pub decoder_left_frames: usize,
    /// Frames after its own that a decoded hop depends on.
    pub decoder_right_frames: usize,
    /// Samples missing from T hops when T frames are decoded (8 if a stride is 5, else 0).
    pub shortfall_samples: usize,
    /// Minimum delay between input and output of a sample if each is emitted as early as possible.
    pub sample_latency_samples: usize,
}

impl Geometry {
    /// Derives the geometry from the layer lists of `shape`.
    pub fn new(shape: &NetworkShape) -> Self {
        let (encoder, decoder) = (shape.encoder(), shape.decoder());
        let hop = shape.hop_samples();
        let field = |layers: &[Layer], out| layers.iter().rev().fold(out, |f, l| l.receptive_field(f));
        let encoder_field = field(&encoder, (0, 0));
        let decoder_field = field(&decoder, (0, hop as i64 - 1));
        let encoder_right = encoder_field.1.max(0);
        // The sample of a hop that waits longest is the first that needs another frame.
        let sample_latency = (0..hop as i64)
            .map(|n| field(&decoder, (n, n)).1 * hop as i64 + encoder_right - n)
            .max()
            .unwrap_or(0);
        let probe = 64;
        let decoded = decoder.iter().fold(probe, |n, l| l.output_len(n));
        Self {
            sample_rate_hz: shape.sample_rate_hz,
            hop_samples: hop,
            encoder_left_samples: (-encoder_field.0).max(0) as usize,
            encoder_right_samples: encoder_right as usize,
            decoder_left_frames: (-decoder_field.0).max(0) as usize,
            decoder_right_frames: decoder_field.1.max(0) as usize,
            shortfall_samples: (probe * hop).saturating_sub(decoded),
            sample_latency_samples: sample_latency.max(0) as usize,
        }
    }

    /// Returns the number of frames encoded from `samples` samples, right-padded to whole hops.
    pub fn frames_for_samples(&self, samples: usize) -> usize {
        samples.div_ceil(self.hop_samples)
    }

    /// Returns the number of samples decoded from `frames` frames.
    pub fn samples_for_frames(&self, frames: usize) -> usize {
        (frames * self.hop_samples).saturating_sub(self.shortfall_samples)
    }

    /// Returns the frames of context (left, right) that fully determine an encoded frame.
    pub fn encoder_context_frames(&self) -> (usize, usize) {
        let hop = self.hop_samples;
        let right = (self.encoder_right_samples + 1).saturating_sub(hop);
        (self.encoder_left_samples.div_ceil(hop), right.div_ceil(hop))
    }

    /// Returns the frames of context (left, right) that fully determine a decoded hop.
    pub fn decoder_context_frames(&self) -> (usize, usize) {
        (self.decoder_left_frames, self.decoder_right_frames)
    }

    /// Returns the minimum delay between input and output of a sample if whole hops are emitted.
    pub fn latency_samples(&self) -> usize {
        self.decoder_right_frames * self.hop_samples + self.encoder_right_samples
    }
}
