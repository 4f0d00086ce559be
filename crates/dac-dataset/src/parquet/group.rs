//! Row groups of a parquet file, which are written column by column.

use dac_tokens::{IntegerType, MetaValue};
use parquet::data_type::{
    BoolType, ByteArray, ByteArrayType, DataType, DoubleType, FloatType, Int32Type, Int64Type,
};
use parquet::errors::{ParquetError, Result};
use parquet::file::writer::{SerializedColumnWriter, SerializedFileWriter, SerializedRowGroupWriter};

use super::row::{Row, fields};
use crate::cells::write_leaf;
use crate::hashing_writer::HashingWriter;
use crate::metadata::EntryMetadata;

/// Writes rows as a group of a file.
pub(super) fn write_group(
    file: &mut SerializedFileWriter<HashingWriter>,
    rows: &[Row],
    integer: IntegerType,
) -> Result<()> {
    let mut group = file.next_row_group()?;
    write_column(&mut group, rows, |row| MetaValue::Text(Some(&row.metadata.key)))?;
    match integer {
        IntegerType::I64 => write_codes::<Int64Type>(&mut group, rows)?,
        _ => write_codes::<Int32Type>(&mut group, rows)?,
    }
    for index in 0..fields(&EntryMetadata::default()).count() {
        write_column(&mut group, rows, |row| {
            fields(&row.metadata).nth(index).map_or(MetaValue::Flag(None), |field| field.value)
        })?;
    }
    let leaves = rows.first().and_then(|row| row.passed.as_ref()).map_or(0, |cells| cells.leaves.len());
    for index in 0..leaves {
        let mut writer = next_column(&mut group)?;
        let cells = rows.iter().filter_map(|row| row.passed.as_ref()?.leaves.get(index));
        write_leaf(&mut writer, cells)?;
        writer.close()?;
    }
    group.close()?;
    Ok(())
}

fn write_column<'a>(
    group: &mut SerializedRowGroupWriter<'_, HashingWriter>,
    rows: &'a [Row],
    value: impl Fn(&'a Row) -> MetaValue<'a>,
) -> Result<()> {
    macro_rules! write {
        ($type:ty, $kind:ident, $convert:expr) => {{
            let values = rows.iter().map(|row| match value(row) {
                MetaValue::$kind(value) => value.map($convert),
                _ => None,
            });
            write_values::<$type>(group, values)
        }};
    }
    match rows.first().map(&value) {
        Some(MetaValue::Text(_)) => write!(ByteArrayType, Text, ByteArray::from),
        // Rows whose integers exceed the type were rejected.
        Some(MetaValue::Integer(_)) => write!(Int64Type, Integer, |value| value as i64),
        Some(MetaValue::Float(_)) => write!(FloatType, Float, |value| value),
        Some(MetaValue::Double(_)) => write!(DoubleType, Double, |value| value),
        Some(MetaValue::Flag(_)) => write!(BoolType, Flag, |value| value),
        None => Ok(()),
    }
}

/// Writes the next column, in which values may be null.
fn write_values<T: DataType>(
    group: &mut SerializedRowGroupWriter<'_, HashingWriter>,
    column: impl Iterator<Item = Option<T::T>>,
) -> Result<()> {
    let mut writer = next_column(group)?;
    let (mut values, mut defined) = (Vec::new(), Vec::new());
    for value in column {
        defined.push(i16::from(value.is_some()));
        values.extend(value);
    }
    // The writer ignores the levels of a required column.
    writer.typed::<T>().write_batch(&values, Some(&defined), None)?;
    writer.close()
}

/// Writes the lists of lists of codes, one row at a time, which takes 8 bytes of memory per code of the row,
/// and 12 with 64-bit integers.
/// Repetition levels: 0 starts a row, 1 an inner list, 2 continues a list. Definition levels: 0 is a row
/// without lists, 1 an empty list, 2 a value.
fn write_codes<T: DataType<T: From<u16>>>(
    group: &mut SerializedRowGroupWriter<'_, HashingWriter>,
    rows: &[Row],
) -> Result<()> {
    let mut writer = next_column(group)?;
    for Row { codes, .. } in rows {
        let (lists, frames) = (codes.channels() * codes.codebooks(), codes.frames());
        let values: Vec<T::T> = codes.as_slice().iter().map(|&code| code.into()).collect();
        let (mut defined, mut repeated) = (Vec::new(), Vec::new());
        if lists == 0 {
            (defined, repeated) = (vec![0], vec![0]);
        }
        for list in 0..lists {
            defined.resize(defined.len() + frames.max(1), if frames == 0 { 1 } else { 2 });
            repeated.push(i16::from(list > 0));
            repeated.resize(defined.len(), 2);
        }
        writer.typed::<T>().write_batch(&values, Some(&defined), Some(&repeated))?;
    }
    writer.close()
}

fn next_column<'a>(
    group: &'a mut SerializedRowGroupWriter<'_, HashingWriter>,
) -> Result<SerializedColumnWriter<'a>> {
    group.next_column()?.ok_or_else(|| ParquetError::General("the schema has too few columns".to_owned()))
}
