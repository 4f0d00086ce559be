//! Data sets of tokens: many encoded files in a few large ones, as WebDataset tar shards, parquet files or
//! Lhotse Shar.
//!
//! [`PackWriter`] collects tokens in a file, a shard, and returns it as a [`FinishedShard`] when it is full.
//! Persisting it gives the complete file its name. `docs/spec/packs.md` describes the files and how Python
//! reads them.

#![forbid(unsafe_code)]

mod cells;
mod cut;
mod error;
mod features;
mod hashing_writer;
mod metadata;
mod naming;
mod pack_kind;
mod parquet;
mod passed;
mod sample_key;
mod shar;
mod shard;
mod source;
mod tar;
mod text;
mod writer;

pub use cells::Cells;
pub use error::PackError;
pub use naming::PackNaming;
pub use pack_kind::PackKind;
pub use passed::{Member, Passed};
pub use sample_key::{KeyError, SampleKey};
pub use shard::{FinishedShard, OpenShardInfo, ShardInfo};
pub use source::{
    Blob, BlobReader, Compression, Content, Row, Segment, Source, SourceError, SourceKind, SourceOptions,
};
pub use writer::{PackLimits, PackWriter};
