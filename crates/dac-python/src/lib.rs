//! The extension module `dac_rs._native`: the codec for numpy arrays.
//!
//! This crate converts between Python and the library. What Python programs call is written in Python, in
//! `python/dac_rs`, and checks its arguments there; functions here take exact types.

#![forbid(unsafe_code)]

mod arrays;
mod audio;
mod batch;
mod codec;
mod data_sets;
mod failure;
mod group;
mod names;
mod network;
mod pools;
mod program;
mod settings;
mod source;
mod stream;
mod tasks;
mod tokens;

#[pyo3::pymodule(gil_used = false)]
mod _native {
    use pyo3::prelude::*;

    #[pymodule_export]
    use crate::audio::{loudness, read_audio, resample, samples_address, write_audio};
    #[pymodule_export]
    use crate::batch::{decode_files, encode_files};
    #[pymodule_export]
    use crate::codec::Codec;
    #[pymodule_export]
    use crate::codec::{find_weights, model_names};
    #[pymodule_export]
    use crate::group::{DecoderGroup, EncoderGroup};
    #[pymodule_export]
    use crate::program::{panic_for_test, run_program};
    #[pymodule_export]
    use crate::stream::{DecodeStream, EncodeStream};
    #[pymodule_export]
    use crate::tokens::{read_tokens, write_tokens};

    /// Whether this is a debug build, which is several times slower.
    #[pymodule_export]
    const DEBUG_BUILD: bool = cfg!(debug_assertions);

    #[pymodule_init]
    fn init(module: &Bound<'_, PyModule>) -> PyResult<()> {
        crate::failure::silence_panics();
        module.add("VERSION", env!("CARGO_PKG_VERSION"))
    }
}
