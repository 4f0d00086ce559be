//! The C interface of the codec; `include/dac.h` is generated from it.
//!
//! Functions that can fail run inside [`status::guard`], which turns errors and panics into a status and a
//! text. [`pointers`] contains the conversions of what C passes.
//!
//! Names of types are those of Rust here; `cbindgen.toml` gives them their C names.

#![allow(unsafe_code, reason = "the functions take pointers from C")]
#![allow(
    clippy::missing_safety_doc,
    reason = "the head of dac.h, from cbindgen.toml, has the rules for all pointers"
)]

pub mod audio;
pub mod decode;
pub mod encode;
pub mod groups;
pub mod model;
pub mod pointers;
pub mod status;
pub mod step;
pub mod tokens;
