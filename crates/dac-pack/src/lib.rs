//! Data sets of tokens: many encoded files in few, as WebDataset tar shards or as parquet files.
//!
//! [`PackWriter`] takes tokens one after another and closes a file of them, a shard, when it is full. A shard appears under
//! its name whole or not at all; what it holds and its hash are told when it does. `docs/packs.md` says what lies in the files
//! and how Python reads them.

mod error;
mod facts;
mod key;
mod name;
mod parquet;
mod sink;
mod tar;
mod writer;

pub use error::{KeyFault, PackError};
pub use facts::Facts;
pub use key::Key;
pub use name::PackNaming;
pub use writer::{ClosedShard, PackKind, PackLimits, PackWriter};
