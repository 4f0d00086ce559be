//! Codes, codebooks and the residual vector quantizer of the Descript Audio Codec.
//!
//! [`Codes`] and [`Array3`] are plain data that every crate above shares; they need no backend.

mod array;
mod codes;

pub use array::{Array3, ShapeError};
pub use codes::{Codes, CodesError};
