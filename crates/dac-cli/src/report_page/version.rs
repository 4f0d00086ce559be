//! What is to be heard, seen and told of the original, and of the decode with one number of codebooks.

use std::io::Cursor;

use anyhow::Error;
use dac::audio::{Planar, StreamFormat, StreamWriter};
use dac::metrics::{OctaveBand, octave_bands};
use dac::tokens::Format;
use dac::tokens::WriteOptions;
use dac::{Audio, Dac, DecodeOptions, SampleFormat, TokenFile};

use super::pictures::Levels;
use crate::comparison::Comparison;
use crate::model::nominal_kbps;

/// A signal on the page.
pub(super) struct Signal {
    /// A WAV file of 16 bit.
    pub(super) wav: Vec<u8>,
    /// Samples beyond full scale that the WAV file has cut.
    pub(super) clipped: u64,
    /// PNG files, one a channel.
    pub(super) spectrograms: Vec<Vec<u8>>,
}

/// The decode with a number of codebooks.
pub(super) struct Version {
    pub(super) codebooks: usize,
    pub(super) nominal_kbps: f64,
    pub(super) dacp_bytes: u64,
    pub(super) comparison: Comparison,
    pub(super) bands: Vec<OctaveBand>,
    pub(super) signal: Signal,
}

/// The original as it was coded: what each version is compared with.
pub(super) struct Original {
    audio: Audio,
    loudest_db: f32,
    pub(super) signal: Signal,
}

impl Original {
    pub(super) fn new(audio: Audio) -> Result<Self, Error> {
        let levels = Levels::of(&audio);
        let loudest_db = levels.loudest_db();
        Ok(Self { loudest_db, signal: Signal::new(&audio, &levels, loudest_db)?, audio })
    }

    /// The version with the first `codebooks` of the tokens' codebooks.
    ///
    /// # Errors
    /// When the device fails.
    pub(super) fn version(&self, dac: &Dac, tokens: &TokenFile, codebooks: usize) -> Result<Version, Error> {
        let mut options = DecodeOptions::default();
        options.codebooks = Some(codebooks);
        let decoded = dac.decode(tokens, &options)?;
        // Rounding may make the two lengths differ by a sample.
        let samples = decoded.samples().min(self.audio.samples());
        let first = |audio: &Audio| -> Planar {
            audio.channels.iter().map(|plane| plane.iter().take(samples).copied().collect()).collect()
        };
        Ok(Version {
            codebooks,
            nominal_kbps: nominal_kbps(dac.shape(), codebooks) * decoded.channels.len() as f64,
            dacp_bytes: dacp_bytes(tokens, codebooks)?,
            comparison: Comparison::with_original(&self.audio.channels, &decoded)?,
            bands: octave_bands(decoded.rate_hz, &first(&self.audio), &first(&decoded))?,
            signal: Signal::new(&decoded, &Levels::of(&decoded), self.loudest_db)?,
        })
    }
}

impl Signal {
    fn new(audio: &Audio, levels: &Levels, loudest_db: f32) -> Result<Self, Error> {
        let format = StreamFormat::Wav(SampleFormat::I16);
        let bytes = Cursor::new(Vec::new());
        let mut writer = StreamWriter::new(bytes, "the page", audio.rate_hz, audio.channels.len(), format)?;
        writer.write(&audio.channels)?;
        let (bytes, written) = writer.finish_seekable()?;
        let spectrograms = levels.pngs(loudest_db)?;
        Ok(Self { wav: bytes.into_inner(), clipped: written.clipped, spectrograms })
    }
}

/// Bytes of the .dacp file of the first `codebooks` codebooks.
fn dacp_bytes(tokens: &TokenFile, codebooks: usize) -> Result<u64, Error> {
    let codes = tokens.codes.as_ref().map(|codes| codes.truncate(codebooks)).transpose()?;
    let mut file = TokenFile::default();
    (file.codes, file.meta) = (codes, tokens.meta.clone());
    let mut bytes = Vec::new();
    file.write_to(&mut bytes, Format::Dacp, &WriteOptions::default())?;
    Ok(bytes.len() as u64)
}
