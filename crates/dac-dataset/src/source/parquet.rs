//! Parquet files with a column of audio. Row groups are read page by page, so that memory does not depend on
//! their size.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use parquet::basic::{ConvertedType, Type as PhysicalType};
use parquet::column::reader::ColumnReader;
use parquet::errors::ParquetError;
use parquet::file::reader::{FileReader, SerializedFileReader};
use parquet::record::reader::RowIter;
use parquet::schema::types::{Type, TypePtr};
use serde_json::Value;

use super::blob::Blob;
use super::columns::{failed, features, open, to_object};
use super::error::SourceError;
use super::manifest::resolve;
use super::page_sizes::PageSizes;
use super::row::{Content, Row};
use super::{Rows, SourceOptions};
use crate::cells::{Cells, Leaf, PassedColumns};
use crate::passed::Passed;

/// Names of the column with the audio, in the order of preference.
const AUDIO_NAMES: [&str; 6] = ["audio", "wav", "speech", "flac", "mp3", "bytes"];

/// Rows of a parquet file.
pub(super) struct ParquetSource {
    path: PathBuf,
    reader: SerializedFileReader<File>,
    sizes: PageSizes,
    audio: AudioColumn,
    /// Leaves that keep their types.
    passed_leaves: Vec<usize>,
    columns: Arc<PassedColumns>,
    /// Other columns, converted to JSON; `None` if they keep their types.
    json: Option<RowIter<'static>>,
    next_group: usize,
    open: Option<OpenGroup>,
    row: u64,
}

/// Leaves of the column with the audio.
struct AudioColumn {
    bytes: usize,
    path: Option<usize>,
}

/// Readers of a row group.
struct OpenGroup {
    rows_left: i64,
    bytes: ColumnReader,
    path: Option<ColumnReader>,
    passed: Vec<ColumnReader>,
}

impl ParquetSource {
    pub(super) fn open(path: &Path, options: &SourceOptions) -> Result<Self, SourceError> {
        let reader = open(path)?;
        let features = features(&reader);
        let metadata = reader.metadata().file_metadata();
        let root = metadata.schema_descr().root_schema_ptr();
        let is_audio = |column: &&TypePtr| {
            let feature = features.get(column.name()).and_then(|feature| feature.get("_type"));
            feature.and_then(Value::as_str) == Some("Audio")
        };
        let columns = root.get_fields();
        let named = |name: &str| columns.iter().find(|column| column.name() == name);
        let chosen = match &options.column {
            Some(name) => named(name),
            None => columns.iter().find(is_audio).or_else(|| AUDIO_NAMES.iter().find_map(|name| named(name))),
        };
        let chosen = chosen.ok_or_else(|| {
            let found: Vec<_> = columns.iter().map(|column| column.name()).collect();
            let expected = options.column.clone().unwrap_or_else(|| AUDIO_NAMES.join(", "));
            let problem = format!(
                "has no column with audio; found {}; expected {expected}; name it with --audio-column",
                found.join(", ")
            );
            SourceError::content(path, problem)
        })?;
        let descriptor = metadata.schema_descr();
        let (mut audio, mut passed_leaves) = ((None, None), Vec::new());
        for index in 0..descriptor.num_columns() {
            let leaf = descriptor.column(index);
            let parts = leaf.path().parts();
            if parts.first().map(String::as_str) != Some(chosen.name()) {
                passed_leaves.push(index);
            } else if leaf.max_rep_level() == 0 && leaf.physical_type() == PhysicalType::BYTE_ARRAY {
                let is_text = leaf.converted_type() == ConvertedType::UTF8;
                match parts.get(1).map(String::as_str) {
                    None if is_text => audio.1 = Some(index),
                    None | Some("bytes") => audio.0 = Some(index),
                    Some("path") => audio.1 = Some(index),
                    Some(_) => {}
                }
            }
        }
        let (Some(bytes), text) = (audio.0.or(audio.1), audio.1) else {
            let problem = format!(
                "the column {} does not contain audio: found {}, expected bytes, or a struct of bytes and \
                 path",
                chosen.name(),
                kind_of(chosen)
            );
            return Err(SourceError::content(path, problem));
        };
        let others: Vec<_> =
            columns.iter().filter(|column| column.name() != chosen.name()).cloned().collect();
        let json = if options.columns_as_json && !others.is_empty() {
            let projection = Type::group_type_builder(root.name()).with_fields(others.clone()).build();
            let rows = projection.and_then(|projection| {
                RowIter::from_file_into(Box::new(SerializedFileReader::new(reopen(path)?)?))
                    .project(Some(projection))
            });
            Some(rows.map_err(|error| failed(path, &error))?.with_batch_size(1))
        } else {
            None
        };
        let mut known = features.clone();
        known.retain(|name, _| others.iter().any(|column| column.name() == name));
        let columns = Arc::new(PassedColumns { fields: others, features: known });
        Ok(Self {
            path: path.to_owned(),
            audio: AudioColumn { bytes, path: text },
            passed_leaves: if options.columns_as_json { Vec::new() } else { passed_leaves },
            sizes: PageSizes::open(path, reader.metadata())?,
            reader,
            columns,
            json,
            next_group: 0,
            open: None,
            row: 0,
        })
    }

