//! Token files: codes, z and latents with their metadata, as .safetensors, .npy, .pt, .dac and .dacp.
//!
//! [`TokenFile`] is the content of a file and [`Format`] its format. [`TokenReader`] detects the format of a
//! file and reads it whole or in ranges of frames; [`DacpWriter`] and [`DacpReader`] stream. The readers do
//! not trust a file: they check declared sizes against limits and the length of the file before they allocate
//! memory.

#![forbid(unsafe_code)]

mod arrays;
mod dac;
mod dacp;
mod error;
mod formats;
mod layout;
mod meta;
mod npy;
mod options;
mod pt;
mod reader;
mod safetensors;
mod token_file;
mod token_format;
mod writer;

pub use dacp::{DacpHeader, DacpReader, DacpWriter};
pub use error::TokenError;
pub use formats::{Format, SNIFF_BYTES, UnknownFormat};
pub use layout::{Layout, LayoutError, LayoutSettings};
pub use meta::{MetaField, MetaValue, TokenMeta};
pub use options::{IntegerType, Save, WriteOptions};
pub use reader::{TokenInfo, TokenReader};
pub use token_file::TokenFile;
