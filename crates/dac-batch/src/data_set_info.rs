//! Descriptions of data sets: what a pack or a collection of audio contains.

use std::collections::BTreeSet;
use std::path::Path;

use dac::audio::AUDIO_EXTENSIONS;
use dac::tokens::{Format, TokenReader};
use dac_dataset::{Content, Row, Source, SourceError, SourceKind, SourceOptions};

/// Content of a data set.
#[derive(Debug, Clone, Default, PartialEq)]
#[non_exhaustive]
pub struct DataSetInfo {
    /// Whether it contains tokens; else it contains audio, or paths of audio.
    pub is_pack: bool,
    /// Number of entries.
    pub entries: usize,
    /// Number of entries that cannot be read, and the first reason.
    pub invalid: usize,
    /// Why the first invalid entry, or the rest of a damaged file, cannot be read.
    pub first_error: Option<String>,
    /// Key of the first entry.
    pub first_key: Option<String>,
    /// Models of the tokens.
    pub models: BTreeSet<String>,
    /// Numbers of codebooks of the tokens.
    pub codebooks: BTreeSet<usize>,
    /// Frames of all tokens.
    pub frames: u64,
    /// Duration of all tokens whose duration is known.
    pub audio_seconds: f64,
}

/// Reads a data set to its end and describes it. `None` if the name is not that of a data set.
///
/// # Errors
/// When the file cannot be opened, or is not a data set.
pub fn describe_data_set(path: &Path) -> Option<Result<DataSetInfo, SourceError>> {
    let (kind, _) = SourceKind::of_name(path)?;
    Some(describe(path, kind))
}

fn describe(path: &Path, kind: SourceKind) -> Result<DataSetInfo, SourceError> {
    let tokens = Format::ALL.map(Format::extension);
    let extensions = tokens.into_iter().chain(AUDIO_EXTENSIONS).collect();
    let mut options = SourceOptions { extensions, reads_codes: true, ..SourceOptions::default() };
    let source = Source::open(path, kind, &options).or_else(|error| {
        options.reads_codes = false;
        if matches!(kind, SourceKind::Parquet | SourceKind::Shar) {
            Source::open(path, kind, &options)
        } else {
            Err(error)
        }
    })?;
    let mut info = DataSetInfo::default();
    for row in source {
        match row {
            Ok(row) => info.add(&row),
            Err(error) => info.add_error(error.to_string()),
        }
    }
    Ok(info)
}

impl DataSetInfo {
    fn add(&mut self, row: &Row) {
        self.entries += 1;
        if self.first_key.is_none() {
            self.first_key = Some(row.key.clone());
        }
        let Content::Bytes { name, blob } = &row.content else { return };
        let is_token_file =
            Format::ALL.iter().any(|format| name.ends_with(&format!(".{}", format.extension())));
        if !is_token_file {
            return;
        }
        self.is_pack = true;
        match TokenReader::open(blob.open()) {
            Ok(reader) => {
                let tokens = reader.info();
                let meta = tokens.meta.clone().or(row.passed.token_meta());
                self.frames += tokens.frames() as u64;
                self.audio_seconds += meta.audio_seconds().unwrap_or(0.0);
                self.models.extend(meta.model);
                self.codebooks.extend(tokens.codes.map(|[_, codebooks, _]| codebooks));
            }
            Err(error) => self.add_error(format!("{name}: {error}")),
        }
    }

    fn add_error(&mut self, error: String) {
        self.invalid += 1;
        self.first_error.get_or_insert(error);
    }
}
