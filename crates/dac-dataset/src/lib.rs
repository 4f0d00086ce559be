//! Data sets of tokens: many encoded files in a few large ones, as WebDataset tar shards or parquet files.
//!
//! [`PackWriter`] collects tokens in a file, a shard, and finishes it when it is full. A shard appears under
//! its name whole or not at all, and [`ClosedShard`] then lists its entries and its hash. `docs/packs.md`
//! describes the files and how Python reads them.

mod error;
mod hashing_writer;
mod metadata;
mod naming;
mod parquet;
mod sample_key;
mod tar;
mod writer;

pub use error::PackError;
pub use metadata::EntryMetadata;
pub use naming::PackNaming;
pub use sample_key::{KeyError, SampleKey};
pub use writer::{ClosedShard, PackKind, PackLimits, PackWriter};
