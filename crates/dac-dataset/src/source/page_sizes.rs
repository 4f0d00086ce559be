//! Sizes in the page headers of a parquet file. The library allocates what a header declares, up to 2 GiB.

use std::fs::File;
use std::io::{self, BufReader, Seek, SeekFrom};
use std::path::{Path, PathBuf};

use parquet::basic::Type as PhysicalType;
use parquet::file::metadata::{ColumnChunkMetaData, ParquetMetaData};

use super::error::SourceError;
use super::thrift::Compact;

/// Largest page whatever its compression.
const MAX_PAGE_BYTES: i64 = 16 << 20;
/// Largest compression of longer pages.
const MAX_RATIO: i64 = 100;

/// Numbers of the fields of a page header that matter here.
const UNCOMPRESSED: [i64; 1] = [2];
const COMPRESSED: [i64; 1] = [3];
const DICTIONARY_VALUES: [i64; 2] = [7, 1];

/// Check of the row groups of a file, each before its rows are read.
pub(super) struct PageSizes {
    path: PathBuf,
    file: BufReader<File>,
    bytes: u64,
    metadata: ParquetMetaData,
    next_group: usize,
    /// Rows of the groups that were checked.
    rows: u64,
}

/// What a page header declares.
#[derive(Default)]
struct PageHeader {
    uncompressed: i64,
    compressed: i64,
    dictionary_values: i64,
}

impl PageSizes {
    pub(super) fn open(path: &Path, metadata: &ParquetMetaData) -> Result<Self, SourceError> {
        let read = |error| SourceError::read(path, error);
        let file = File::open(path).map_err(read)?;
        let bytes = file.metadata().map_err(read)?.len();
        let (file, metadata) = (BufReader::with_capacity(1 << 12, file), metadata.clone());
        Ok(Self { path: path.to_owned(), file, bytes, metadata, next_group: 0, rows: 0 })
    }

    /// Checks the row groups up to that with this row.
    ///
    /// # Errors
    /// Fails if the header of a page is damaged, or declares more than the file can contain.
    pub(super) fn check_up_to(&mut self, row: u64) -> Result<(), SourceError> {
        while row >= self.rows
            && let Some(group) = self.metadata.row_groups().get(self.next_group)
        {
            for column in group.columns() {
                check_column(&mut self.file, self.bytes, column).map_err(|error| {
                    let (name, group) = (column.column_path().string(), self.next_group);
                    let problem = format!("is damaged in column {name} of row group {group}: page {error}");
                    SourceError::content(&self.path, problem)
                })?;
            }
            self.rows = self.rows.saturating_add(u64::try_from(group.num_rows()).unwrap_or(0));
            self.next_group += 1;
        }
        Ok(())
    }
}

/// Checks the headers of all pages of a column.
fn check_column(file: &mut BufReader<File>, file_bytes: u64, column: &ColumnChunkMetaData) -> io::Result<()> {
    let first = column.dictionary_page_offset().unwrap_or_else(|| column.data_page_offset());
    let offset =
        |value: i64| u64::try_from(value).map_err(|_| invalid("0: its place is negative".to_owned()));
    let mut position = offset(first)?;
    let end = position.saturating_add(offset(column.compressed_size())?).min(file_bytes);
    let mut page = 0;
    while position < end {
        file.seek(SeekFrom::Start(position))?;
        let mut header = PageHeader::default();
        let mut compact = Compact { reader: file, bytes: 0, limit: file_bytes - position };
        let read = compact.read_struct(&mut Vec::new(), &mut |path, value| {
            for (field, number) in [
                (&UNCOMPRESSED as &[i64], &mut header.uncompressed),
                (&COMPRESSED, &mut header.compressed),
                (&DICTIONARY_VALUES, &mut header.dictionary_values),
            ] {
                if path == field {
                    *number = value;
                }
            }
        });
        position = position.saturating_add(compact.bytes);
        read.map_err(|error| invalid(format!("{page} has an invalid header: {error}")))?;
        let problem = header.problem(file_bytes.saturating_sub(position), least_bytes(column));
        if let Some(problem) = problem {
            return Err(invalid(format!("{page} {problem}")));
        }
        position = position.saturating_add(offset(header.compressed)?);
        page += 1;
    }
    Ok(())
}

impl PageHeader {
    /// What the header declares that cannot be true, of a page with `available` bytes after its header.
    fn problem(&self, available: u64, least_bytes: i64) -> Option<String> {
        let Self { uncompressed, compressed, dictionary_values } = *self;
        if uncompressed < 0 || u64::try_from(compressed).map_or(true, |compressed| compressed > available) {
            return Some(format!("has {compressed} bytes, which are not in the file"));
        }
        if uncompressed > MAX_PAGE_BYTES && uncompressed > compressed.saturating_mul(MAX_RATIO) {
            return Some(format!("is to expand from {compressed} to {uncompressed} bytes"));
        }
        if dictionary_values < 0 || dictionary_values.saturating_mul(least_bytes) > uncompressed {
            return Some(format!("of {uncompressed} bytes is a dictionary of {dictionary_values} values"));
        }
        None
    }
}

/// Smallest size of a value in a dictionary.
fn least_bytes(column: &ColumnChunkMetaData) -> i64 {
    match column.column_type() {
        PhysicalType::BOOLEAN => 1,
        PhysicalType::INT32 | PhysicalType::FLOAT | PhysicalType::BYTE_ARRAY => 4,
        PhysicalType::INT64 | PhysicalType::DOUBLE => 8,
        PhysicalType::INT96 => 12,
        PhysicalType::FIXED_LEN_BYTE_ARRAY => i64::from(column.column_descr().type_length().max(1)),
    }
}

fn invalid(problem: String) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, problem)
}
