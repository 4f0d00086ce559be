//! Columns of a parquet file that follow the codes: their schema and values.

use std::iter;

use dac_tokens::{MetaField, MetaValue};

use crate::metadata::EntryMetadata;

/// Number of columns that are present in every row; the others may be null.
const REQUIRED: usize = 4;

/// Lists the values of a row.
pub(super) fn fields(row: &EntryMetadata) -> impl Iterator<Item = MetaField<'_>> {
    let integer = |value: usize| MetaValue::Integer(Some(value as u64));
    let required: [_; REQUIRED] = [
        ("channels", integer(row.channels)),
        ("codebooks", integer(row.codebooks.unwrap_or_default())),
        ("frames", integer(row.frames)),
        ("input", MetaValue::Text(Some(&row.input))),
    ];
    let required = required.map(|(name, value)| MetaField { name, value });
    required.into_iter().chain(row.meta.fields_with_duration())
}

/// Formats the columns in the language of parquet schemas.
pub(super) fn schema() -> String {
    let required = iter::repeat_n("required", REQUIRED).chain(iter::repeat("optional"));
    let column = |(MetaField { name, value }, repetition): (MetaField<'_>, &str)| {
        let (physical_type, annotation) = match value {
            MetaValue::Text(_) => ("binary", " (STRING)"),
            MetaValue::Integer(_) => ("int64", ""),
            MetaValue::Float(_) => ("float", ""),
            MetaValue::Double(_) => ("double", ""),
            MetaValue::Flag(_) => ("boolean", ""),
        };
        format!("    {repetition} {physical_type} {name}{annotation};\n")
    };
    fields(&EntryMetadata::default()).zip(required).map(column).collect()
}
