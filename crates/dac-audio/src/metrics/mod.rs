//! How far one signal is from another, measured while both stream by.

mod distortion;
mod mel;

pub use distortion::DistortionMeter;
pub use mel::MelDistance;
