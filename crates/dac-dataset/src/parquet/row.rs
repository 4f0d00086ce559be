//! A row of a parquet file: codes and metadata that fit its columns.

use std::iter;
use std::sync::Arc;

use dac_rvq::Codes;
use dac_tokens::{MetaField, MetaValue, TokenFile};

use crate::cells::{Cells, PassedColumns};
use crate::error::PackError;
use crate::metadata::{EntryMetadata, typed};

/// Number of columns after the codes that are present in every row; the others may be null.
const REQUIRED: usize = 4;

/// A row, checked to fit the columns.
#[derive(Debug)]
pub(crate) struct Row {
    pub(super) metadata: EntryMetadata,
    pub(super) codes: Codes,
    /// Other columns; the same ones in all rows of a file.
    pub(super) passed: Option<Cells>,
}

impl Row {
    /// # Errors
    /// Fails if there are arrays other than codes, or a number does not fit its column.
    pub(crate) fn new(
        metadata: EntryMetadata,
        tokens: TokenFile,
        passed: Option<Cells>,
    ) -> Result<Self, PackError> {
        if tokens.z.is_some() || tokens.latents.is_some() {
            return Err(PackError::NotCodes { kind: "parquet", found: "z or latents" });
        }
        let Some(codes) = tokens.codes else {
            return Err(PackError::NotCodes { kind: "parquet", found: "no codes" });
        };
        for field in fields(&metadata) {
            if let MetaValue::Integer(Some(found)) = field.value
                && i64::try_from(found).is_err()
            {
                return Err(PackError::TooLarge { what: field.name, found });
            }
        }
        Ok(Self { metadata, codes, passed })
    }

    /// Columns that pass through.
    pub(crate) fn columns(&self) -> Option<Arc<PassedColumns>> {
        self.passed.as_ref().map(|cells| Arc::clone(&cells.columns))
    }

    /// Largest number of bytes that the row adds to the file: codes and texts without compression.
    pub(super) fn bytes(&self) -> u64 {
        let text = fields(&self.metadata).filter_map(|field| match field.value {
            MetaValue::Text(Some(text)) => Some(text.len() + 4),
            _ => None,
        });
        let text = self.metadata.key.len() + 4 + text.sum::<usize>();
        let lists = self.codes.channels() * self.codes.codebooks();
        let passed = self.passed.as_ref().map_or(0, Cells::bytes);
        (self.codes.as_slice().len() * 2 + lists * 4 + text + 128) as u64 + passed
    }
}

/// Lists the values of the columns that follow the codes.
pub(super) fn fields(row: &EntryMetadata) -> impl Iterator<Item = MetaField<'_>> {
    let integer = |value: usize| MetaValue::Integer(Some(value as u64));
    let required: [_; REQUIRED] = [
        ("channels", integer(row.channels)),
        ("codebooks", integer(row.codebooks.unwrap_or_default())),
        ("frames", integer(row.frames)),
        ("input", MetaValue::Text(Some(&row.input))),
    ];
    let required = required.map(|(name, value)| MetaField { name, value });
    required.into_iter().chain(row.meta.fields_with_duration().map(typed))
}

/// Formats the columns that follow the codes in the language of parquet schemas.
pub(super) fn schema() -> String {
    let repetitions = iter::repeat_n("required", REQUIRED).chain(iter::repeat("optional"));
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
    fields(&EntryMetadata::default()).zip(repetitions).map(column).collect()
}
