//! Layer list, geometry and layers of the Descript Audio Codec.
//!
//! One description of the network, the [`Layer`] list that [`NetworkShape`] yields, has three readers:
//! [`Geometry`] (integer lengths and contexts), the layers on burn tensors ([`tensor`], with any backend feature),
//! and the CPU [`engine`]. Nothing here touches a file.

pub mod device;
pub mod engine;
pub mod footprint;
pub mod geometry;
pub mod layer;
pub mod shape;
#[cfg(feature = "burn")]
pub mod tensor;
pub mod weights;

pub use device::{Device, DeviceError};
pub use geometry::Geometry;
pub use layer::Layer;
pub use shape::{NetworkShape, ShapeError};
pub use weights::{WeightError, Weights};
