//! Token files that are there already and that no manifest knows: valid ones are kept, others left alone.

use std::path::Path;

use dac::tokens::{Format, TokenReader};
use dac::{ModelInfo, Save};

use crate::output::error_text;

/// What lies where a result is to go.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Existing {
    /// Nothing, or nothing that counts.
    Absent,
    /// The very result, as far as the file can tell.
    Valid,
    /// An earlier result of this command, of other settings or another input, with what differs.
    Stale(String),
    /// Something that this command is not known to have written, and why.
    Foreign(String),
}

/// What a token file has to be to count as the encode of an input.
pub(crate) struct ExpectedTokens<'a> {
    pub(crate) format: Format,
    pub(crate) model: &'a ModelInfo,
    pub(crate) codebooks: usize,
    pub(crate) channels: usize,
    pub(crate) save: Save,
    pub(crate) input_rate_hz: u32,
    pub(crate) input_samples: Option<u64>,
}

impl ExpectedTokens<'_> {
    /// Judges the file at `path`. A format that does not even tell the weights proves nothing.
    pub(crate) fn judge(&self, path: &Path) -> Existing {
        let reader = match TokenReader::open_path(path) {
            Ok(reader) => reader,
            Err(error) => return Existing::Foreign(error_text(&error.into())),
        };
        let info = reader.info();
        let meta = &info.meta;
        let Some(weights_sha256) = &meta.weights_sha256 else {
            let what =
                format!("a .{} file tells nothing of its model, and no manifest knows it", info.format);
            return Existing::Foreign(what);
        };
        let model = meta.model.as_ref().is_none_or(|name| *name == self.model.name)
            && *weights_sha256 == self.model.weights_sha256;
        let codes = info.codes.is_none_or(|[_, codebooks, _]| codebooks == self.codebooks);
        let content = (info.codes.is_some(), info.z.is_some(), info.latents.is_some())
            == (self.save.codes, self.save.z, self.save.latents);
        let rate = meta.input_rate_hz.is_none_or(|rate| rate == self.input_rate_hz);
        let samples = match (meta.input_samples, self.input_samples) {
            // Of a file that is cut, what it promises is more than there is.
            (Some(found), Some(expected)) if meta.input_truncated == Some(true) => found <= expected,
            (Some(found), Some(expected)) => found == expected,
            _ => true,
        };
        let checks = [
            ("format", info.format == self.format),
            ("model", model),
            ("number of codebooks", codes),
            ("content", content),
            ("number of channels", info.channels() == self.channels),
            ("length", rate && samples && !info.truncated),
        ];
        let differing: Vec<_> = checks.iter().filter(|(_, same)| !same).map(|(name, _)| *name).collect();
        if differing.is_empty() {
            return Existing::Valid;
        }
        Existing::Foreign(format!("differs in {}, and no manifest knows it", differing.join(", ")))
    }
}
