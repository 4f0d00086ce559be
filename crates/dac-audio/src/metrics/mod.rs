//! How far one signal is from another: measured while both stream by, or by frequency band.

mod bands;
mod comparison;
mod distortion;
mod frames;
mod mel;
mod spectral;
mod stft;

pub use bands::{OctaveBand, octave_bands};
pub use comparison::{Comparison, ComparisonMeter};
pub use distortion::DistortionMeter;
pub use mel::MelDistance;
pub use stft::StftDistance;
