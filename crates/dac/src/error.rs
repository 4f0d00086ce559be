//! The error type of the library.

use std::path::PathBuf;

use dac_audio::AudioError;
use dac_model::checkpoint::ConfigJsonError;
use dac_model::prepared::PreparedError;
use dac_model::{CheckpointError, CodecError, Preset};
use dac_stream::windowed::WindowedError;
use dac_tokens::TokenError;
use thiserror::Error;

/// An error of loading, encoding or decoding.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum Error {
    /// Audio cannot be read, resampled or written.
    #[error(transparent)]
    Audio(#[from] AudioError),
    /// A token file cannot be read or written.
    #[error(transparent)]
    Tokens(#[from] TokenError),
    /// A checkpoint cannot be loaded.
    #[error(transparent)]
    Checkpoint(#[from] CheckpointError),
    /// The `config.json` next to the weights is invalid.
    #[error(transparent)]
    Config(#[from] ConfigJsonError),
    /// The network cannot be built or run.
    #[error(transparent)]
    Codec(#[from] CodecError),
    /// Weights cannot be prepared.
    #[error(transparent)]
    Prepared(#[from] PreparedError),
    /// A window, or a chunk of windowed tokens, has an invalid length.
    #[error(transparent)]
    Windows(#[from] WindowedError),
    /// No weights of a preset were found on this machine.
    #[error("cannot find the weights of {preset}; searched {}", list(.searched))]
    NoWeights {
        /// Preset to load.
        preset: Preset,
        /// Directories that were searched.
        searched: Vec<PathBuf>,
    },
    /// The tiny model is not part of this build.
    #[error("this build does not include the tiny model; build with the feature 'tiny'")]
    NoTiny,
    /// A weights file cannot be read.
    #[error("{}: {source}", path.display())]
    Read {
        /// Weights file.
        path: PathBuf,
        /// Cause.
        source: std::io::Error,
    },
    /// The audio to encode has no samples.
    #[error("{name} has no samples to encode")]
    NoSamples {
        /// File, or name of audio that is not a file.
        name: String,
    },
    /// The tokens to decode have no arrays.
    #[error("the tokens contain neither codes nor z nor latents")]
    NoTokens,
    /// The tokens were made with a model of another shape.
    #[error("the tokens were made with another model: their {property} is {found}, expected {expected}")]
    ModelMismatch {
        /// Property that differs.
        property: &'static str,
        /// Value of this model.
        expected: String,
        /// Value of the tokens.
        found: String,
    },
    /// The tokens lack what an option requires.
    #[error("{option} requires {required}, which these tokens do not contain")]
    MissingInTokens {
        /// Option or operation.
        option: &'static str,
        /// What it requires.
        required: &'static str,
    },
    /// The system refuses to start a thread, because of a limit on processes or memory.
    #[error("cannot start a thread: {source}")]
    Thread {
        /// Cause.
        source: std::io::Error,
    },
    /// The caller cancelled the work through [`Progress`](crate::Progress).
    #[error("cancelled")]
    Cancelled,
    /// An option or a value of the tokens is out of range.
    #[error("{option} is {found}, expected {expected}")]
    InvalidOption {
        /// Option or value.
        option: &'static str,
        /// Value found.
        found: String,
        /// Valid values.
        expected: String,
    },
}

impl Error {
    /// Reports whether the system refuses to start threads, because of a limit on processes or memory.
    pub fn is_thread_limit(&self) -> bool {
        match self {
            Self::Thread { .. } => true,
            Self::Codec(error) => error.is_thread_limit(),
            _ => false,
        }
    }

    pub(crate) fn invalid(option: &'static str, found: impl ToString, expected: impl Into<String>) -> Self {
        Self::InvalidOption { option, found: found.to_string(), expected: expected.into() }
    }
}

fn list(paths: &[PathBuf]) -> String {
    paths.iter().map(|path| path.display().to_string()).collect::<Vec<_>>().join(", ")
}
