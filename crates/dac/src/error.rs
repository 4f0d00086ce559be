//! What can go wrong, from file to file.

use std::path::PathBuf;

use dac_audio::AudioError;
use dac_model::{CheckpointError, CodecError, Preset};
use dac_tokens::TokenError;
use thiserror::Error;

/// An error of the façade: one of the crates' below, or one of its own.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum Error {
    /// Audio could not be read, resampled or written.
    #[error(transparent)]
    Audio(#[from] AudioError),
    /// A token file could not be read or written.
    #[error(transparent)]
    Tokens(#[from] TokenError),
    /// A checkpoint could not be loaded.
    #[error(transparent)]
    Checkpoint(#[from] CheckpointError),
    /// The network could not be built or run.
    #[error(transparent)]
    Codec(#[from] CodecError),
    /// A preset's weights are not on this machine.
    #[error("the weights of {preset} are not on this machine (looked in {})", list(.looked_in))]
    NoWeights {
        /// The preset.
        preset: Preset,
        /// The folders that were searched.
        looked_in: Vec<PathBuf>,
    },
    /// The tiny model is not part of this build.
    #[error("the tiny model is not part of this build: build with the feature 'tiny'")]
    NoTiny,
    /// The weights' file could not be read.
    #[error("{}: {source}", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// What the system says.
        source: std::io::Error,
    },
    /// Audio without a single sample.
    #[error("{name} has no samples: there is nothing to encode")]
    NoSamples {
        /// The file, or what the audio is called.
        name: String,
    },
    /// A token file without codes, z or latents.
    #[error("the tokens hold neither codes nor z nor latents: there is nothing to decode")]
    NoTokens,
    /// Tokens of a model with other lengths or codebooks.
    #[error("the tokens were made by another model: {what} is {found}, this model's is {expected}")]
    OtherModel {
        /// Which number differs.
        what: &'static str,
        /// What this model has.
        expected: String,
        /// What the tokens have.
        found: String,
    },
    /// A choice that the tokens do not allow.
    #[error("{what} needs {needs}, which these tokens do not have")]
    Needs {
        /// The choice.
        what: &'static str,
        /// What is missing.
        needs: &'static str,
    },
    /// Whoever watched the work wanted an end.
    #[error("stopped")]
    Stopped,
    /// A number out of its range.
    #[error("{what} is {found}, expected {expected}")]
    Option {
        /// Which number.
        what: &'static str,
        /// What was given.
        found: String,
        /// What it may be.
        expected: &'static str,
    },
}

fn list(paths: &[PathBuf]) -> String {
    paths.iter().map(|p| p.display().to_string()).collect::<Vec<_>>().join(", ")
}
