//! Data sets of tokens: many encoded files in a few large ones, as WebDataset tar shards or parquet files.
//!
//! [`PackWriter`] collects tokens in a file, a shard, and returns it as a [`FinishedShard`] when it is full.
//! Persisting it gives the complete file its name. `docs/spec/packs.md` describes the files and how Python
//! reads them.

#![forbid(unsafe_code)]

mod cells;
mod error;
mod features;
mod hashing_writer;
mod metadata;
mod naming;
mod parquet;
mod passed;
mod sample_key;
mod shard;
mod source;
mod tar;
mod writer;

pub use cells::Cells;
pub use error::PackError;
pub use naming::PackNaming;
pub use passed::{Member, Passed};
pub use sample_key::{KeyError, SampleKey};
pub use shard::{FinishedShard, OpenShardInfo, ShardInfo};
pub use source::{
    Blob, BlobReader, Compression, Content, Row, Segment, Source, SourceError, SourceKind, SourceOptions,
};
pub use writer::{PackKind, PackLimits, PackWriter};
