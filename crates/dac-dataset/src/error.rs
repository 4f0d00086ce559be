//! Errors of writing a data set.

use std::io;
use std::path::PathBuf;

use dac_tokens::{LayoutError, TokenError};
use thiserror::Error;

use crate::sample_key::SampleKey;

/// Reason why tokens cannot be added to a data set.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum PackError {
    /// A tag with characters that are not allowed in a file name.
    #[error("invalid tag {tag:?} of shard names: expected only letters, digits, - and _")]
    Tag {
        /// Rejected tag.
        tag: String,
    },
    /// The open shard already contains the key.
    #[error("duplicate key {key}: {shard} already contains it")]
    Duplicate {
        /// Repeated key.
        key: SampleKey,
        /// File name of the shard.
        shard: String,
    },
    /// Parquet files and Shar store only codes.
    #[error("{kind} stores only codes; the tokens have {found}")]
    NotCodes {
        /// Kind of the shards.
        kind: &'static str,
        /// Content of the tokens.
        found: &'static str,
    },
    /// A member that passes through has the name of one that is written.
    #[error(
        "the input has a member .{extension} of its own, which would be overwritten; use another --format"
    )]
    Member {
        /// Its extension.
        extension: String,
    },
    /// A number exceeds the signed 64-bit integers of a parquet column.
    #[error("cannot store {what} = {found} in a parquet column of signed 64-bit integers")]
    TooLarge {
        /// Name of the column.
        what: &'static str,
        /// The number.
        found: u64,
    },
    /// The codes cannot be arranged.
    #[error(transparent)]
    Layout(#[from] LayoutError),
    /// The tokens cannot be written in the requested format.
    #[error(transparent)]
    Tokens(#[from] TokenError),
    /// The directory of the shards cannot be listed.
    #[error("cannot list the directory {path}", path = path.display())]
    Folder {
        /// Path of the directory.
        path: PathBuf,
        /// Cause.
        source: io::Error,
    },
    /// A shard cannot be written. It is removed, and all its entries are lost.
    #[error("cannot write the shard {path}; its {} entries are lost", keys.len(), path = path.display())]
    Shard {
        /// Path of the shard.
        path: PathBuf,
        /// Keys of the lost entries, including the one being added.
        keys: Vec<SampleKey>,
        /// Cause.
        source: io::Error,
    },
}

impl PackError {
    /// Failure of a conversion to JSON, which texts and numbers never cause.
    pub(crate) fn json(error: serde_json::Error) -> Self {
        Self::Tokens(io::Error::from(error).into())
    }
}
