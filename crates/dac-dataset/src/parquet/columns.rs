//! Columns of a parquet file that follow the codes: their schema and values.

use std::iter;

use dac_tokens::{MetaField, MetaKind, MetaValue};

use crate::metadata::EntryMetadata;

/// Number of columns that are present in every row; the others may be null.
const REQUIRED: usize = 4;

/// Lists the values of a row.
pub(super) fn fields(row: &EntryMetadata) -> impl Iterator<Item = MetaField<'_>> {
    let integer = |name, value: usize| field(name, MetaKind::Integer, MetaValue::Integer(value as u64));
    let required: [_; REQUIRED] = [
        integer("channels", row.channels),
        integer("codebooks", row.codebooks.unwrap_or_default()),
        integer("frames", row.frames),
        field("input", MetaKind::Text, MetaValue::Text(&row.input)),
    ];
    required.into_iter().chain(row.meta.fields_with_duration())
}

fn field<'a>(name: &'static str, kind: MetaKind, value: MetaValue<'a>) -> MetaField<'a> {
    MetaField { name, kind, value: Some(value) }
}

/// Formats the columns in the language of parquet schemas.
pub(super) fn schema() -> String {
    let required = iter::repeat_n("required", REQUIRED).chain(iter::repeat("optional"));
    let column = |(field, repetition): (MetaField<'_>, &str)| {
        let (physical_type, annotation) = match field.kind {
            MetaKind::Text => ("binary", " (STRING)"),
            MetaKind::Integer => ("int64", ""),
            MetaKind::Float => ("float", ""),
            MetaKind::Double => ("double", ""),
            MetaKind::Flag => ("boolean", ""),
        };
        format!("    {repetition} {physical_type} {}{annotation};\n", field.name)
    };
    fields(&EntryMetadata::default()).zip(required).map(column).collect()
}
