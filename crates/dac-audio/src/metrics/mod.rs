//! How far one signal is from another: measured while both stream by, or by frequency band.

mod bands;
mod distortion;
mod mel;

pub use bands::{OctaveBand, octave_bands};
pub use distortion::DistortionMeter;
pub use mel::MelDistance;
