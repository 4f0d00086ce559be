//! Data sets that are read row by row: WebDataset tar archives, parquet files, manifests.
//!
//! A [`Source`] yields [`Row`]s: what is to be processed and everything else, which passes through to the
//! shards that [`PackWriter::add_row`](crate::PackWriter::add_row) writes. Memory does not depend on the
//! length of a data set.

mod blob;
mod columns;
mod cuts;
mod error;
mod footer;
mod kind;
mod lines;
mod manifest;
mod packs;
mod page_sizes;
mod parquet;
mod row;
mod shar;
mod tables;
mod tar;
mod thrift;

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};

pub use blob::{Blob, BlobReader};
pub use error::SourceError;
pub use kind::{Compression, SourceKind};
pub use row::{Content, Row, Segment};

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
pub struct Source {
    path: PathBuf,
    rows: Box<dyn Rows + Send>,
    ended: bool,
}

/// Reader of one kind of data set.
trait Rows {
    /// Reads the next row; `None` at the end. Not called after that, nor after an error that
    /// [`SourceError::ends_source`].
    fn next_row(&mut self) -> Result<Option<Row>, SourceError>;
}

impl Source {
    /// Opens the data set at `path`.
    ///
    /// # Errors
    /// Fails if the file cannot be opened, or lacks the column that is asked for.
    pub fn open(path: &Path, kind: SourceKind, options: &SourceOptions) -> Result<Self, SourceError> {
        Ok(Self::new(path, guarded(path, || Self::rows(path, kind, options))?))
    }

    fn new(path: &Path, rows: Box<dyn Rows + Send>) -> Self {
        Self { path: path.to_owned(), rows, ended: false }
    }

    fn rows(
        path: &Path,
        kind: SourceKind,
        options: &SourceOptions,
    ) -> Result<Box<dyn Rows + Send>, SourceError> {
        Ok(match kind {
            SourceKind::Tar(compression) => Box::new(tar::TarSource::open(path, compression, options)?),
            SourceKind::Parquet if options.reads_codes => Box::new(packs::PackSource::open(path)?),
            SourceKind::Parquet => Box::new(parquet::ParquetSource::open(path, options)?),
            SourceKind::JsonLines(compression) => {
                Box::new(manifest::JsonSource::open(path, compression, options)?)
            }
            SourceKind::Table(separator) => Box::new(tables::TableSource::open(path, separator, options)?),
            SourceKind::Shar => Box::new(shar::SharSource::open(path, options)?),
        })
    }
}

impl Iterator for Source {
    type Item = Result<Row, SourceError>;

    /// Returns the next row. After an error that [`SourceError::ends_source`], there are no more.
    fn next(&mut self) -> Option<Self::Item> {
        if self.ended {
            return None;
        }
        let Self { path, rows, .. } = self;
        let row = guarded(path, || rows.next_row());
        self.ended = row.as_ref().map_or_else(SourceError::ends_source, Option::is_none);
        row.transpose()
    }
}

/// Reads a data set. A panic of a library on a damaged file becomes an error of the file.
fn guarded<T>(path: &Path, read: impl FnOnce() -> Result<T, SourceError>) -> Result<T, SourceError> {
    catch_unwind(AssertUnwindSafe(read)).unwrap_or_else(|panic| {
        let text = panic.downcast_ref::<&str>().map(|text| (*text).to_owned());
        let text = text.or_else(|| panic.downcast_ref::<String>().cloned()).unwrap_or_default();
        Err(SourceError::content(path, format!("is damaged: reading it panicked: {text}")))
    })
}
