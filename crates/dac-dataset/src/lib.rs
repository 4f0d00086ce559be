//! Data sets of tokens: many encoded files in few, as WebDataset tar shards or as parquet files.
//!
//! [`PackWriter`] takes tokens one after another and closes a file of them, a shard, when it is full. A shard appears under
//! its name whole or not at all; what it holds and its hash are told when it does. `docs/packs.md` says what lies in the files
//! and how Python reads them.

mod error;
mod hashing_writer;
mod metadata;
mod naming;
mod parquet;
mod sample_key;
mod tar;
mod writer;

pub use error::{KeyError, PackError};
pub use metadata::EntryMetadata;
pub use naming::PackNaming;
pub use sample_key::SampleKey;
pub use writer::{ClosedShard, PackKind, PackLimits, PackWriter};
