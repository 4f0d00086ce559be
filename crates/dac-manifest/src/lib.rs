//! The manifest of a batch: one JSON record a file, appended as files are done, so that a batch that was killed goes on where
//! it stopped.
//!
//! | to | use |
//! |---|---|
//! | say how a file fared | [`Record`] |
//! | append to a manifest | [`ManifestWriter`] |
//! | know what is done | [`Entries`] |
//! | name a file | [`key_of`] |
//! | split a job, name its manifests | [`Shard`] |
//! | join the manifests of its shards | [`merge`] |
//!
//! A manifest is JSON Lines in UTF-8. A key may have several records: what lies there is of the one whose hash it has. A line that a power cut left incomplete is passed over,
//! and the next one begins on a line of its own.

#![forbid(unsafe_code)]

mod entries;
mod error;
mod key;
mod lines;
mod merge;
mod record;
mod shard;
mod writer;

pub use entries::{Entries, Entry};
pub use error::ManifestError;
pub use key::key_of;
pub use lines::MAX_LINE_BYTES;
pub use merge::{MergeReport, merge};
pub use record::{Record, Roundtrip, Status};
pub use shard::{MANIFEST_NAME, Shard, manifests_in};
pub use writer::ManifestWriter;
