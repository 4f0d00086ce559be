//! CPU kernels of the Descript Audio Codec on plain `f32` slices.
//!
//! Signals are channels-last: a slice of rows, `[rows][channels]`. The entry points are:
//!
//! - [`Pipeline`]: a chain of convolutions, transposed convolutions, residual units and snakes (the codec's
//!   encoder or decoder), packed once and shared by any number of [`PipelineStream`]s;
//! - [`Linear`] and [`Nearest`]: the two operations of a residual vector quantizer.
//!
//! The instruction set is chosen at run time ([`Isa`]). Tests compare every kernel with a plain
//! implementation in `tests/common/reference.rs`.
//!
//! # Terms
//! Pieces of a signal, from short to long:
//!
//! - *row*: one time step, with a value for each channel;
//! - *group*: the `stride` adjacent rows that a convolution reads for each row out, or that a transposed
//!   convolution writes for each row in;
//! - *tile*: the m groups out that one Winograd transform F(m, k) computes from m + k − 1 groups in; a direct
//!   convolution has m = 1;
//! - *span*: the smallest run of consecutive groups out that a layer computes together: one tile, or the
//!   `dilation` interleaved tiles of a dilated Winograd convolution;
//! - *block*: the spans that one thread computes at once; threads share a block if its weights are large.
//!
//! Parts of a matrix product C = A·B:
//!
//! - *register tile*: MR × NR values of C, summed in registers;
//! - *strip*: MR packed rows of A; *panel*: NR packed columns of B;
//! - *word*: 32 bits of a packed row: one `f32`, or two `bf16` of adjacent channels;
//! - *chunk*: LANES words of a packed row, where LANES is the number of `f32` values in a vector register.

mod buffer;
mod error;
mod finite;
mod isa;
mod names;
mod options;
mod packed;
mod params;
mod pipeline;
mod profile;
mod rvq;
mod winograd;

pub use error::KernelError;
pub use finite::{NonFinite, first_non_finite};
pub use isa::Isa;
pub use names::{UnknownName, name_list};
pub use options::{PipelineOptions, Precision, Schedule, Threads};
pub use packed::{PACKED_ALIGNMENT, PACKED_LAYOUT, PackedSection, PackedSections, SharedValues};
pub use params::{ConvParams, ConvTransposeParams, ResidualUnit};
pub use pipeline::{Pipeline, PipelineBuilder, PipelineStream, StreamPush};
pub use profile::{LayerInfo, fma_peak};
pub use rvq::{Linear, Nearest};
pub use winograd::WinogradMatrices;
