//! Opening a token file of any format, and reading all of it or a range of frames.

use std::fs::File;
use std::io::{BufReader, Read, Seek, SeekFrom};
use std::ops::Range;
use std::path::Path;

use dac_rvq::{Array3, Codes};

use crate::arrays::Located;
use crate::dacp::DacpSeekReader;
use crate::error::TokenError;
use crate::file::TokenFile;
use crate::format::{Format, SNIFF_BYTES, sniffed};
use crate::meta::TokenMeta;
use crate::{dac, npy, pt, safetensors};

/// What a file holds, known before its values are read.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct TokenInfo {
    /// The file's format.
    pub format: Format,
    /// Shape of the codes, `[channels, codebooks, frames]`, if there are any.
    pub codes: Option<[usize; 3]>,
    /// Shape of z, `[channels, latent, frames]`, if there is one.
    pub z: Option<[usize; 3]>,
    /// Shape of the latents, if there are any.
    pub latents: Option<[usize; 3]>,
    /// What is known besides.
    pub meta: TokenMeta,
    /// Whether the file was cut and holds only its first part.
    pub truncated: bool,
}

impl TokenInfo {
    /// How many frames there are, of codes, else z, else latents.
    pub fn frames(&self) -> usize {
        self.shape().map_or(0, |[_, _, frames]| frames)
    }

    /// How many channels there are, of codes, else z, else latents.
    pub fn channels(&self) -> usize {
        self.shape().map_or(0, |[channels, _, _]| channels)
    }

    fn shape(&self) -> Option<[usize; 3]> {
        self.codes.or(self.z).or(self.latents)
    }
}

/// An open token file. Headers are read, values not yet; ranges cost their own size (but for .dac, which is one pickle
/// and is read at once).
#[derive(Debug)]
pub struct TokenReader<R> {
    body: Body<R>,
    info: TokenInfo,
}

#[derive(Debug)]
enum Body<R> {
    Located { reader: R, codes: Option<Located>, z: Option<Located>, latents: Option<Located> },
    Torch(Box<pt::Content<R>>),
    Whole(Codes),
    Dacp(Box<DacpSeekReader<R>>),
}

impl TokenReader<BufReader<File>> {
    /// Opens a file by its name.
    ///
    /// # Errors
    /// Names the file and what is wrong with it.
    pub fn open_path(path: &Path) -> Result<Self, TokenError> {
        let open = || Self::open(BufReader::new(File::open(path)?));
        open().map_err(|e| TokenError::InFile { path: path.to_path_buf(), source: Box::new(e) })
    }
}

impl<R: Read + Seek> TokenReader<R> {
    /// Opens a file of any format, told by its content.
    ///
    /// # Errors
    /// When it is of no known format, or its header is broken, hostile or does not fit its length.
    pub fn open(mut reader: R) -> Result<Self, TokenError> {
        reader.seek(SeekFrom::Start(0))?;
        let mut start = Vec::new();
        reader.by_ref().take(SNIFF_BYTES as u64).read_to_end(&mut start)?;
        let format = sniffed(&start)?;
        reader.seek(SeekFrom::Start(0))?;
        let mut info = TokenInfo {
            format,
            codes: None,
            z: None,
            latents: None,
            meta: TokenMeta::default(),
            truncated: false,
        };
        let shape = |located: &Option<Located>| located.as_ref().map(|l| l.shape);
        let body = match format {
            Format::Safetensors => {
                let content = safetensors::locate(&mut reader)?;
                let safetensors::Content { codes, z, latents, meta } = content;
                (info.codes, info.z, info.latents) = (shape(&codes), shape(&z), shape(&latents));
                info.meta = meta;
                Body::Located { reader, codes, z, latents }
            }
            Format::Npy => {
                let (codes, z) = match npy::locate(&mut reader)? {
                    npy::Found::Codes(located) => (Some(located), None),
                    npy::Found::Floats(located) => (None, Some(located)),
                };
                (info.codes, info.z) = (shape(&codes), shape(&z));
                Body::Located { reader, codes, z, latents: None }
            }
            Format::Pt => {
                let content = pt::Content::open(reader)?;
                let shape = |tensor: &Option<pt::Tensor>| tensor.as_ref().map(|t| t.shape);
                (info.codes, info.z) = (shape(&content.codes), shape(&content.z));
                info.latents = shape(&content.latents);
                Body::Torch(Box::new(content))
            }
            Format::Dac => {
                let (codes, meta) = dac::read(&mut reader)?;
                info.codes = Some(codes.shape());
                info.meta = meta;
                Body::Whole(codes)
            }
            Format::Dacp => {
                let stream = DacpSeekReader::open(reader)?;
                let header = stream.header();
                let frames = usize::try_from(stream.frames()).unwrap_or(usize::MAX);
                info.codes = Some([header.channels.into(), header.codebooks.into(), frames]);
                info.meta = header.meta.clone();
                info.meta.input_samples = stream.input_samples();
                info.truncated = stream.truncated();
                Body::Dacp(Box::new(stream))
            }
        };
        Ok(Self { body, info })
    }

    /// What the file holds.
    pub fn info(&self) -> &TokenInfo {
        &self.info
    }

    /// Reads everything.
    ///
    /// # Errors
    /// When values are out of range or cannot be read.
    pub fn read_all(&mut self) -> Result<TokenFile, TokenError> {
        self.read_frames(0..usize::MAX)
    }

    /// Reads the frames of `range`, clamped to what there is, of each array.
    ///
    /// # Errors
    /// As [`TokenReader::read_all`].
    pub fn read_frames(&mut self, range: Range<usize>) -> Result<TokenFile, TokenError> {
        let (meta, truncated) = (self.info.meta.clone(), self.info.truncated);
        let mut file = TokenFile { meta, truncated, ..TokenFile::default() };
        match &mut self.body {
            Body::Located { reader, codes, z, latents } => {
                let range = || range.clone();
                file.codes = codes.as_ref().map(|l| l.codes(reader, range())).transpose()?;
                let mut floats = |array: &Option<Located>| -> Result<Option<Array3>, TokenError> {
                    array.as_ref().map(|l| l.floats(reader, range())).transpose()
                };
                file.z = floats(z)?;
                file.latents = floats(latents)?;
            }
            Body::Torch(content) => {
                file.codes = content.read_codes(range.clone())?;
                file.z = content.read_z(range.clone())?;
                file.latents = content.read_latents(range)?;
            }
            Body::Whole(codes) => file.codes = Some(codes.slice_frames(range)),
            Body::Dacp(stream) => {
                file.codes = Some(stream.read_frames(range.start as u64..range.end as u64)?);
            }
        }
        if let (Some(codes), Some(size)) = (&file.codes, file.meta.codebook_size) {
            codes.check_range(size)?;
        }
        Ok(file)
    }
}
