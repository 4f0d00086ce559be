//! Errors of the library as Python exceptions.

use std::any::Any;
use std::panic;

use dac::Error;
use dac::audio::AudioError;
use dac::codec::{CodecError, CodesError};
use dac::tokens::TokenError;
use dac_batch::{BatchError, error_text, panic_text};
use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;
use pyo3::types::PyType;

/// Class of the exception, one for each in `dac_rs._errors`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// `DacError`: everything else.
    Other,
    Audio,
    Tokens,
    Weights,
    Usage,
    /// The work was abandoned because of another error, which is raised instead.
    Cancelled,
}

/// An error with its text, which can be sent between threads.
#[derive(Debug)]
pub(crate) struct Failure {
    pub(crate) kind: Kind,
    text: String,
}

impl Failure {
    pub(crate) fn new(kind: Kind, text: impl Into<String>) -> Self {
        Self { kind, text: text.into() }
    }

    pub(crate) fn usage(text: impl Into<String>) -> Self {
        Self::new(Kind::Usage, text)
    }

    /// Error for a panic, which only a defect in this project can cause.
    pub(crate) fn of_panic(panic: &(dyn Any + Send)) -> Self {
        let text = panic_text(panic).unwrap_or("unknown panic");
        Self::new(Kind::Other, format!("internal error, please report it: {text}"))
    }

    /// The exception; `item` is the index of the list's item that failed.
    pub(crate) fn into_exception(self, py: Python<'_>, item: Option<usize>) -> PyErr {
        let text = match item {
            Some(index) => format!("item {index}: {}", self.text),
            None => self.text,
        };
        match exception(py, self.kind) {
            Ok(class) => PyErr::from_type(class, (text,)),
            Err(error) => error,
        }
    }
}

fn exception(py: Python<'_>, kind: Kind) -> PyResult<Bound<'_, PyType>> {
    static CLASSES: [PyOnceLock<Py<PyType>>; 5] = [const { PyOnceLock::new() }; 5];
    let (index, name) = match kind {
        Kind::Other | Kind::Cancelled => (0, "DacError"),
        Kind::Audio => (1, "AudioError"),
        Kind::Tokens => (2, "TokensError"),
        Kind::Weights => (3, "WeightsError"),
        Kind::Usage => (4, "UsageError"),
    };
    CLASSES[index].import(py, "dac_rs._errors", name).cloned()
}

impl From<Failure> for PyErr {
    fn from(failure: Failure) -> Self {
        Python::attach(|py| failure.into_exception(py, None))
    }
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        Self::new(kind_of(&error), error_text(&error))
    }
}

impl From<AudioError> for Failure {
    fn from(error: AudioError) -> Self {
        Error::from(error).into()
    }
}

impl From<TokenError> for Failure {
    fn from(error: TokenError) -> Self {
        Error::from(error).into()
    }
}

impl From<CodecError> for Failure {
    fn from(error: CodecError) -> Self {
        Error::from(error).into()
    }
}

impl From<BatchError> for Failure {
    fn from(error: BatchError) -> Self {
        let kind = match &error {
            BatchError::Usage(_) => Kind::Usage,
            BatchError::Codec(error) => kind_of(error),
            BatchError::Cancelled => Kind::Cancelled,
            _ => Kind::Other,
        };
        Self::new(kind, error_text(&error))
    }
}

fn kind_of(error: &Error) -> Kind {
    match error {
        Error::Audio(_) | Error::NoSamples { .. } => Kind::Audio,
        Error::Tokens(_) | Error::NoTokens | Error::ModelMismatch { .. } | Error::MissingInTokens { .. } => {
            Kind::Tokens
        }
        Error::Checkpoint(_)
        | Error::Config(_)
        | Error::NoWeights { .. }
        | Error::NoTiny
        | Error::Prepared(_)
        | Error::Read { .. } => Kind::Weights,
        Error::Codec(error) => kind_of_codec_error(error),
        Error::Windows(_) | Error::InvalidOption { .. } => Kind::Usage,
        Error::Cancelled => Kind::Cancelled,
        _ => Kind::Other,
    }
}

fn kind_of_codec_error(error: &CodecError) -> Kind {
    match error {
        CodecError::Device(_)
        | CodecError::Precision { .. }
        | CodecError::MemoryBudget { .. }
        | CodecError::NotInGroup { .. }
        | CodecError::SignalEnded { .. }
        | CodecError::Codes(CodesError::CodebookCount { .. }) => Kind::Usage,
        CodecError::Codes(_) => Kind::Tokens,
        CodecError::Weight(_) | CodecError::Engine(_) => Kind::Weights,
        CodecError::Input { what: "audio", .. } | CodecError::Empty { what: "audio" } => Kind::Audio,
        CodecError::Input { .. } | CodecError::Empty { .. } | CodecError::Shape(_) => Kind::Tokens,
        CodecError::NonFinite { what, .. } if what.starts_with("the encoder") => Kind::Audio,
        CodecError::NonFinite { .. } => Kind::Tokens,
        _ => Kind::Other,
    }
}

/// Keeps panics, which become exceptions, from being printed as well.
pub(crate) fn silence_panics() {
    panic::set_hook(Box::new(|_| {}));
}
