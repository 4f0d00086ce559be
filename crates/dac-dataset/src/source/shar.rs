//! Lhotse Shar: cuts in `cuts.N.jsonl.gz`, and their audio or codes in the same order in `recording.N.tar` or
//! `codes.N.tar`.

use std::path::{Path, PathBuf};

use serde_json::{Map, Value};

use super::cuts;
use super::error::SourceError;
use super::kind::Compression;
use super::lines::Lines;
use super::row::{Content, Row};
use super::tar::TarSource;
use super::{Rows, Source, SourceOptions};
use crate::cut::{CODES, metadata_of};
use crate::passed::Passed;

/// Field with the audio.
const RECORDING: &str = "recording";
/// Ends of the names of cuts, and of archives.
const CUTS_ENDS: [&str; 2] = [".jsonl.gz", ".jsonl"];
const TAR_ENDS: [&str; 2] = [".tar", ".tar.gz"];

/// Rows of a pair of files.
pub(super) struct SharSource {
    path: PathBuf,
    lines: Lines,
    archive: Source,
    reads_codes: bool,
}

/// Field and number of a file with one of these ends.
fn field_and_number<'a>(path: &'a Path, ends: &[&str]) -> Option<(&'a str, &'a str)> {
    let name = path.file_name()?.to_str()?;
    let stem = ends.iter().find_map(|end| name.strip_suffix(end))?;
    stem.split_once('.').filter(|(field, number)| !field.is_empty() && !number.is_empty())
}

/// File of another field with the same number.
fn neighbour(path: &Path, field: &str, number: &str, ends: &[&str]) -> Option<PathBuf> {
    let path = |end: &&str| path.with_file_name(format!("{field}.{number}{end}"));
    ends.iter().map(path).find(|path| path.is_file())
}

/// Cuts that an archive belongs to.
fn cuts_of(archive: &Path) -> Option<PathBuf> {
    let (_, number) = field_and_number(archive, &TAR_ENDS)?;
    neighbour(archive, "cuts", number, &CUTS_ENDS)
}

/// Archive of a field of cuts.
fn archive_of(cuts: &Path, field: &str) -> Option<PathBuf> {
    let (_, number) = field_and_number(cuts, &CUTS_ENDS).filter(|(name, _)| *name == "cuts")?;
    neighbour(cuts, field, number, &TAR_ENDS)
}

/// Reports whether a file contains the cuts of a Shar directory with audio or codes, or is an archive of
/// codes.
pub(super) fn is_shar(path: &Path) -> bool {
    let is_codes = |path: &Path| field_and_number(path, &TAR_ENDS).is_some_and(|(field, _)| field == CODES);
    archive_of(path, RECORDING).or_else(|| archive_of(path, CODES)).is_some()
        || is_codes(path) && cuts_of(path).is_some()
}

/// Reports whether a file is an archive that belongs to the cuts of a Shar directory.
pub(super) fn is_archive(path: &Path) -> bool {
    cuts_of(path).is_some()
}

impl SharSource {
    pub(super) fn open(path: &Path, options: &SourceOptions) -> Result<Self, SourceError> {
        let path = &cuts_of(path).unwrap_or_else(|| path.to_owned());
        let field = if options.reads_codes { CODES } else { RECORDING };
        let missing = || SourceError::content(path, format!("has no {field}.N.tar next to it"));
        let archive = archive_of(path, field).ok_or_else(missing)?;
        let compression = |path: &Path| {
            let is_gzip = path.extension().is_some_and(|extension| extension == "gz");
            if is_gzip { Compression::Gzip } else { Compression::None }
        };
        let reader = compression(path).open(path).map_err(|error| SourceError::read(path, error))?;
        let rows = TarSource::open_shar(&archive, compression(&archive), options)?;
        Ok(Self {
            path: path.to_owned(),
            lines: Lines::new(reader),
            archive: Source::new(&archive, Box::new(rows)),
            reads_codes: options.reads_codes,
        })
    }

    fn row_of(&mut self, line: &[u8]) -> Result<Row, SourceError> {
        let position = format!("line {}", self.lines.number);
        let fields: Result<Map<String, Value>, _> = serde_json::from_slice(line);
        // The member of an invalid cut is skipped.
        let member = self.archive.next().transpose();
        let fields = fields.map_err(|error| {
            SourceError::row(&self.path, &position, format!("is not a JSON object: {error}"))
        })?;
        let key = cuts::key(&fields).map_err(|problem| SourceError::row(&self.path, &position, problem))?;
        let member = member?.ok_or_else(|| {
            SourceError::content(&self.path, format!("its archive ends before the cut {key}"))
        })?;
        if key != member.key {
            let problem = format!("the member of cut {key} is named {}", member.key);
            return Err(SourceError::content(&self.path, problem));
        }
        let content: Content = member.content;
        let fields = if self.reads_codes { metadata_of(fields) } else { fields };
        Ok(Row { key, content, passed: Passed::Fields(fields) })
    }
}

impl Rows for SharSource {
    fn next_row(&mut self) -> Result<Option<Row>, SourceError> {
        let line = self.lines.next_line().map_err(|error| SourceError::read(&self.path, error))?;
        line.map(|line| self.row_of(&line)).transpose()
    }
}
