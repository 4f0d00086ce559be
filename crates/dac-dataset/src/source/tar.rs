//! WebDataset tar archives: adjacent members of the same key are one row.

use std::io::{self, Read};
use std::path::{Path, PathBuf};

use tar::{Archive, EntryType};

use super::blob::Blob;
use super::error::SourceError;
use super::kind::Compression;
use super::row::{Content, Row};
use super::{Rows, SourceOptions};
use crate::passed::{Member, Passed};

/// Largest member that passes through.
const MAX_PASSED_BYTES: u64 = 16 << 20;
/// Most members of a key.
const MAX_MEMBERS: usize = 256;
/// Longest name of a member.
const MAX_NAME_BYTES: usize = 4096;

/// Bytes of a block of an archive.
const BLOCK_BYTES: u64 = 512;

/// Splits the name of a member into key and extension; `None` for a member that is skipped.
type SplitName = fn(&str) -> Option<(String, String)>;

/// Rows of a tar archive. Its members are read in order, so that it can be compressed.
pub(super) struct TarSource {
    path: PathBuf,
    reader: Box<dyn Read + Send>,
    extensions: Vec<&'static str>,
    split: SplitName,
    /// First member of the next row.
    next: Option<Found>,
    /// Failure that ends the archive after the rows before it.
    failure: Option<Failure>,
    rows: usize,
}

/// Why the next member cannot be read.
struct Failure {
    /// Key of the member, if its name was read.
    key: Option<String>,
    error: io::Error,
}

impl From<io::Error> for Failure {
    fn from(error: io::Error) -> Self {
        Self { key: None, error }
    }
}

/// A member that was read.
struct Found {
    key: String,
    extension: String,
    content: Blob,
}

impl TarSource {
    pub(super) fn open(
        path: &Path,
        compression: Compression,
        options: &SourceOptions,
    ) -> Result<Self, SourceError> {
        Self::open_with(path, compression, options, key_and_extension)
    }

    /// Opens an archive of Lhotse, whose keys may have dots.
    pub(super) fn open_shar(
        path: &Path,
        compression: Compression,
        options: &SourceOptions,
    ) -> Result<Self, SourceError> {
        Self::open_with(path, compression, options, |name| {
            let (key, extension) = name.rsplit_once('.')?;
            Some((key.to_owned(), extension.to_owned()))
        })
    }

    fn open_with(
        path: &Path,
        compression: Compression,
        options: &SourceOptions,
        split: SplitName,
    ) -> Result<Self, SourceError> {
        let reader = compression.open(path).map_err(|error| SourceError::read(path, error))?;
        let extensions = options.extensions.clone();
        Ok(Self { path: path.to_owned(), reader, extensions, split, next: None, failure: None, rows: 0 })
    }

    /// Reads up to the next member that belongs to a row; `None` at the end of the archive.
    fn next_member(&mut self) -> Result<Option<Found>, Failure> {
        loop {
            // An archive borrows its entries from itself. A new one for each member reads on where the last
            // one ended, and takes the blocks with long names too.
            let mut archive = Archive::new(&mut self.reader);
            let Some(entry) = archive.entries()?.next() else { return Ok(None) };
            let mut entry = entry?;
            let (size, kind) = (entry.size(), entry.header().entry_type());
            let name = String::from_utf8_lossy(&entry.path_bytes()).into_owned();
            let split = if kind.is_file() { (self.split)(&name) } else { None };
            let key = split.as_ref().map(|(key, _)| key.clone());
            let failed = |error| Failure { key: key.clone(), error };
            if kind == EntryType::GNUSparse {
                let text = format!("the member {name} is sparse, which is not supported");
                return Err(failed(io::Error::new(io::ErrorKind::InvalidData, text)));
            }
            let found = match split {
                Some((key, extension)) => {
                    let content = Blob::copy(&mut entry).map_err(failed)?;
                    check_length(&name, content.bytes(), size).map_err(failed)?;
                    Some(Found { key, extension, content })
                }
                None => {
                    let skipped = io::copy(&mut entry, &mut io::sink())?;
                    check_length(&name, skipped, size)?;
                    None
                }
            };
            let padding = size.next_multiple_of(BLOCK_BYTES) - size;
            let skipped =
                io::copy(&mut self.reader.by_ref().take(padding), &mut io::sink()).map_err(failed)?;
            check_length(&name, skipped, padding).map_err(failed)?;
            if found.is_some() {
                return Ok(found);
            }
        }
    }

    fn failed(&self, error: io::Error) -> SourceError {
        let text = format!("damaged or truncated after row {}: {error}", self.rows);
        SourceError::read(&self.path, io::Error::new(error.kind(), text))
    }

