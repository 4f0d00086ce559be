//! Reader of token files of any format, whole or in ranges of frames.

use std::fmt;
use std::fs::File;
use std::io::{BufReader, Cursor, Read, Seek};
use std::ops::Range;
use std::path::Path;

use crate::error::TokenError;
use crate::formats::{Format, detect};
use crate::meta::TokenMeta;
use crate::options::IntegerType;
use crate::token_file::TokenFile;
use crate::token_format::{Arrays, Opened, ReadFrames};

/// Content of a token file, known from its header.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct TokenInfo {
    /// Format of the file.
    pub format: Format,
    /// Shape of the codes, `[channels, codebooks, frames]`.
    pub codes: Option<[usize; 3]>,
    /// Shape of z, `[channels, latent, frames]`.
    pub z: Option<[usize; 3]>,
    /// Shape of the latents, `[channels, latent, frames]`.
    pub latents: Option<[usize; 3]>,
    /// Element type of the codes; `None` if they are packed or of a type that this crate does not write.
    pub integer: Option<IntegerType>,
    /// Metadata.
    pub meta: TokenMeta,
    /// Whether the file was truncated and contains only its first frames.
    pub truncated: bool,
    /// Number of bytes after the end of the tokens, which are not read. Above 0 for files that were joined.
    pub ignored_bytes: u64,
}

impl TokenInfo {
    /// Number of frames of the codes, or else of z, or else of the latents.
    pub fn frames(&self) -> usize {
        self.shape().map_or(0, |[_, _, frames]| frames)
    }

    /// Number of channels of the codes, or else of z, or else of the latents.
    pub fn channels(&self) -> usize {
        self.shape().map_or(0, |[channels, _, _]| channels)
    }

    fn shape(&self) -> Option<[usize; 3]> {
        self.codes.or(self.z).or(self.latents)
    }
}

/// An open token file. Opening reads only the header, and reading a range of frames costs in proportion to
/// its length; except for .dac files, which are read whole.
pub struct TokenReader<'a> {
    info: TokenInfo,
    codebook_size: Option<usize>,
    read_frames: ReadFrames<'a>,
}

impl<'a> TokenReader<'a> {
    /// Opens the file at `path`.
    ///
    /// # Errors
    /// As [`TokenReader::open`], with the path.
    pub fn open_path(path: &Path) -> Result<Self, TokenError> {
        let open = || Self::open(BufReader::new(File::open(path)?));
        open().map_err(|error| error.in_file(path))
    }

    /// Opens a file, whose format is detected from its content.
    ///
    /// # Errors
    /// Fails if the format is unknown, or the header is malformed, too long or contradicts the length of the
    /// file.
    pub fn open<R: Read + Seek + Send + 'a>(mut reader: R) -> Result<Self, TokenError> {
        reader.rewind()?;
        let format = detect(&mut reader, &mut Vec::new())?;
        reader.rewind()?;
        let opened = (format.get().open)(Box::new(reader))?;
        let Opened { shapes, integer, meta, truncated, ignored_bytes, read_frames } = opened;
        let Arrays { codes, z, latents } = shapes;
        let codebook_size = meta.codebook_size;
        let info = TokenInfo { format, codes, z, latents, integer, meta, truncated, ignored_bytes };
        Ok(Self { info, codebook_size, read_frames })
    }

    /// Reads a stream that cannot seek, such as a pipe, into memory and opens it.
    ///
    /// # Errors
    /// As [`TokenReader::open`].
    pub fn from_stream<R: Read>(mut reader: R) -> Result<TokenReader<'static>, TokenError> {
        let mut bytes = Vec::new();
        // A stream of another type may be endless: check its start before reading the rest.
        detect(&mut reader, &mut bytes)?;
        reader.read_to_end(&mut bytes)?;
        TokenReader::open(Cursor::new(bytes))
    }

    /// Sets the number of entries per codebook of the model, below which all codes must be. A size in the
    /// file's metadata has precedence.
    pub fn set_codebook_size(&mut self, size: usize) {
        self.codebook_size.get_or_insert(size);
    }

    /// Content of the file.
    pub fn info(&self) -> &TokenInfo {
        &self.info
    }

    /// Reads all frames.
    ///
    /// # Errors
    /// Fails if a value is out of range or reading fails.
    pub fn read_all(&mut self) -> Result<TokenFile, TokenError> {
        self.read_frames(0..usize::MAX)
    }

    /// Reads the frames of `range`, clamped to the available ones, of each array.
    ///
    /// # Errors
    /// As [`TokenReader::read_all`].
    pub fn read_frames(&mut self, range: Range<usize>) -> Result<TokenFile, TokenError> {
        let arrays = (self.read_frames)(range).map_err(|error| match (error, self.codebook_size) {
            (TokenError::Codes(error), Some(size)) => error.with_codebook_size(size).into(),
            (error, _) => error,
        })?;
        let (meta, truncated) = (self.info.meta.clone(), self.info.truncated);
        if let (Some(codes), Some(size)) = (&arrays.codes, self.codebook_size) {
            codes.check_range(size)?;
        }
        Ok(TokenFile { meta, truncated, ..arrays })
    }
}

impl fmt::Debug for TokenReader<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TokenReader").field("info", &self.info).finish_non_exhaustive()
    }
}

impl TokenFile {
    /// Reads the file at `path`, whose format is detected from its content.
    ///
    /// # Errors
    /// As [`TokenReader::open`] and [`TokenReader::read_all`], with the path.
    pub fn read(path: &Path) -> Result<Self, TokenError> {
        TokenReader::open_path(path)?.read_all().map_err(|error| error.in_file(path))
    }

    /// Reads a stream that cannot seek, such as a pipe, into memory. For .dacp streams prefer
    /// [`DacpReader`](crate::DacpReader), which keeps one block at a time.
    ///
    /// # Errors
    /// As [`TokenFile::read`].
    pub fn read_stream<R: Read>(reader: R) -> Result<Self, TokenError> {
        TokenReader::from_stream(reader)?.read_all()
    }
}
