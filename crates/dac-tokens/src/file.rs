//! The content of a token file, and writing it in any format.

use std::io::{BufWriter, Cursor, Read, Write};
use std::path::Path;

use dac_atomic::AtomicFile;
use dac_rvq::{Array3, Codes};

use crate::error::TokenError;
use crate::format::{Format, SNIFF_BYTES, sniffed};
use crate::meta::TokenMeta;
use crate::reader::TokenReader;
use crate::{dac, dacp, npy, pt, safetensors};

/// Tokens: codes, z or latents, as many of them as there are, and what is known about them.
#[derive(Debug, Clone, Default, PartialEq)]
#[non_exhaustive]
pub struct TokenFile {
    /// `[channels, codebooks, frames]`.
    pub codes: Option<Codes>,
    /// The quantized latent signal, `[channels, latent, frames]`.
    pub z: Option<Array3>,
    /// The projected latents before quantization, `[channels, codebooks · codebook dimensions, frames]`.
    pub latents: Option<Array3>,
    /// What is known besides.
    pub meta: TokenMeta,
    /// Whether the file was cut and only its first part is here (.dacp alone can tell).
    pub truncated: bool,
}

/// The integers in a .npy file of codes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub enum NpyInteger {
    /// 16-bit unsigned: the smallest that holds any code.
    #[default]
    U16,
    /// 64-bit signed: what most training code wants.
    I64,
}

/// Choices in writing.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct WriteOptions {
    /// Integers of a .npy file.
    pub npy_integer: NpyInteger,
    /// Frames a block of a .dacp file; see `docs/dacp.md` for what it costs.
    pub dacp_block_frames: u32,
}

impl Default for WriteOptions {
    fn default() -> Self {
        Self { npy_integer: NpyInteger::default(), dacp_block_frames: dacp::DEFAULT_BLOCK_FRAMES }
    }
}

impl TokenFile {
    /// Codes with what is known about them.
    pub fn of_codes(codes: Codes, meta: TokenMeta) -> Self {
        Self { codes: Some(codes), meta, ..Self::default() }
    }

    /// z with what is known about it.
    pub fn of_z(z: Array3, meta: TokenMeta) -> Self {
        Self { z: Some(z), meta, ..Self::default() }
    }

    /// Shape of what there is: `[channels, codebooks or latent, frames]` of codes, else z, else latents.
    pub fn shape(&self) -> Option<[usize; 3]> {
        let floats = || self.z.as_ref().or(self.latents.as_ref()).map(Array3::shape);
        self.codes.as_ref().map(Codes::shape).or_else(floats)
    }

    /// Reads a file of any format, told by its content.
    ///
    /// # Errors
    /// Names the file and what is wrong with it; see [`TokenError`].
    pub fn read(path: &Path) -> Result<Self, TokenError> {
        let read = TokenReader::open_path(path)?.read_all();
        read.map_err(|e| TokenError::InFile { path: path.to_path_buf(), source: Box::new(e) })
    }

    /// Reads a stream that cannot seek to its end, such as a pipe; a .dacp stream is better read by
    /// [`DacpReader`](crate::DacpReader), which holds one block at a time.
    ///
    /// # Errors
    /// As [`TokenFile::read`].
    pub fn read_stream<R: Read>(mut reader: R) -> Result<Self, TokenError> {
        let mut bytes = Vec::new();
        // A stream of something else may have no end.
        reader.by_ref().take(SNIFF_BYTES as u64).read_to_end(&mut bytes)?;
        sniffed(&bytes)?;
        reader.read_to_end(&mut bytes)?;
        TokenReader::open(Cursor::new(bytes))?.read_all()
    }

    /// Writes to `path` in the given format; the file appears whole or not at all.
    ///
    /// # Errors
    /// As [`TokenFile::write_to`], with the file's name.
    pub fn write(&self, path: &Path, format: Format, options: &WriteOptions) -> Result<(), TokenError> {
        let write = || -> Result<(), TokenError> {
            let mut out = BufWriter::new(AtomicFile::create(path)?);
            self.write_to(&mut out, format, options)?;
            let file = out.into_inner().map_err(std::io::IntoInnerError::into_error)?;
            Ok(file.commit()?)
        };
        write().map_err(|e| TokenError::InFile { path: path.to_path_buf(), source: Box::new(e) })
    }

    /// Writes in the given format.
    ///
    /// # Errors
    /// When writing fails, the format cannot hold what there is (.npy: more than one array; .dac and .dacp: anything but
    /// codes; .npy, .pt and .dacp: tokens of the reference's windows), or needs a fact that is not known (.dac: input_rate_hz, input_samples, input_db).
    pub fn write_to<W: Write>(
        &self,
        mut writer: W,
        format: Format,
        options: &WriteOptions,
    ) -> Result<(), TokenError> {
        if self.shape().is_none() {
            return Err(TokenError::CannotHold { format, what: "nothing at all" });
        }
        if self.is_windowed() && !matches!(format, Format::Safetensors | Format::Dac) {
            return Err(TokenError::CannotHold { format, what: "the windows that these tokens are made of" });
        }
        let writer = &mut writer;
        match format {
            Format::Safetensors => safetensors::write(writer, self)?,
            Format::Pt => pt::write(writer, self)?,
            Format::Npy => match (&self.codes, &self.z, &self.latents) {
                (Some(codes), None, None) => npy::write_codes(writer, codes, options.npy_integer)?,
                (None, Some(z), None) => npy::write_floats(writer, z)?,
                (None, None, Some(_)) => return Err(TokenError::CannotHold { format, what: "latents" }),
                _ => return Err(TokenError::CannotHold { format, what: "more than one array" }),
            },
            Format::Dac => dac::write(writer, self.only_codes(format)?, &self.meta)?,
            Format::Dacp => {
                let codes = self.only_codes(format)?;
                dacp::write(writer, codes, &self.meta, options.dacp_block_frames)?;
            }
        }
        Ok(writer.flush()?)
    }

    /// Whether they are of the reference's windows, without which they decode to something else.
    fn is_windowed(&self) -> bool {
        let frames = self.shape().map_or(0, |[_, _, frames]| frames as u64);
        self.meta.padding == Some(false) || self.meta.chunk_frames.is_some_and(|chunk| chunk < frames)
    }

    fn only_codes(&self, format: Format) -> Result<&Codes, TokenError> {
        if self.z.is_some() || self.latents.is_some() {
            return Err(TokenError::CannotHold { format, what: "z or latents" });
        }
        self.codes.as_ref().ok_or(TokenError::CannotHold { format, what: "anything but codes" })
    }
}
