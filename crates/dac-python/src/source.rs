//! Sources of audio: files, their bytes, and samples in numpy arrays.

use std::io::Cursor;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use dac::audio::{AudioError, AudioReader, ReadOptions};
use numpy::{PyReadonlyArray2, PyUntypedArrayMethods, ndarray::Axis};
use pyo3::prelude::*;
use pyo3::pybacked::PyBackedBytes;

use crate::failure::Failure;

/// Source of audio, from Python: `(array, rate)`, `(bytes, name)` or a path.
#[derive(FromPyObject)]
pub(crate) enum Source<'py> {
    /// Samples `[channels, samples]`, each channel contiguous, and their rate in Hz.
    Samples(PyReadonlyArray2<'py, f32>, u32),
    /// Content of a file, and its name in errors.
    Bytes(PyBackedBytes, String),
    #[pyo3(transparent)]
    Path(PathBuf),
}

/// Source of audio that other threads can read.
pub(crate) enum Input<'a> {
    Samples { channels: Vec<&'a [f32]>, rate_hz: u32 },
    Bytes { bytes: SharedBytes, name: &'a str },
    Path(&'a Path),
}

/// Bytes owned by a Python object.
#[derive(Clone)]
pub(crate) struct SharedBytes(Arc<PyBackedBytes>);

impl AsRef<[u8]> for SharedBytes {
    fn as_ref(&self) -> &[u8] {
        &self.0
    }
}

/// The channels of an array, without copying them.
pub(crate) fn channels<'a>(array: &'a PyReadonlyArray2<'_, f32>) -> Result<Vec<&'a [f32]>, Failure> {
    let not_contiguous = || Failure::usage("internal error: a channel of the array is not contiguous");
    let row = |channel| array.as_array().index_axis_move(Axis(0), channel).to_slice();
    (0..array.shape()[0]).map(|channel| row(channel).ok_or_else(not_contiguous)).collect()
}

impl Source<'_> {
    pub(crate) fn input(&self) -> Result<Input<'_>, Failure> {
        Ok(match self {
            Self::Samples(array, rate_hz) => Input::Samples { channels: channels(array)?, rate_hz: *rate_hz },
            Self::Bytes(bytes, name) => {
                // Both share the memory of the Python object.
                let bytes = Python::attach(|py| bytes.clone_ref(py));
                Input::Bytes { bytes: SharedBytes(Arc::new(bytes)), name }
            }
            Self::Path(path) => Input::Path(path),
        })
    }
}

/// Opens a file or its bytes.
pub(crate) fn open(
    path: &Path,
    bytes: Option<&SharedBytes>,
    options: ReadOptions,
) -> Result<AudioReader, AudioError> {
    match bytes {
        Some(bytes) => AudioReader::from_seekable_with(Cursor::new(bytes.clone()), path, options),
        None => AudioReader::open_with(path, options),
    }
}
