//! Our own packs: tokens and their metadata.

use std::path::{Path, PathBuf};

use dac_rvq::Codes;
use dac_tokens::{Format, TokenFile, WriteOptions};
use parquet::file::reader::{FileReader, SerializedFileReader};
use parquet::record::reader::RowIter;
use parquet::record::{Field, Row as ParquetRow};
use serde_json::Value;

use super::Rows;
use super::blob::Blob;
use super::columns::{failed, open, to_object};
use super::error::SourceError;
use super::page_sizes::PageSizes;
use super::row::{Content, Row};
use crate::metadata::token_meta;
use crate::passed::Passed;

/// Rows of a parquet file with a column `codes`.
pub(super) struct PackSource {
    path: PathBuf,
    sizes: PageSizes,
    rows: RowIter<'static>,
    row: u64,
}

impl PackSource {
    pub(super) fn open(path: &Path) -> Result<Self, SourceError> {
        let reader: SerializedFileReader<_> = open(path)?;
        let root = reader.metadata().file_metadata().schema_descr().root_schema_ptr();
        let names: Vec<_> = root.get_fields().iter().map(|column| column.name()).collect();
        if !names.contains(&"codes") {
            let problem =
                format!("has no column codes, so it is not a pack of tokens; found {}", names.join(", "));
            return Err(SourceError::content(path, problem));
        }
        let sizes = PageSizes::open(path, reader.metadata())?;
        let rows = RowIter::from_file_into(Box::new(reader)).with_batch_size(1);
        Ok(Self { path: path.to_owned(), sizes, rows, row: 0 })
    }

    fn row_of(&self, row: ParquetRow) -> Result<Row, SourceError> {
        let (codes, others): (Vec<_>, Vec<_>) =
            row.into_columns().into_iter().partition(|(name, _)| name == "codes");
        let fields = to_object(ParquetRow::new(others));
        let key = match fields.get("key").and_then(Value::as_str) {
            Some(key) if !key.is_empty() => key.to_owned(),
            _ => format!("{:09}", self.row),
        };
        let channels = fields.get("channels").and_then(Value::as_u64).unwrap_or(1);
        let codes = codes.into_iter().next().map(|(_, codes)| codes);
        let codes = codes_of(codes.unwrap_or(Field::Null), channels);
        let codes = codes.map_err(|problem| SourceError::row(&self.path, &key, problem))?;
        // As a token file, which is how all tokens are decoded.
        let mut meta = token_meta(fields.clone());
        // In a layout for language models, there may be larger tokens.
        meta.codebook_size = meta.codebook_size.filter(|size| codes.check_range(*size).is_ok());
        let (tokens, mut bytes) = (TokenFile::of_codes(codes, meta), Vec::new());
        let written = tokens.write_to(&mut bytes, Format::Safetensors, &WriteOptions::default());
        written.map_err(|error| SourceError::row(&self.path, &key, error.to_string()))?;
        let content = Content::Bytes { name: format!("{key}.safetensors"), blob: Blob::from(bytes) };
        Ok(Row { key, content, passed: Passed::Fields(fields) })
    }
}

impl Rows for PackSource {
    fn next_row(&mut self) -> Result<Option<Row>, SourceError> {
        self.sizes.check_up_to(self.row)?;
        let Some(row) = self.rows.next() else { return Ok(None) };
        let row = self.row_of(row.map_err(|error| failed(&self.path, &error))?);
        self.row += 1;
        row.map(Some)
    }
}

/// Codes of a list of lists, which are the codebooks of channel 0, then those of channel 1.
fn codes_of(field: Field, channels: u64) -> Result<Codes, String> {
    let expected = || "codes are not a list of lists of integers".to_owned();
    let Field::ListInternal(lists) = field else { return Err(expected()) };
    let (mut values, mut frames) = (Vec::new(), None);
    for list in lists.elements() {
        let Field::ListInternal(list) = list else { return Err(expected()) };
        if *frames.get_or_insert(list.len()) != list.len() {
            return Err(format!("codes have lists of {} and {} values", frames.unwrap_or(0), list.len()));
        }
        for value in list.elements() {
            let value = match value {
                Field::UShort(value) => i64::from(*value),
                Field::Int(value) => i64::from(*value),
                Field::UInt(value) => i64::from(*value),
                Field::Long(value) => *value,
                _ => return Err(expected()),
            };
            values.push(u16::try_from(value).map_err(|_| format!("code {value} is not from 0 to 65535"))?);
        }
    }
    let channels = usize::try_from(channels).unwrap_or(usize::MAX);
    if channels == 0 || lists.len() % channels != 0 {
        return Err(format!("{} lists of codes do not fit {channels} channels", lists.len()));
    }
    Codes::new(values, [channels, lists.len() / channels, frames.unwrap_or(0)])
        .map_err(|error| error.to_string())
}
