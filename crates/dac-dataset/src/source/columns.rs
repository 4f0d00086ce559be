//! Parquet files that are opened: their columns, and the conversion of values to JSON.

use std::fs::File;
use std::path::Path;

use parquet::errors::ParquetError;
use parquet::file::reader::{FileReader, SerializedFileReader};
use parquet::record::{Field, Row as ParquetRow};
use serde_json::{Map, Number, Value};

use super::error::SourceError;
use super::footer;
use crate::features::{self, features_of};

/// Opens a parquet file.
pub(super) fn open(path: &Path) -> Result<SerializedFileReader<File>, SourceError> {
    let file = File::open(path).map_err(|error| SourceError::read(path, error))?;
    footer::check(&file).map_err(|error| {
        SourceError::content(
            path,
            format!("is damaged or not a parquet file: its footer is invalid: {error}"),
        )
    })?;
    SerializedFileReader::new(file).map_err(|error| failed(path, &error))
}

pub(super) fn failed(path: &Path, error: &ParquetError) -> SourceError {
    SourceError::content(path, format!("is damaged or not a parquet file: {error}"))
}

/// Features that the Hugging Face library stored, by column.
pub(super) fn features(reader: &SerializedFileReader<File>) -> Map<String, Value> {
    let metadata = reader.metadata().file_metadata().key_value_metadata();
    let entry = metadata.and_then(|entries| entries.iter().find(|entry| entry.key == features::KEY));
    entry.and_then(|entry| entry.value.as_deref()).map(features_of).unwrap_or_default()
}

/// Converts a row to a JSON object.
pub(super) fn to_object(row: ParquetRow) -> Map<String, Value> {
    row.into_columns().into_iter().map(|(name, field)| (name, to_json(field))).collect()
}

/// Converts a value to JSON. Bytes become a list of numbers, as Python's JSON of a numpy array.
fn to_json(field: Field) -> Value {
    let float = |value: f64| Number::from_f64(value).map_or(Value::Null, Value::Number);
    match field {
        Field::Null => Value::Null,
        Field::Bool(value) => value.into(),
        Field::Byte(value) => value.into(),
        Field::Short(value) => value.into(),
        Field::Int(value) | Field::Date(value) | Field::TimeMillis(value) => value.into(),
        Field::Long(value)
        | Field::TimeMicros(value)
        | Field::TimestampMillis(value)
        | Field::TimestampMicros(value) => value.into(),
        Field::UByte(value) => value.into(),
        Field::UShort(value) => value.into(),
        Field::UInt(value) => value.into(),
        Field::ULong(value) => value.into(),
        Field::Float16(value) => float(value.to_f64()),
        // As text, so that 0.1 does not become 0.10000000149.
        Field::Float(value) => value.to_string().parse().map_or(Value::Null, float),
        Field::Double(value) => float(value),
        Field::Str(value) => value.into(),
        Field::Bytes(value) => value.data().iter().map(|byte| Value::from(*byte)).collect(),
        Field::Group(row) => Value::Object(to_object(row)),
        Field::ListInternal(list) => list.elements().iter().cloned().map(to_json).collect(),
        Field::MapInternal(map) => {
            let pair = |(key, value): &(Field, Field)| {
                let key = match to_json(key.clone()) {
                    Value::String(text) => text,
                    other => other.to_string(),
                };
                (key, to_json(value.clone()))
            };
            Value::Object(map.entries().iter().map(pair).collect())
        }
        other => Value::String(other.to_string()),
    }
}
