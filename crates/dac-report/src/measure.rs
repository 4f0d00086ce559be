//! Encodes an excerpt, decodes it with several numbers of codebooks, and measures and draws the results.

use std::io::Cursor;

use dac::audio::{Planar, StreamFormat, StreamWriter};
use dac::metrics::{ComparisonMeter, octave_bands};
use dac::tokens::Format;
use dac::tokens::{TokenError, WriteOptions};
use dac::{Audio, ChannelMix, Dac, DecodeOptions, EncodeOptions, Error, SampleFormat, TokenFile};

use crate::error::ReportError;
use crate::excerpt::Excerpt;
use crate::pictures::{Spectrogram, token_pngs};
use crate::report::{Band, Codec, Recording, Report, Signal, Tokens, Variant};

/// Largest total size of the players' audio in a page, because browsers load a page as a whole.
const MAX_AUDIO_BYTES: u64 = 256_000_000;

/// A step of [`Report::measure`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Step {
    /// The excerpt is encoded.
    Encode,
    /// The tokens are decoded with this number of codebooks.
    Decode(usize),
}

impl Report {
    /// Encodes an excerpt and decodes it with each number of codebooks in `counts`, which must be ascending.
    /// Calls `on_step` before each step.
    ///
    /// # Errors
    /// When the page would be too large, the excerpt is empty, its rate cannot be resampled, or the device
    /// fails.
    pub fn measure(
        dac: &Dac,
        excerpt: &Excerpt,
        mix: ChannelMix,
        counts: &[usize],
        on_step: &mut dyn FnMut(Step),
    ) -> Result<Self, ReportError> {
        let mut recording = excerpt.recording.clone();
        let coded = excerpt.codec_input(mix, dac.shape().sample_rate_hz)?;
        check_size(&recording, &coded, counts.len() as u64 + 1)?;
        let codebooks = counts.last().copied();
        let options = EncodeOptions { channels: mix, codebooks, ..EncodeOptions::default() };
        on_step(Step::Encode);
        let tokens = dac.encode(&excerpt.audio, &options)?;
        let warnings = [recording.warning.take(), tokens.meta.input_warning.clone()];
        recording.warning =
            warnings.into_iter().flatten().reduce(|first, second| format!("{first}; {second}"));
        let original = Original::new(coded)?;
        let mut variants = Vec::with_capacity(counts.len());
        for &codebooks in counts {
            on_step(Step::Decode(codebooks));
            variants.push(original.variant(dac, &tokens, codebooks, &recording)?);
        }
        Ok(Self {
            codec: codec(dac),
            recording,
            tokens: drawn(&tokens, mix)?,
            variants,
            original: original.signal,
        })
    }
}

/// Checks that the players' audio does not become too large.
fn check_size(recording: &Recording, coded: &Audio, players: u64) -> Result<(), ReportError> {
    let audio_bytes = players * 2 * coded.channels.len() as u64 * coded.samples() as u64;
    if audio_bytes > MAX_AUDIO_BYTES {
        let (seconds, max_bytes) = (recording.seconds, MAX_AUDIO_BYTES);
        return Err(ReportError::TooMuchAudio { players, seconds, audio_bytes, max_bytes });
    }
    Ok(())
}

fn codec(dac: &Dac) -> Codec {
    let (info, codec) = (dac.info(), dac.codec());
    Codec {
        model: info.name.clone(),
        weights_sha256: info.weights_sha256.clone(),
        device: codec.options().device.to_string(),
        precision: codec.options().precision.to_string(),
        isa: codec.isa().map(|level| level.to_string()),
        shape: dac.shape().clone(),
    }
}

fn drawn(tokens: &TokenFile, mix: ChannelMix) -> Result<Tokens, ReportError> {
    let codes = tokens.codes.as_ref().ok_or(Error::NoTokens)?;
    let [channels, codebooks, frames] = codes.shape();
    Ok(Tokens { mix, channels, frames, codebooks, pngs: token_pngs(codes)? })
}

/// The encoded signal, with which each decode is compared.
struct Original {
    audio: Audio,
    loudest_db: f32,
    signal: Signal,
}

impl Original {
    fn new(audio: Audio) -> Result<Self, ReportError> {
        let spectrogram = Spectrogram::new(&audio);
        let loudest_db = spectrogram.loudest_db();
        Ok(Self { loudest_db, signal: signal(&audio, &spectrogram, loudest_db)?, audio })
    }

    /// Decodes with the first `codebooks` codebooks and measures the result.
    fn variant(
        &self,
        dac: &Dac,
        tokens: &TokenFile,
        codebooks: usize,
        recording: &Recording,
    ) -> Result<Variant, ReportError> {
        let options = DecodeOptions { codebooks: Some(codebooks), ..DecodeOptions::default() };
        let decoded = dac.decode(tokens, &options)?;
        let mut meter = ComparisonMeter::new(&decoded.channels, decoded.rate_hz);
        meter.push(&self.audio.channels)?;
        let comparison = meter.finish();
        let dacp_bytes = dacp_bytes(tokens, codebooks).map_err(Error::from)?;
        Ok(Variant {
            codebooks,
            nominal_kbps: dac.shape().bitrate_kbps(codebooks) * decoded.channels.len() as f64,
            dacp_bytes,
            dacp_kbps: recording.kbps(dacp_bytes),
            si_sdr_db: comparison.si_sdr_db,
            mel_distance: comparison.mel_distance,
            stft_distance: comparison.stft_distance,
            bands: self.bands(&decoded)?,
            signal: signal(&decoded, &Spectrogram::new(&decoded), self.loudest_db)?,
        })
    }

    fn bands(&self, decoded: &Audio) -> Result<Vec<Band>, ReportError> {
        // Rounding may make the two lengths differ by a sample.
        let samples = decoded.samples().min(self.audio.samples());
        let first = |audio: &Audio| -> Planar {
            audio.channels.iter().map(|channel| channel.iter().take(samples).copied().collect()).collect()
        };
        let bands = octave_bands(decoded.rate_hz, &first(&self.audio), &first(decoded))?;
        Ok(bands.into_iter().map(Band::from).collect())
    }
}

/// Writes a WAV file in memory and draws the spectrograms.
fn signal(audio: &Audio, spectrogram: &Spectrogram, loudest_db: f32) -> Result<Signal, ReportError> {
    let format = StreamFormat::Wav(SampleFormat::I16);
    let bytes = Cursor::new(Vec::new());
    let mut writer = StreamWriter::new(bytes, "the page", audio.rate_hz, audio.channels.len(), format)?;
    writer.write(&audio.channels)?;
    let (bytes, written) = writer.finish_seekable()?;
    let spectrograms = spectrogram.pngs(loudest_db)?;
    Ok(Signal { wav: bytes.into_inner(), clipped: written.clipped, spectrograms })
}

/// Size of the `.dacp` file with the first `codebooks` codebooks.
fn dacp_bytes(tokens: &TokenFile, codebooks: usize) -> Result<u64, TokenError> {
    let mut file = TokenFile::default();
    file.codes = tokens.codes.as_ref().map(|codes| codes.truncate(codebooks)).transpose()?;
    file.meta = tokens.meta.clone();
    let mut bytes = Vec::new();
    file.write_to(&mut bytes, Format::Dacp, &WriteOptions::default())?;
    Ok(bytes.len() as u64)
}
