//! Measures of the difference between a signal and its estimate.

mod bands;
mod comparison;
mod distortion;
mod mel;
mod spectral;
mod stft;
mod stft_frames;

pub use bands::{OctaveBand, octave_bands};
pub use comparison::{Comparison, ComparisonMeter};
pub use distortion::DistortionMeter;
pub use mel::MelDistance;
pub use stft::StftDistance;
