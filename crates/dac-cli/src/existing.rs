//! Results that are there already: valid ones are kept, stale ones redone, foreign files left alone.

use std::path::Path;

use dac::tokens::{Format, TokenReader};
use dac::{AudioReader, DescriptPlan, ModelInfo, SampleFormat, Save};

use crate::report::error_text;

/// What lies where a result is to go.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Existing {
    /// Nothing, or nothing that counts.
    Absent,
    /// The very result, as far as the file can tell.
    Valid,
    /// A token file of other settings or another input, with what differs.
    Stale(String),
    /// Something that this command would not have written.
    Foreign(String),
}

/// What a token file has to be to count as the encode of an input.
pub(crate) struct ExpectedTokens<'a> {
    pub(crate) format: Format,
    /// The reference's windows; `None` for the exact way.
    pub(crate) windows: Option<DescriptPlan>,
    pub(crate) model: &'a ModelInfo,
    pub(crate) codebooks: usize,
    pub(crate) channels: usize,
    pub(crate) save: Save,
    pub(crate) input_rate_hz: u32,
    pub(crate) input_samples: Option<u64>,
    /// The input's samples at the model's rate.
    pub(crate) model_samples: Option<u64>,
}

impl ExpectedTokens<'_> {
    /// Judges the file at `path`. Facts that its format does not carry are not held against it.
    pub(crate) fn judge(&self, path: &Path) -> Existing {
        if !path.exists() {
            return Existing::Absent;
        }
        let reader = match TokenReader::open_path(path) {
            Ok(reader) => reader,
            Err(error) => return Existing::Foreign(error_text(&error.into())),
        };
        let info = reader.info();
        let meta = &info.meta;
        let model = meta.model.as_ref().is_none_or(|name| *name == self.model.name)
            && meta.weights_sha256.as_ref().is_none_or(|hash| *hash == self.model.weights_sha256);
        let codes = info.codes.is_none_or(|[_, codebooks, _]| codebooks == self.codebooks);
        let content = (info.codes.is_some(), info.z.is_some(), info.latents.is_some())
            == (self.save.codes, self.save.z, self.save.latents);
        let rate = meta.input_rate_hz.is_none_or(|rate| rate == self.input_rate_hz);
        let samples = match (meta.input_samples, self.input_samples) {
            (Some(found), Some(expected)) => found == expected,
            _ => true,
        };
        let cut = meta.padding == Some(false) || meta.chunk_frames.is_some_and(|n| n < info.frames() as u64);
        let chunking = match (self.windows, cut) {
            (None, cut) => !cut,
            (Some(windows), true) => meta.chunk_frames == Some(windows.chunk_frames as u64),
            (Some(windows), false) => {
                self.model_samples.is_none_or(|samples| windows.is_whole(samples as usize))
            }
        };
        let checks = [
            ("format", info.format == self.format),
            ("model", model),
            ("number of codebooks", codes),
            ("content", content),
            ("chunking", chunking),
            ("number of channels", info.channels() == self.channels),
            ("length", rate && samples && !info.truncated),
        ];
        let differing: Vec<_> = checks.iter().filter(|(_, same)| !same).map(|(name, _)| *name).collect();
        if differing.is_empty() { Existing::Valid } else { Existing::Stale(differing.join(", ")) }
    }
}

/// What a WAV file has to be to count as the decode of tokens.
pub(crate) struct ExpectedWave {
    pub(crate) rate_hz: u32,
    pub(crate) channels: usize,
    pub(crate) samples: u64,
    pub(crate) format: SampleFormat,
}

impl ExpectedWave {
    /// Judges the file at `path`. A WAV file tells nothing of model or settings, so one of another form may well be a
    /// recording, and is never replaced unasked.
    pub(crate) fn judge(&self, path: &Path) -> Existing {
        if !path.exists() {
            return Existing::Absent;
        }
        let reader = match AudioReader::open(path) {
            Ok(reader) => reader,
            Err(error) => return Existing::Foreign(error_text(&error.into())),
        };
        let spec = reader.spec();
        let codec = match self.format {
            SampleFormat::I16 => "16-bit PCM",
            SampleFormat::I24 => "24-bit PCM",
            SampleFormat::F32 => "32-bit float",
        };
        let same = spec.sample_rate_hz == self.rate_hz
            && spec.channels == self.channels
            && spec.samples == Some(self.samples)
            && spec.codec.contains(codec);
        if same {
            return Existing::Valid;
        }
        Existing::Foreign(format!(
            "{}, {} Hz, {} channels, {} samples",
            spec.codec,
            spec.sample_rate_hz,
            spec.channels,
            spec.samples.map_or_else(|| "unknown".to_owned(), |samples| samples.to_string())
        ))
    }
}
