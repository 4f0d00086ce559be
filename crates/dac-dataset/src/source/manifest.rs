//! Manifests of JSON lines: of NeMo, and cuts of Lhotse.

use std::path::{Component, Path, PathBuf};

use serde_json::{Map, Value};

use super::cuts;
use super::error::SourceError;
use super::kind::Compression;
use super::lines::Lines;
use super::row::{Content, Row, Segment};
use super::{Rows, SourceOptions};
use crate::cut::is_cut;
use crate::passed::Passed;

/// Names of the field with the path, in the order of preference.
pub(super) const PATH_NAMES: [&str; 8] =
    ["audio_filepath", "audio_path", "audio", "path", "file_path", "file_name", "filename", "wav"];

/// Rows of a manifest of JSON lines.
pub(super) struct JsonSource {
    path: PathBuf,
    lines: Lines,
    path_name: Option<String>,
}

impl JsonSource {
    pub(super) fn open(
        path: &Path,
        compression: Compression,
        options: &SourceOptions,
    ) -> Result<Self, SourceError> {
        let reader = compression.open(path).map_err(|error| SourceError::read(path, error))?;
        let path_name = options.column.clone();
        Ok(Self { path: path.to_owned(), lines: Lines::new(reader), path_name })
    }

    fn row_of(&self, line: &[u8]) -> Result<Row, SourceError> {
        let position = format!("line {}", self.lines.number);
        let invalid = |problem: String| SourceError::row(&self.path, &position, problem);
        let fields: Map<String, Value> = serde_json::from_slice(line)
            .map_err(|error| invalid(format!("is not a JSON object: {error}")))?;
        let (key, file, segment) = if is_cut(&fields) {
            cuts::recording(&fields).map_err(invalid)?
        } else {
            self.recording(&fields).map_err(invalid)?
        };
        let path = resolve(&self.path, &file);
        let content = Content::File { path, segment };
        Ok(Row { key, content, passed: Passed::Fields(fields) })
    }

    /// Key, path and segment of a line of NeMo.
    fn recording(&self, fields: &Map<String, Value>) -> Result<(String, String, Option<Segment>), String> {
        let names: Vec<&str> = match &self.path_name {
            Some(name) => vec![name],
            None => PATH_NAMES.to_vec(),
        };
        let file = names.iter().find_map(|name| fields.get(*name)?.as_str());
        let file = file.ok_or_else(|| {
            let found: Vec<_> = fields.keys().map(String::as_str).take(20).collect();
            format!("has no path of an audio file; found {}, expected {}", found.join(", "), names.join(", "))
        })?;
        let offset = number(fields, "offset")?;
        let duration = number(fields, "duration")?;
        // Without an offset, the duration describes the whole file.
        let segment = match offset {
            Some(start_seconds) => Some(Segment::checked(start_seconds, duration)?),
            None => None,
        };
        Ok((key_of(file, segment), file.to_owned(), segment))
    }
}

impl Rows for JsonSource {
    fn next_row(&mut self) -> Result<Option<Row>, SourceError> {
        let line = self.lines.next_line().map_err(|error| SourceError::read(&self.path, error))?;
        line.map(|line| self.row_of(&line)).transpose()
    }
}

/// Number in a field; null is the same as a missing field.
pub(super) fn number(fields: &Map<String, Value>, name: &str) -> Result<Option<f64>, String> {
    match fields.get(name) {
        None | Some(Value::Null) => Ok(None),
        Some(value) => match value.as_f64() {
            Some(number) => Ok(Some(number)),
            None => Err(format!("{name} is {value}, expected a number of seconds")),
        },
    }
}

/// Resolves a path against the directory of the manifest.
pub(super) fn resolve(manifest: &Path, file: &str) -> PathBuf {
    manifest.parent().unwrap_or(Path::new("")).join(file)
}

/// Key of a recording or of its segment, whose times are in milliseconds.
pub(super) fn key_of(file: &str, segment: Option<Segment>) -> String {
    let path = Path::new(file).with_extension("");
    let parts = path.components().filter_map(|part| match part {
        Component::Normal(part) => Some(part.to_string_lossy()),
        _ => None,
    });
    let mut key = parts.collect::<Vec<_>>().join("/");
    if let Some(Segment { start_seconds, duration_seconds }) = segment {
        let milliseconds = |seconds: f64| (seconds * 1000.0).round();
        key += &format!("-{:09}", milliseconds(start_seconds));
        if let Some(duration) = duration_seconds {
            key += &format!("-{:09}", milliseconds(duration));
        }
    }
    key
}

impl Segment {
    /// Checks start and length in seconds.
    pub(super) fn checked(start_seconds: f64, duration_seconds: Option<f64>) -> Result<Self, String> {
        if !(start_seconds.is_finite() && start_seconds >= 0.0) {
            return Err(format!("the segment starts at {start_seconds} s, expected 0 or more"));
        }
        match duration_seconds {
            Some(duration) if !(duration.is_finite() && duration > 0.0) => {
                Err(format!("the segment has {duration} s, expected more than 0"))
            }
            _ => Ok(Self { start_seconds, duration_seconds }),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_contain_path_and_times() {
        assert_eq!(key_of("/data/a/b.flac", None), "data/a/b");
        let segment = Segment::checked(1.5, Some(2.0004)).unwrap();
        assert_eq!(key_of("../x.wav", Some(segment)), "x-000001500-000002000");
        assert!(Segment::checked(-1.0, None).is_err() && Segment::checked(0.0, Some(0.0)).is_err());
    }
}
