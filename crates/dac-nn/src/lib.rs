//! Layer list, geometry and layers of the Descript Audio Codec.
//!
//! [`NetworkShape`] describes a network and yields its [`Layer`] list. Everything else derives from that
//! list: [`Geometry`] (integer lengths and contexts), [`memory`] estimates, the layers on burn tensors
//! (`tensor`, with any backend feature) and the CPU engine's [`pipeline`]. This crate does not access files.

#![forbid(unsafe_code)]

pub mod device;
pub mod formulation;
pub mod geometry;
pub mod layer;
pub mod memory;
pub mod pipeline;
pub mod shape;
#[cfg(feature = "burn")]
pub mod tensor;
pub mod weights;

pub use device::{Device, DeviceError};
pub use formulation::{ConvolutionShape, Formulation, Formulations};
pub use geometry::Geometry;
pub use layer::{Layer, Padding};
pub use shape::{NetworkShape, ShapeError};
pub use weights::{WeightError, Weights};
