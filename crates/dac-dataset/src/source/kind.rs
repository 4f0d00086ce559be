//! Kinds of data sets that can be read, by their file names.

use std::fs::File;
use std::io::{self, BufReader, Read};
use std::path::Path;

/// Compression of a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Compression {
    /// Not compressed.
    None,
    /// gzip, of one or several members.
    Gzip,
    /// Zstandard.
    Zstd,
}

impl Compression {
    /// Opens a file and decompresses it while it is read.
    pub(super) fn open(self, path: &Path) -> io::Result<Box<dyn Read + Send>> {
        let file = BufReader::with_capacity(1 << 18, File::open(path)?);
        Ok(match self {
            Self::None => Box::new(file),
            Self::Gzip => Box::new(flate2::bufread::MultiGzDecoder::new(file)),
            Self::Zstd => {
                let mut decoder = zstd::Decoder::with_buffer(file)?;
                // 128 MiB, what `zstd --long` uses: a hostile file cannot ask for more.
                decoder.window_log_max(27)?;
                Box::new(decoder)
            }
        })
    }
}

/// Kind of a data set.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum SourceKind {
    /// WebDataset tar archive.
    Tar(Compression),
    /// Parquet file.
    Parquet,
    /// Manifest of JSON lines: of NeMo, or cuts of Lhotse.
    JsonLines(Compression),
    /// Table with a header line and this separator.
    Table(u8),
    /// Cuts of a Lhotse Shar directory, whose recordings or codes are in tar archives next to them.
    Shar,
}

/// Ends of file names, each with its kind.
const ENDS: [(&str, SourceKind); 10] = [
    (".tar", SourceKind::Tar(Compression::None)),
    (".tar.gz", SourceKind::Tar(Compression::Gzip)),
    (".tgz", SourceKind::Tar(Compression::Gzip)),
    (".tar.zst", SourceKind::Tar(Compression::Zstd)),
    (".parquet", SourceKind::Parquet),
    (".jsonl", SourceKind::JsonLines(Compression::None)),
    (".jsonl.gz", SourceKind::JsonLines(Compression::Gzip)),
    (".jsonl.zst", SourceKind::JsonLines(Compression::Zstd)),
    (".csv", SourceKind::Table(b',')),
    (".tsv", SourceKind::Table(b'\t')),
];

impl SourceKind {
    /// Kind of the data set with this file name, and the name without the part that shows the kind; `None`
    /// for other files.
    pub fn of_name(path: &Path) -> Option<(Self, String)> {
        let name = path.file_name()?.to_string_lossy();
        let lower = name.to_ascii_lowercase();
        let (end, kind) =
            ENDS.into_iter().filter(|(end, _)| lower.ends_with(end)).max_by_key(|(end, _)| end.len())?;
        let stem = name.get(..name.len() - end.len())?;
        let kind = match kind {
            Self::JsonLines(_) | Self::Tar(_) if super::shar::is_shar(path) => Self::Shar,
            kind => kind,
        };
        (!stem.is_empty()).then(|| (kind, stem.to_owned()))
    }

    /// Reports whether files of this kind contain what is processed, and not only its path.
    pub fn is_container(self) -> bool {
        matches!(self, Self::Tar(_) | Self::Parquet | Self::Shar)
    }

    /// Reports whether the keys of its rows may be those of another file's rows.
    pub fn has_local_keys(self) -> bool {
        matches!(self, Self::Tar(_) | Self::Parquet)
    }

    /// Reports whether a directory contributes a file as a data set: archives, parquet files, and cuts of
    /// Lhotse Shar. Manifests and tables in directories have many uses, and the archives of Shar belong to
    /// their cuts.
    pub fn is_in_directory(path: &Path) -> bool {
        let is_container = Self::of_name(path).is_some_and(|(kind, _)| kind.is_container());
        is_container && !super::shar::is_archive(path)
    }
}
