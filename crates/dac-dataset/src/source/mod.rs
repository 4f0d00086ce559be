//! Data sets that are read row by row: WebDataset tar archives, parquet files, manifests.
//!
//! A [`Source`] yields [`Row`]s: what is to be processed and everything else, which passes through to the
//! shards that [`PackWriter::add_row`](crate::PackWriter::add_row) writes. Memory does not depend on the
//! length of a data set.

mod blob;
mod columns;
mod cuts;
mod error;
mod kind;
mod lines;
mod manifest;
mod packs;
mod parquet;
mod row;
mod shar;
mod tables;
mod tar;

use std::path::Path;

pub use blob::{Blob, BlobReader};
pub use error::SourceError;
pub use kind::{Compression, SourceKind};
pub use row::{Content, Member, Passed, Row, Segment};

/// What a [`Source`] looks for in its rows.
#[derive(Debug, Clone, Default)]
pub struct SourceOptions {
    /// Extensions of the members to process, without dot, in the order of preference.
    pub extensions: Vec<&'static str>,
    /// Column of a parquet file with the audio, or of a table with the paths; `None` for the usual names.
    pub column: Option<String>,
    /// Whether other columns of a parquet file are converted to JSON, for tar shards. Otherwise they keep
    /// their types, for parquet shards.
    pub columns_as_json: bool,
    /// Whether parquet files are our own packs, whose codes are read.
    pub reads_codes: bool,
}

/// Rows of a data set, in order.
pub struct Source(Box<dyn Iterator<Item = Result<Row, SourceError>> + Send>);

impl Source {
    /// Opens the data set at `path`.
    ///
    /// # Errors
    /// Fails if the file cannot be opened, or lacks the column that is asked for.
    pub fn open(path: &Path, kind: SourceKind, options: &SourceOptions) -> Result<Self, SourceError> {
        Ok(Self(match kind {
            SourceKind::Tar(compression) => Box::new(tar::TarSource::open(path, compression, options)?),
            SourceKind::Parquet if options.reads_codes => Box::new(packs::PackSource::open(path)?),
            SourceKind::Parquet => Box::new(parquet::ParquetSource::open(path, options)?),
            SourceKind::JsonLines(compression) => {
                Box::new(manifest::JsonSource::open(path, compression, options)?)
            }
            SourceKind::Table(separator) => Box::new(tables::TableSource::open(path, separator, options)?),
            SourceKind::Shar => Box::new(shar::SharSource::open(path, options)?),
        }))
    }
}

impl Iterator for Source {
    type Item = Result<Row, SourceError>;

    /// Returns the next row. After an error that [`SourceError::ends_source`], there are no more.
    fn next(&mut self) -> Option<Self::Item> {
        self.0.next()
    }
}