    /// Chooses the member to process; the others pass through.
    fn row_of(&self, members: Vec<Found>) -> Result<Row, SourceError> {
        let key = members.first().map(|first| first.key.clone()).unwrap_or_default();
        let rank = |found: &Found| {
            let last = found.extension.rsplit('.').next().unwrap_or_default();
            self.extensions.iter().position(|known| last.eq_ignore_ascii_case(known))
        };
        let chosen = (0..members.len()).filter_map(|index| Some((rank(members.get(index)?)?, index))).min();
        let Some((_, chosen)) = chosen else {
            let found: Vec<_> = members.iter().map(|found| found.extension.as_str()).collect();
            let problem = format!(
                "no member can be processed; found {}, expected one of {}",
                found.join(", "),
                self.extensions.join(", ")
            );
            return Err(SourceError::row(&self.path, key, problem));
        };
        let (mut content, mut passed) = (None, Vec::new());
        for (index, found) in members.into_iter().enumerate() {
            if index == chosen {
                let name = format!("{}.{}", found.key, found.extension);
                content = Some(Content::Bytes { name, blob: found.content });
                continue;
            }
            let bytes = found.content.bytes();
            if bytes > MAX_PASSED_BYTES {
                let problem = format!(
                    "the member .{} has {bytes} bytes; at most {MAX_PASSED_BYTES} can pass through",
                    found.extension
                );
                return Err(SourceError::row(&self.path, key, problem));
            }
            let mut content = Vec::new();
            let read = found.content.open().read_to_end(&mut content);
            read.map_err(|error| SourceError::read(&self.path, error))?;
            passed.push(Member { extension: found.extension, content });
        }
        let missing = || SourceError::row(&self.path, &key, "has no member");
        let content = content.ok_or_else(missing)?;
        Ok(Row { key, content, passed: Passed::Members(passed) })
    }
}

impl Rows for TarSource {
    fn next_row(&mut self) -> Result<Option<Row>, SourceError> {
        if let Some(Failure { error, .. }) = self.failure.take() {
            return Err(self.failed(error));
        }
        let mut members: Vec<Found> = Vec::new();
        loop {
            let found = match self.next.take() {
                Some(found) => Ok(Some(found)),
                None => self.next_member(),
            };
            let key = members.first().map(|first| first.key.as_str());
            match found {
                Ok(Some(found)) if key.is_none_or(|key| key == found.key) => members.push(found),
                Ok(next) => {
                    self.next = next;
                    break;
                }
                // The row before a damaged one is complete.
                Err(failure) if key.is_some() && failure.key.as_deref() != key => {
                    self.failure = Some(failure);
                    break;
                }
                Err(failure) => return Err(self.failed(failure.error)),
            }
            if members.len() > MAX_MEMBERS {
                let problem = format!("a key has more than {MAX_MEMBERS} members");
                return Err(SourceError::content(&self.path, problem));
            }
        }
        if members.is_empty() {
            return Ok(None);
        }
        self.rows += 1;
        self.row_of(members).map(Some)
    }
}

/// Splits the name of a member at the first dot of its file name. `None` for what WebDataset skips: hidden
/// files, names without an extension, and first directories `__something__`.
fn key_and_extension(name: &str) -> Option<(String, String)> {
    let name = name.strip_prefix("./").unwrap_or(name);
    let is_metadata = name
        .split_once('/')
        .is_some_and(|(first, _)| first.len() >= 4 && first.starts_with("__") && first.ends_with("__"));
    let file_start = name.rfind('/').map_or(0, |slash| slash + 1);
    let (stem, extension) = name.get(file_start..)?.split_once('.')?;
    let is_skipped = is_metadata || stem.is_empty() || extension.is_empty() || name.len() > MAX_NAME_BYTES;
    let key = name.get(..file_start + stem.len())?;
    (!is_skipped).then(|| (key.to_owned(), extension.to_owned()))
}

fn check_length(name: &str, found: u64, expected: u64) -> io::Result<()> {
    if found == expected {
        return Ok(());
    }
    let text = format!("truncated in the member {name}: {found} of {expected} bytes");
    Err(io::Error::new(io::ErrorKind::UnexpectedEof, text))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_end_at_the_first_dot_of_the_file_name() {
        let split = |name| key_and_extension(name).map(|(key, extension)| format!("{key} {extension}"));
        assert_eq!(split("a.mp3").as_deref(), Some("a mp3"));
        assert_eq!(split("./x.y/a.seg.json").as_deref(), Some("x.y/a seg.json"));
        for skipped in ["a", ".hidden", "x/.a.json", "a.", "__meta__/a.json"] {
            assert_eq!(split(skipped), None, "{skipped}");
        }
    }
}
