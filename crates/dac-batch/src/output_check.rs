//! Checks whether an existing output that no manifest lists is the result of an encode.

use std::path::Path;

use dac::tokens::{Format, IntegerType, TokenReader};
use dac::{ModelInfo, Save};

use crate::error::error_text;

/// Properties that a token file must have to count as the encode of an input.
pub(crate) struct ExpectedTokens<'a> {
    pub(crate) format: Format,
    pub(crate) model: &'a ModelInfo,
    pub(crate) codebooks: usize,
    pub(crate) channels: usize,
    pub(crate) save: Save,
    /// Element type of the codes; `None` if they are packed.
    pub(crate) integer: Option<IntegerType>,
    pub(crate) input_rate_hz: u32,
    pub(crate) input_samples: Option<u64>,
}

impl ExpectedTokens<'_> {
    /// Checks the file at `path`; the error is the reason why it is not the expected one. A format that does
    /// not store the hash of the weights proves nothing.
    pub(crate) fn check(&self, path: &Path) -> Result<(), String> {
        let reader = TokenReader::open_path(path).map_err(|error| error_text(&error))?;
        let info = reader.info();
        let meta = &info.meta;
        let Some(weights_sha256) = &meta.weights_sha256 else {
            return Err(format!(
                "no manifest lists it, and .{} files do not record their model",
                info.format
            ));
        };
        let same_model = meta.model.as_ref().is_none_or(|name| *name == self.model.name)
            && *weights_sha256 == self.model.weights_sha256;
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
