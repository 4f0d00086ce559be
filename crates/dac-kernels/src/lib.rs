//! CPU kernels of the Descript Audio Codec on plain `f32` slices.
//!
//! Everything is channels-last: a signal is a slice of *rows*, `[rows][channels]`, where a row is one
//! step of time. The crate has three doors:
//!
//! - [`Pipeline`]: a chain of convolutions, transposed convolutions, residual units and snakes (the
//!   codec's encoder or decoder), packed once and shared by any number of [`Stream`]s;
//! - [`Linear`] and [`Nearest`]: what a residual vector quantizer needs;
//! - [`mod@reference`]: the same operations written plainly, which define what is right.
//!
//! The instruction set is chosen at run time ([`CpuLevel`]).

mod buffer;
mod error;
mod isa;
mod level;
mod measure;
mod options;
mod params;
mod pipeline;
pub mod reference;
mod rvq;
mod toom;

pub use error::KernelError;
pub use level::CpuLevel;
pub use measure::{LayerInfo, fma_peak};
pub use options::{PipelineOptions, Precision, Schedule, Threads};
pub use params::{ConvParams, ConvTransposeParams, ResidualUnit};
pub use pipeline::{Pipeline, PipelineBuilder, Stream};
pub use rvq::{Linear, Nearest};
