//! What can go wrong with a pack.

use std::io;
use std::path::PathBuf;

use dac_tokens::TokenError;
use thiserror::Error;

use crate::sample_key::SampleKey;

/// Why a path cannot become a key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum KeyError {
    /// It names nothing.
    #[error("it is empty")]
    Empty,
    /// It is absolute or leads upwards.
    #[error("it must be relative and stay below its folder")]
    Outside,
}

/// Why tokens did not get into a pack.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum PackError {
    /// A path that cannot be a key.
    #[error("{path} cannot be a key: {reason}", path = path.display())]
    Key {
        /// The path.
        path: PathBuf,
        /// What is wrong with it.
        reason: KeyError,
    },
    /// A tag that cannot be a part of a file name.
    #[error("{tag:?} cannot be a part of a shard's name: letters, digits, - and _ can")]
    Tag {
        /// The tag.
        tag: String,
    },
    /// The key is in the open shard already.
    #[error("the key {key} is in {shard} already")]
    Duplicate {
        /// The key.
        key: SampleKey,
        /// File name of the shard.
        shard: String,
    },
    /// A parquet file holds codes, and nothing else of the tokens.
    #[error("a parquet file holds codes alone, these tokens {found}")]
    NotCodes {
        /// What the tokens are.
        found: &'static str,
    },
    /// A number that no signed 64-bit column holds.
    #[error("{what} of {found} is more than a parquet column of 64-bit integers holds")]
    TooLarge {
        /// Which number.
        what: &'static str,
        /// Its value.
        found: u64,
    },
    /// The tokens cannot be written as the token file that was asked for.
    #[error(transparent)]
    Tokens(#[from] TokenError),
    /// The folder of the shards cannot be read.
    #[error("{path}: cannot be read as the folder of a pack's shards", path = path.display())]
    Folder {
        /// The folder.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// A shard could not be written. It is gone, and with it everything that had been put into it.
    #[error("{path}: the shard could not be written, its {count} entries are lost", path = path.display(), count = keys.len())]
    Shard {
        /// Where it was to be.
        path: PathBuf,
        /// The keys of what is lost, the one that was being added among them.
        keys: Vec<SampleKey>,
        /// Why.
        source: io::Error,
    },
}
