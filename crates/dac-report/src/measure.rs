//! Encodes an excerpt, decodes it with several numbers of codebooks, and measures and draws the results.

use std::io::Cursor;

use dac::audio::{Planar, StreamFormat, StreamWriter, resampled_samples};
use dac::metrics::{ComparisonMeter, octave_bands};
use dac::tokens::Format;
use dac::tokens::{TokenError, WriteOptions};
use dac::{Audio, ChannelMix, Dac, DecodeOptions, EncodeOptions, Error, Progress, SampleFormat, TokenFile};

use crate::error::ReportError;
use crate::excerpt::Excerpt;
use crate::pictures::{Spectrogram, token_pngs};
use crate::report::{Band, Codec, Report, Signal, Tokens, Variant};

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
        check_size(dac, excerpt, mix, counts.len() as u64 + 1)?;
        on_step(Step::Encode);
        let codebooks = counts.last().copied();
        let options = EncodeOptions { channels: mix, codebooks, ..EncodeOptions::default() };
        let mut comparison = Comparison::encode(dac, excerpt, &options, &mut ())?;
        let warnings = [recording.warning.take(), comparison.tokens.meta.input_warning.clone()];
        recording.warning =
            warnings.into_iter().flatten().reduce(|first, second| format!("{first}; {second}"));
        let mut variants = Vec::with_capacity(counts.len());
        for &codebooks in counts {
            on_step(Step::Decode(codebooks));
            variants.push(comparison.variant(codebooks)?);
        }
        let tokens = Tokens { mix, ..comparison.drawn_tokens()? };
        let original = comparison.take_original().ok_or(Error::NoTokens)?;
        Ok(Self { codec: codec(dac), recording, tokens, variants, original })
    }
}

/// Tokens of a signal, and the signal if it is known, from which variants are decoded one at a time.
pub struct Comparison {
    dac: Dac,
    tokens: TokenFile,
    seconds: f64,
    original: Option<Original>,
    /// Level of the spectrograms' brightest colour.
    loudest_db: Option<f32>,
}

impl Comparison {
    /// Encodes an excerpt.
    ///
    /// # Errors
    /// When the excerpt is empty, its rate cannot be resampled, the device fails, or `progress` cancels.
    pub fn encode(
        dac: &Dac,
        excerpt: &Excerpt,
        options: &EncodeOptions,
        progress: &mut dyn Progress,
    ) -> Result<Self, ReportError> {
        let channels: Vec<_> = excerpt.audio.channels.iter().map(Vec::as_slice).collect();
        let tokens = dac.encode_slices(&channels, excerpt.audio.rate_hz, options, progress)?;
        let original = Original::new(excerpt.codec_input(options.channels, dac.shape().sample_rate_hz)?)?;
        let (seconds, loudest_db) = (excerpt.recording.seconds, Some(original.loudest_db));
        Ok(Self { dac: dac.clone(), tokens, seconds, original: Some(original), loudest_db })
    }

    /// Takes tokens without their original; figures that need it become NaN.
    ///
    /// # Errors
    /// When there are no codes, or they are from a model of another shape.
    pub fn of_tokens(dac: &Dac, tokens: TokenFile) -> Result<Self, ReportError> {
        dac.check_tokens(&tokens.meta)?;
        let frames = tokens.codes.as_ref().ok_or(Error::NoTokens)?.frames();
        let seconds = tokens.meta.audio_seconds();
        let seconds = seconds.unwrap_or(frames as f64 / dac.shape().frame_rate_hz());
        Ok(Self { dac: dac.clone(), tokens, seconds, original: None, loudest_db: None })
    }

    /// The tokens with all codebooks.
    pub fn tokens(&self) -> &TokenFile {
        &self.tokens
    }

    /// Length of the signal in seconds.
    pub fn seconds(&self) -> f64 {
        self.seconds
    }

    /// Returns the original's player and pictures, which are then no longer held.
    pub fn take_original(&mut self) -> Option<Signal> {
        self.original.as_mut().and_then(|original| original.signal.take())
    }

    /// Draws the codes.
    ///
    /// # Errors
    /// When the picture would be too large.
    pub fn drawn_tokens(&self) -> Result<Tokens, ReportError> {
        let codes = self.tokens.codes.as_ref().ok_or(Error::NoTokens)?;
        let [channels, codebooks, frames] = codes.shape();
        Ok(Tokens { mix: ChannelMix::default(), channels, frames, codebooks, pngs: token_pngs(codes)? })
    }

    /// Decodes with the first `codebooks` codebooks and measures the result.
    ///
    /// # Errors
    /// When there are fewer codebooks, or the device fails.
    pub fn variant(&mut self, codebooks: usize) -> Result<Variant, ReportError> {
        let options = DecodeOptions { codebooks: Some(codebooks), ..DecodeOptions::default() };
        let decoded = self.dac.decode(&self.tokens, &options)?;
        let dacp_bytes = dacp_bytes(&self.tokens, codebooks).map_err(Error::from)?;
        let mut figures = (f64::NAN, f64::NAN, f64::NAN, Vec::new());
        if let Some(original) = &self.original {
            let mut meter = ComparisonMeter::new(&decoded.channels, decoded.rate_hz);
            meter.push(&original.audio.channels)?;
            let found = meter.finish();
            figures = (found.si_sdr_db, found.mel_distance, found.stft_distance, original.bands(&decoded)?);
        }
        let (si_sdr_db, mel_distance, stft_distance, bands) = figures;
        let spectrogram = Spectrogram::new(&decoded);
        let loudest_db = *self.loudest_db.get_or_insert(spectrogram.loudest_db());
        Ok(Variant {
            codebooks,
            nominal_kbps: self.dac.shape().bitrate_kbps(codebooks) * decoded.channels.len() as f64,
            dacp_bytes,
            dacp_kbps: dacp_bytes as f64 * 0.008 / self.seconds,
            si_sdr_db,
            mel_distance,
            stft_distance,
            bands,
            signal: signal(&decoded, &spectrogram, loudest_db)?,
        })
    }
}

/// Checks that the players' audio does not become too large.
fn check_size(dac: &Dac, excerpt: &Excerpt, mix: ChannelMix, players: u64) -> Result<(), ReportError> {
    let Audio { channels, rate_hz } = &excerpt.audio;
    let samples = excerpt.audio.samples() as u64;
    let coded_samples = resampled_samples(samples, *rate_hz, dac.shape().sample_rate_hz);
    let audio_bytes = players * 2 * mix.channels(channels.len()) as u64 * coded_samples;
    if audio_bytes > MAX_AUDIO_BYTES {
        let (seconds, max_bytes) = (excerpt.recording.seconds, MAX_AUDIO_BYTES);
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

/// The encoded signal, with which each decode is compared.
struct Original {
    audio: Audio,
    loudest_db: f32,
    signal: Option<Signal>,
}

impl Original {
    fn new(audio: Audio) -> Result<Self, ReportError> {
        let spectrogram = Spectrogram::new(&audio);
        let loudest_db = spectrogram.loudest_db();
        Ok(Self { loudest_db, signal: Some(signal(&audio, &spectrogram, loudest_db)?), audio })
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
