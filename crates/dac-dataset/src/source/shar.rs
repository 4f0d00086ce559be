//! Lhotse Shar: cuts in `cuts.N.jsonl.gz`, and their audio in the same order in `recording.N.tar`.

use std::path::{Path, PathBuf};

use serde_json::{Map, Value};

use super::cuts;
use super::error::SourceError;
use super::kind::Compression;
use super::lines::Lines;
use super::row::{Content, Row};
use super::tar::TarSource;
use super::{Rows, Source, SourceOptions};
use crate::passed::Passed;

/// Rows of a pair of files.
pub(super) struct SharSource {
    path: PathBuf,
    lines: Lines,
    recordings: Source,
}

/// Path of the recordings that belong to a file of cuts.
fn recordings_of(cuts: &Path) -> Option<PathBuf> {
    let name = cuts.file_name()?.to_str()?;
    let number = name.strip_prefix("cuts.")?.split('.').next()?;
    ["tar", "tar.gz"].into_iter().find_map(|end| {
        let path = cuts.with_file_name(format!("recording.{number}.{end}"));
        path.is_file().then_some(path)
    })
}

/// Reports whether a file contains the cuts of a Shar directory.
pub(super) fn is_shar(path: &Path) -> bool {
    recordings_of(path).is_some()
}

impl SharSource {
    pub(super) fn open(path: &Path, options: &SourceOptions) -> Result<Self, SourceError> {
        let missing = || SourceError::content(path, "has no recording.N.tar next to it");
        let recordings = recordings_of(path).ok_or_else(missing)?;
        let compression = |path: &Path| {
            let is_gzip = path.extension().is_some_and(|extension| extension == "gz");
            if is_gzip { Compression::Gzip } else { Compression::None }
        };
        let reader = compression(path).open(path).map_err(|error| SourceError::read(path, error))?;
        let rows = TarSource::open_shar(&recordings, compression(&recordings), options)?;
        Ok(Self {
            path: path.to_owned(),
            lines: Lines::new(reader),
            recordings: Source::new(&recordings, Box::new(rows)),
        })
    }

    fn row_of(&mut self, line: &[u8]) -> Result<Row, SourceError> {
        let position = format!("line {}", self.lines.number);
        let fields: Result<Map<String, Value>, _> = serde_json::from_slice(line);
        // The audio of an invalid cut is skipped.
        let recording = self.recordings.next().transpose();
        let fields = fields.map_err(|error| {
            SourceError::row(&self.path, &position, format!("is not a JSON object: {error}"))
        })?;
        let key = cuts::key(&fields).map_err(|problem| SourceError::row(&self.path, &position, problem))?;
        let recording = recording?.ok_or_else(|| {
            SourceError::content(&self.path, format!("the recordings end before the cut {key}"))
        })?;
        if key != recording.key {
            let problem = format!("the recording of cut {key} is named {}", recording.key);
            return Err(SourceError::content(&self.path, problem));
        }
        let content: Content = recording.content;
        Ok(Row { key, content, passed: Passed::Fields(fields) })
    }
}

impl Rows for SharSource {
    fn next_row(&mut self) -> Result<Option<Row>, SourceError> {
        let line = self.lines.next_line().map_err(|error| SourceError::read(&self.path, error))?;
        line.map(|line| self.row_of(&line)).transpose()
    }
}
