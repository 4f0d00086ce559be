//! Arrays of the library as numpy arrays, without a copy where the layout allows it.

use dac::Codes;
use dac::audio::Planar;
use dac::codec::Array3;
use numpy::{Element, Ix2, Ix3, PyArray, PyArray1, PyArrayMethods, PyReadonlyArray3, PyUntypedArrayMethods};
use pyo3::prelude::*;

use crate::failure::Failure;

pub(crate) type Floats3<'py> = Bound<'py, PyArray<f32, Ix3>>;
pub(crate) type Floats2<'py> = Bound<'py, PyArray<f32, Ix2>>;
pub(crate) type Codes3<'py> = Bound<'py, PyArray<u16, Ix3>>;

/// Codes `[channels, codebooks, frames]`. The array owns their memory.
pub(crate) fn codes_to_python(py: Python<'_>, codes: Codes) -> PyResult<Codes3<'_>> {
    let shape = codes.shape();
    PyArray1::from_vec(py, codes.into_vec()).reshape(shape)
}

/// Floats of three axes. The array owns their memory.
pub(crate) fn floats_to_python(py: Python<'_>, array: Array3) -> PyResult<Floats3<'_>> {
    let shape = array.shape();
    PyArray1::from_vec(py, array.into_vec()).reshape(shape)
}

/// Samples `[channels, samples]`. One channel is not copied.
pub(crate) fn samples_to_python(py: Python<'_>, mut channels: Planar) -> PyResult<Floats2<'_>> {
    let shape = [channels.len(), channels.first().map_or(0, Vec::len)];
    let samples = match channels.pop() {
        Some(only) if channels.is_empty() => only,
        last => channels.into_iter().chain(last).flatten().collect(),
    };
    PyArray1::from_vec(py, samples).reshape(shape)
}

/// Values and shape of a C-contiguous array.
pub(crate) fn values<T: Element + Clone>(
    array: &PyReadonlyArray3<'_, T>,
) -> Result<(Vec<T>, [usize; 3]), Failure> {
    let not_contiguous = |_| Failure::usage("internal error: the array is not contiguous");
    let slice = array.as_slice().map_err(not_contiguous)?;
    let shape = array.shape();
    Ok((slice.to_vec(), [shape[0], shape[1], shape[2]]))
}
