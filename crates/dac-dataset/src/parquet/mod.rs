//! Parquet files: one row per entry, with its codes as lists of lists and a column for each metadata field.
//!
//! Codes are dictionary-encoded: the indices of 1,024 different values take 10 bits each, no more than packed
//! codes.

mod group;
mod members;
mod row;

use std::io;
use std::sync::Arc;

use dac_tokens::IntegerType;
use parquet::basic::Compression;
use parquet::errors::ParquetError;
use parquet::file::metadata::KeyValue;
use parquet::file::properties::{EnabledStatistics, WriterProperties};
use parquet::file::writer::SerializedFileWriter;
use parquet::schema::parser::parse_message_type;
use parquet::schema::types::{ColumnPath, Type};
use serde_json::Map;

use crate::cells::{self, PassedColumns};
use crate::features;
use crate::hashing_writer::HashingWriter;
use group::write_group;

pub(crate) use members::cells_of;
pub(crate) use row::Row;

/// Columns up to the codes, which are `[channels · codebooks][frames]`: the codebooks of channel 0, then of
/// channel 1.
fn first_columns(integer: IntegerType) -> String {
    let element = match integer {
        IntegerType::I32 => "int32 element",
        IntegerType::I64 => "int64 element",
        _ => "int32 element (INTEGER(16, false))",
    };
    format!(
        "    required binary key (STRING);
    required group codes (LIST) {{
        repeated group list {{
            required group element (LIST) {{
                repeated group list {{
                    required {element};
                }}
            }}
        }}
    }}
"
    )
}

/// Name of the writer in the footer. It is a former name of this crate: equal entries give equal bytes.
const CREATED_BY: &str = concat!("dac-pack version ", env!("CARGO_PKG_VERSION"));

/// Largest size of a row group; a longer recording is a group of its own.
const MAX_GROUP_BYTES: u64 = 4 << 20;
/// Largest number of rows in a group.
const MAX_GROUP_ROWS: usize = 1 << 14;
/// Estimated size of the footer per group: names and offsets of all columns.
const FOOTER_BYTES_PER_GROUP: u64 = 4096;

/// An open parquet file.
pub(crate) struct ParquetShard {
    writer: SerializedFileWriter<HashingWriter>,
    integer: IntegerType,
    /// Columns that pass through.
    columns: Option<Arc<PassedColumns>>,
    /// Rows of the next group.
    rows: Vec<Row>,
    group_bytes: u64,
}

impl ParquetShard {
    pub(crate) fn new(
        writer: HashingWriter,
        integer: IntegerType,
        columns: Option<Arc<PassedColumns>>,
    ) -> io::Result<Self> {
        let codes =
            ColumnPath::new(["codes", "list", "element", "list", "element"].map(str::to_owned).to_vec());
        let (schema, features) = schema_with(integer, columns.as_deref()).map_err(to_io_error)?;
        let features = features.map(|value| vec![KeyValue::new(features::KEY.to_owned(), value)]);
        let properties = WriterProperties::builder()
            .set_created_by(CREATED_BY.to_owned())
            .set_compression(Compression::UNCOMPRESSED)
            .set_statistics_enabled(EnabledStatistics::Chunk)
            .set_column_statistics_enabled(codes, EnabledStatistics::None)
            .set_key_value_metadata(features)
            .build();
        let writer =
            SerializedFileWriter::new(writer, Arc::new(schema), Arc::new(properties)).map_err(to_io_error)?;
        Ok(Self { writer, integer, columns, rows: Vec::new(), group_bytes: 0 })
    }

    /// Reports whether a row has the columns of this file.
    pub(crate) fn accepts(&self, row: &Row) -> bool {
        self.columns.as_ref() == row.passed.as_ref().map(|cells| &cells.columns)
    }

    /// Largest size of the file if it were finished now.
    pub(crate) fn bytes(&self) -> u64 {
        let groups = self.writer.flushed_row_groups().len() as u64 + 2;
        self.writer.inner().bytes() + self.group_bytes + groups * FOOTER_BYTES_PER_GROUP
    }

    pub(crate) fn add(&mut self, row: Row) -> io::Result<()> {
        if self.group_bytes + row.bytes() > MAX_GROUP_BYTES {
            self.flush()?;
        }
        self.group_bytes += row.bytes();
        self.rows.push(row);
        if self.group_bytes >= MAX_GROUP_BYTES || self.rows.len() >= MAX_GROUP_ROWS {
            self.flush()?;
        }
        Ok(())
    }

    pub(crate) fn finish(mut self) -> io::Result<HashingWriter> {
        self.flush()?;
        self.writer.into_inner().map_err(to_io_error)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.group_bytes = 0;
        let rows = std::mem::take(&mut self.rows);
        if rows.is_empty() {
            return Ok(());
        }
        write_group(&mut self.writer, &rows, self.integer).map_err(to_io_error)
    }
}

/// Schema of a file with columns that pass through, and what the Hugging Face library needs to know about it.
/// A column that has the name of one of ours is renamed.
fn schema_with(
    integer: IntegerType,
    passed: Option<&PassedColumns>,
) -> Result<(Type, Option<String>), ParquetError> {
    let own = format!("message tokens {{\n{}{}}}", first_columns(integer), row::schema());
    let mut columns = parse_message_type(&own)?.get_fields().to_vec();
    let mut features = Map::new();
    for column in passed.map(|passed| passed.fields.as_slice()).unwrap_or_default() {
        let mut name = column.name().to_owned();
        while columns.iter().any(|other| other.name() == name) {
            name = format!("source_{name}");
        }
        let feature = passed.and_then(|passed| passed.features.get(column.name()));
        features.extend(feature.map(|feature| (name.clone(), feature.clone())));
        columns.push(if name == column.name() {
            Arc::clone(column)
        } else {
            Arc::new(cells::renamed(column, &name)?)
        });
    }
    let schema = Type::group_type_builder("tokens").with_fields(columns).build()?;
    let metadata = features::metadata(&schema, &features);
    Ok((schema, metadata))
}

/// Converts an error of the parquet library; only writing can fail here. An I/O error keeps its kind, such as
/// a full disk.
fn to_io_error(error: ParquetError) -> io::Error {
    match error {
        ParquetError::External(source) => match source.downcast::<io::Error>() {
            Ok(error) => *error,
            Err(source) => io::Error::other(source),
        },
        error => io::Error::other(error),
    }
}
