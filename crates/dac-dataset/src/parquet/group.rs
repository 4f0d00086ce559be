//! A row group: rows gathered, then written column by column.

use dac_rvq::Codes;
use parquet::column::writer::ColumnWriterImpl;
use parquet::data_type::{
    BoolType, ByteArray, ByteArrayType, DataType, DoubleType, FloatType, Int32Type, Int64Type,
};
use parquet::errors::{ParquetError, Result};
use parquet::file::writer::{SerializedFileWriter, SerializedRowGroupWriter};

use super::Row;
use super::columns::{Column, after_codes};
use crate::hashing_writer::HashingWriter;
use crate::metadata::EntryMetadata;

/// Rows that wait to be written.
#[derive(Debug, Default)]
pub(super) struct RowGroup {
    facts: Vec<EntryMetadata>,
    codes: Vec<Codes>,
}

impl RowGroup {
    pub(super) fn push(&mut self, row: Row) {
        self.facts.push(row.facts);
        self.codes.push(row.codes);
    }

    pub(super) fn len(&self) -> usize {
        self.facts.len()
    }

    pub(super) fn write(self, file: &mut SerializedFileWriter<HashingWriter>) -> Result<()> {
        let mut group = file.next_row_group()?;
        let keys = self.facts.iter().map(|row| Some(row.key.as_str())).collect();
        write_column(&mut group, Column::Text(keys))?;
        write_codes(&mut group, &self.codes)?;
        for column in after_codes(&self.facts) {
            write_column(&mut group, column)?;
        }
        group.close()?;
        Ok(())
    }
}

fn write_column(group: &mut SerializedRowGroupWriter<'_, HashingWriter>, column: Column<'_>) -> Result<()> {
    match column {
        Column::Text(values) => {
            write::<ByteArrayType>(group, values.into_iter().map(|v| v.map(ByteArray::from)))
        }
        Column::Integer(values) => write::<Int64Type>(group, values),
        Column::Double(values) => write::<DoubleType>(group, values),
        Column::Float(values) => write::<FloatType>(group, values),
        Column::Flag(values) => write::<BoolType>(group, values),
    }
}

/// Writes the next column, of which a value a row is there or not.
fn write<T: DataType>(
    group: &mut SerializedRowGroupWriter<'_, HashingWriter>,
    column: impl IntoIterator<Item = Option<T::T>>,
) -> Result<()> {
    let mut writer = next(group)?;
    let (mut values, mut defined) = (Vec::new(), Vec::new());
    for value in column {
        defined.push(i16::from(value.is_some()));
        values.extend(value);
    }
    // Levels of a required column are not looked at.
    writer.typed::<T>().write_batch(&values, Some(&defined), None)?;
    writer.close()
}

/// Writes the lists of lists, an entry at a time. What is expanded is eight bytes a code: a recording cannot be split.
fn write_codes(group: &mut SerializedRowGroupWriter<'_, HashingWriter>, rows: &[Codes]) -> Result<()> {
    let mut writer = next(group)?;
    for codes in rows {
        write_lists(writer.typed::<Int32Type>(), codes)?;
    }
    writer.close()
}

/// The levels say where lists begin: a value repeats at level 0 where it opens a row, at 1 where it opens an inner list,
/// at 2 within one; it is defined at 0 where the row has no lists, at 1 where its list is empty, at 2 where it is there.
fn write_lists(writer: &mut ColumnWriterImpl<'_, Int32Type>, codes: &Codes) -> Result<()> {
    let (lists, frames) = (codes.channels() * codes.codebooks(), codes.frames());
    let values: Vec<i32> = codes.as_slice().iter().map(|&code| code.into()).collect();
    let (mut defined, mut repeated) = (Vec::new(), Vec::new());
    if lists == 0 {
        (defined, repeated) = (vec![0], vec![0]);
    }
    for list in 0..lists {
        defined.resize(defined.len() + frames.max(1), if frames == 0 { 1 } else { 2 });
        repeated.push(i16::from(list > 0));
        repeated.resize(defined.len(), 2);
    }
    writer.write_batch(&values, Some(&defined), Some(&repeated))?;
    Ok(())
}

fn next<'a>(
    group: &'a mut SerializedRowGroupWriter<'_, HashingWriter>,
) -> Result<parquet::file::writer::SerializedColumnWriter<'a>> {
    group.next_column()?.ok_or_else(|| ParquetError::General("the schema has no such column".to_owned()))
}
