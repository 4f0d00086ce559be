//! Checks whether an existing output that no manifest lists is the result of an encode.

use std::path::Path;

use dac::tokens::{Format, IntegerType, TokenFile, TokenInfo, TokenReader, WriteOptions};
use dac::{Dac, Save};

use crate::error::error_text;

/// Advice for outputs that only `check_content` can accept.
pub(crate) const ADOPT_HINT: &str = " (--adopt accepts it if its content fits)";

/// Properties that a token file must have to count as the encode of an input.
pub(crate) struct ExpectedTokens<'a> {
    pub(crate) format: Format,
    pub(crate) dac: &'a Dac,
    pub(crate) codebooks: usize,
    pub(crate) channels: usize,
    pub(crate) save: Save,
    /// Element type of the codes; `None` if they are packed.
    pub(crate) integer: Option<IntegerType>,
    pub(crate) input_rate_hz: u32,
    pub(crate) input_samples: Option<u64>,
    /// Number of frames, where it follows from the length of the input.
    pub(crate) frames: Option<usize>,
}

impl ExpectedTokens<'_> {
    /// Checks the file at `path` by its metadata; the error is the reason why it is not the expected one. A
    /// format that does not store the hash of the weights proves nothing.
    pub(crate) fn check(&self, path: &Path) -> Result<(), String> {
        let reader = TokenReader::open_path(path).map_err(|error| error_text(&error))?;
        let info = reader.info();
        if info.meta.weights_sha256.is_none() {
            return Err(format!(
                "no manifest lists it, and .{} files do not record their model{ADOPT_HINT}",
                info.format
            ));
        }
        self.check_info(info)
    }

    /// Checks the file at `path` by its metadata, as far as it has some, its shape and its
    /// values.
    pub(crate) fn check_content(&self, path: &Path) -> Result<(), String> {
        let mut reader = TokenReader::open_path(path).map_err(|error| error_text(&error))?;
        self.check_info(reader.info())?;
        if let Some(expected) = self.frames.filter(|frames| *frames != reader.info().frames()) {
            let found = reader.info().frames();
            return Err(format!("it has {found} frames, but its input gives {expected}"));
        }
        if reader.info().ignored_bytes > 0 {
            return Err(format!("it has {} bytes after its end", reader.info().ignored_bytes));
        }
        let tokens = reader.read_all().map_err(|error| error_text(&error))?;
        let size = self.dac.shape().codebook_size;
        tokens.codes.as_ref().map_or(Ok(()), |codes| codes.check_range(size)).map_err(|e| e.to_string())?;
        if self.format == Format::Npy {
            self.check_bytes(&tokens, path)?;
        }
        Ok(())
    }

    /// Checks that the file at `path` is what writing these tokens gives: without metadata, arrays of other
    /// axes are the only sign of another program.
    fn check_bytes(&self, tokens: &TokenFile, path: &Path) -> Result<(), String> {
        let mut written = Vec::new();
        let mut options = WriteOptions::default();
        options.integer = self.integer;
        tokens.write_to(&mut written, self.format, &options).map_err(|error| error_text(&error))?;
        let found = std::fs::read(path).map_err(|error| error.to_string())?;
        if found == written { Ok(()) } else { Err("its array has other axes or another layout".to_owned()) }
    }

    fn check_info(&self, info: &TokenInfo) -> Result<(), String> {
        let (meta, model) = (&info.meta, self.dac.info());
        let same_model = meta.model.as_ref().is_none_or(|name| *name == model.name)
            && meta.weights_sha256.as_ref().is_none_or(|sha256| *sha256 == model.weights_sha256);
        let same_codebooks = info.codes.is_none_or(|[_, codebooks, _]| codebooks == self.codebooks);
        let same_content = (info.codes.is_some(), info.z.is_some(), info.latents.is_some())
            == (self.save.codes, self.save.z, self.save.latents);
        let same_rate = meta.input_rate_hz.is_none_or(|rate| rate == self.input_rate_hz);
        let same_samples = match (meta.input_samples, self.input_samples) {
            // The header of a truncated input announces more samples than were encoded.
            (Some(found), Some(expected)) if meta.input_truncated == Some(true) => found <= expected,
            (Some(found), Some(expected)) => found == expected,
            _ => true,
        };
        let checks = [
            ("format", info.format == self.format),
            ("model", same_model),
            ("number of codebooks", same_codebooks),
            ("content", same_content),
            ("dtype", info.codes.is_none() || info.integer == self.integer),
            ("number of channels", info.channels() == self.channels),
            ("length", same_rate && same_samples && !info.truncated),
        ];
        let differing: Vec<_> = checks.iter().filter(|(_, same)| !same).map(|(name, _)| *name).collect();
        if differing.is_empty() {
            return Ok(());
        }
        Err(format!("no manifest lists it, and it differs in {}", differing.join(", ")))
    }
}
