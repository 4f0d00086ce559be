//! Tokens: numpy arrays with metadata, and token files.

use std::io::Cursor;
use std::path::PathBuf;

use dac::Codes;
use dac::codec::Array3;
use dac::tokens::{Format, TokenFile, TokenMeta, TokenReader, WriteOptions};
use numpy::PyReadonlyArray3;
use pyo3::prelude::*;
use pyo3::types::PyBytes;

use crate::arrays::{Codes3, Floats3, codes_to_python, floats_to_python, values};
use crate::failure::{Failure, Kind};
use crate::names::parse;
use crate::settings::integer_type;
use crate::tasks::run_one;

/// Codes, z and latents, and the metadata as JSON.
pub(crate) type TokensOut<'py> = (Option<Codes3<'py>>, Option<Floats3<'py>>, Option<Floats3<'py>>, String);

/// Tokens from Python: C-contiguous arrays, and the metadata as JSON.
#[derive(FromPyObject)]
pub(crate) struct Arrays<'py>(
    Option<PyReadonlyArray3<'py, u16>>,
    Option<PyReadonlyArray3<'py, f32>>,
    Option<PyReadonlyArray3<'py, f32>>,
    String,
);

impl Arrays<'_> {
    pub(crate) fn tokens(&self) -> Result<TokenFile, Failure> {
        let Self(codes, z, latents, meta) = self;
        let invalid = |error: dac::codec::CodesError| Failure::new(Kind::Tokens, error.to_string());
        let mut tokens = TokenFile::default();
        tokens.meta = meta_from_json(meta)?;
        if let Some(codes) = codes {
            let (data, shape) = values(codes)?;
            tokens.codes = Some(Codes::new(data, shape).map_err(invalid)?);
        }
        let floats = |array: &Option<PyReadonlyArray3<'_, f32>>| -> Result<Option<Array3>, Failure> {
            let Some(array) = array else { return Ok(None) };
            let (data, shape) = values(array)?;
            Ok(Some(Array3::new(data, shape).map_err(|error| invalid(error.into()))?))
        };
        (tokens.z, tokens.latents) = (floats(z)?, floats(latents)?);
        Ok(tokens)
    }
}

pub(crate) fn meta_from_json(text: &str) -> Result<TokenMeta, Failure> {
    serde_json::from_str(text)
        .map_err(|error| Failure::new(Kind::Tokens, format!("invalid metadata of tokens: {error}")))
}

pub(crate) fn meta_to_json(meta: &TokenMeta) -> Result<String, Failure> {
    serde_json::to_string(meta).map_err(|error| Failure::new(Kind::Other, error.to_string()))
}

pub(crate) fn tokens_to_python(py: Python<'_>, tokens: TokenFile) -> PyResult<TokensOut<'_>> {
    let codes = tokens.codes.map(|codes| codes_to_python(py, codes)).transpose()?;
    let floats = |array: Option<Array3>| array.map(|array| floats_to_python(py, array)).transpose();
    Ok((codes, floats(tokens.z)?, floats(tokens.latents)?, meta_to_json(&tokens.meta)?))
}

/// Content of a token file.
#[derive(FromPyObject)]
pub(crate) enum TokenSource<'py> {
    #[pyo3(transparent)]
    Bytes(Bound<'py, PyBytes>),
    #[pyo3(transparent)]
    Path(PathBuf),
}

/// Reads a token file of any format. Returns the tokens, the name of the format, and whether only the first
/// frames of a truncated file were read.
#[pyfunction]
pub(crate) fn read_tokens<'py>(
    py: Python<'py>,
    source: TokenSource<'py>,
) -> PyResult<(TokensOut<'py>, &'static str, bool)> {
    let read = |mut reader: TokenReader<'_>| -> Result<_, Failure> {
        Ok((reader.read_all()?, reader.info().format))
    };
    let (tokens, format) = match source {
        TokenSource::Bytes(bytes) => {
            let bytes = bytes.as_bytes();
            run_one(py, 1, |_| read(TokenReader::open(Cursor::new(bytes))?))?
        }
        TokenSource::Path(path) => run_one(py, 1, |_| {
            let mut reader = TokenReader::open_path(&path)?;
            let in_file = |source| dac::tokens::TokenError::InFile { path: path.clone(), source };
            let tokens = reader.read_all().map_err(|error| in_file(Box::new(error)))?;
            Ok((tokens, reader.info().format))
        })?,
    };
    let truncated = tokens.truncated;
    Ok((tokens_to_python(py, tokens)?, format.extension(), truncated))
}

/// Writes a token file to a path, or returns its bytes.
#[pyfunction]
pub(crate) fn write_tokens<'py>(
    py: Python<'py>,
    tokens: Arrays<'py>,
    path: Option<PathBuf>,
    format: &str,
    dtype: Option<&str>,
) -> PyResult<Option<Bound<'py, PyBytes>>> {
    let (tokens, format) = (tokens.tokens()?, parse::<Format>(format)?);
    let mut options = WriteOptions::default();
    options.integer = integer_type(dtype)?;
    if let Some(integer) = options.integer {
        format.check_integer(integer).map_err(|error| Failure::usage(error.to_string()))?;
    }
    let bytes = run_one(py, 1, |_| {
        if let Some(path) = &path {
            tokens.write(path, format, &options)?;
            return Ok(None);
        }
        let mut bytes = Vec::new();
        tokens.write_to(&mut bytes, format, &options)?;
        Ok(Some(bytes))
    })?;
    Ok(bytes.map(|bytes| PyBytes::new(py, &bytes)))
}