    /// Opens the next row group with rows; `None` at the end of the file.
    fn group(&mut self) -> Result<Option<&mut OpenGroup>, ParquetError> {
        while self.open.as_ref().is_none_or(|open| open.rows_left <= 0) {
            if self.next_group >= self.reader.num_row_groups() {
                return Ok(None);
            }
            let group = self.reader.get_row_group(self.next_group)?;
            self.next_group += 1;
            let passed = self.passed_leaves.iter().map(|index| group.get_column_reader(*index));
            self.open = Some(OpenGroup {
                rows_left: group.metadata().num_rows(),
                bytes: group.get_column_reader(self.audio.bytes)?,
                path: self.audio.path.map(|index| group.get_column_reader(index)).transpose()?,
                passed: passed.collect::<Result<_, _>>()?,
            });
        }
        Ok(self.open.as_mut())
    }
}

impl Rows for ParquetSource {
    fn next_row(&mut self) -> Result<Option<Row>, SourceError> {
        self.sizes.check_up_to(self.row)?;
        let read = self.group().and_then(|group| {
            let Some(group) = group else { return Ok(None) };
            group.rows_left -= 1;
            let bytes = Leaf::read(&mut group.bytes)?;
            let path = group.path.as_mut().map(Leaf::read).transpose()?;
            let passed = group.passed.iter_mut().map(Leaf::read).collect::<Result<Vec<_>, _>>()?;
            Ok(Some((bytes, path, passed)))
        });
        let read = read.map_err(|error| failed(&self.path, &error))?;
        let Some((bytes, file, leaves)) = read else { return Ok(None) };
        let fields = match self.json.as_mut().map(Iterator::next) {
            Some(Some(Ok(row))) => Some(to_object(row)),
            Some(Some(Err(error))) => return Err(failed(&self.path, &error)),
            Some(None) => return Err(SourceError::content(&self.path, "its columns differ in their length")),
            None => None,
        };
        let key = format!("{:09}", self.row);
        self.row += 1;
        let file = file.as_ref().and_then(Leaf::only_bytes);
        let file = file
            .map(|file| String::from_utf8_lossy(file.data()).into_owned())
            .filter(|file| !file.is_empty());
        let has_bytes = Some(self.audio.bytes) != self.audio.path;
        let content = match (bytes.only_bytes().filter(|_| has_bytes), file) {
            (Some(bytes), file) => {
                let name = name_of(&key, file.as_deref(), bytes.data());
                Content::Bytes { name, blob: Blob::from(bytes.data().to_vec()) }
            }
            (None, Some(file)) => Content::File { path: resolve(&self.path, &file), segment: None },
            (None, None) => {
                return Err(SourceError::row(&self.path, key, "has no audio: bytes and path are null"));
            }
        };
        let passed = match fields {
            Some(fields) => Passed::Fields(fields),
            None if leaves.is_empty() => Passed::Nothing,
            None => Passed::Columns(Cells { columns: Arc::clone(&self.columns), leaves }),
        };
        Ok(Some(Row { key, content, passed }))
    }
}

fn reopen(path: &Path) -> Result<File, ParquetError> {
    File::open(path).map_err(|error| ParquetError::External(Box::new(error)))
}

fn kind_of(column: &Type) -> String {
    if !column.is_group() {
        return format!("{}", column.get_physical_type());
    }
    let names: Vec<_> = column.get_fields().iter().map(|field| field.name()).collect();
    format!("a group of {}", names.join(", "))
}

/// Name of the audio of a row. Its extension is that of the stored path; for MPEG audio, which has no
/// signature, it is derived from the first bytes.
fn name_of(key: &str, file: Option<&str>, bytes: &[u8]) -> String {
    let extension = file.and_then(|file| Path::new(file).extension()).map(|found| found.to_string_lossy());
    let guessed = match bytes {
        [b'I', b'D', b'3', ..] => Some("mp3".into()),
        [0xff, second, ..] if second & 0xf6 == 0xf0 => Some("aac".into()),
        [0xff, second, ..] if second & 0xe0 == 0xe0 => Some("mp3".into()),
        _ => None,
    };
    match extension.or(guessed) {
        Some(extension) => format!("{key}.{extension}"),
        None => key.to_owned(),
    }
}
