//! Token files: codes, z and latents on disk as .safetensors, .npy, .pt, .dac and .dacp.
//!
//! [`TokenFile`] is the content, [`Format`] the way it is written. [`TokenReader`] opens a file of any of them by its
//! content and reads all of it or a range of frames; [`DacpWriter`] and [`DacpReader`] stream. No reader trusts what a
//! file declares: counts are checked against the bytes that are there before memory is taken.

mod arrays;
mod dac;
mod dacp;
mod error;
mod file;
mod format;
mod meta;
mod npy;
mod pt;
mod reader;
mod safetensors;

pub use dacp::{DacpHeader, DacpReader, DacpSeekReader, DacpWriter};
pub use error::TokenError;
pub use file::{NpyInteger, TokenFile, WriteOptions};
pub use format::{Format, SNIFF_BYTES, UnknownFormat};
pub use meta::TokenMeta;
pub use reader::{TokenInfo, TokenReader};
