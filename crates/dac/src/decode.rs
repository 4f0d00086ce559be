//! Tokens to audio: check, decode, trim, resample, hand on.

use std::ops::Range;
use std::path::Path;

use dac_audio::{MAX_CHANNELS, Planar, Resampler, SampleFormat, WavWriter, WriteReport};
use dac_model::CodecError;
use dac_rvq::{Array3, Codes};
use dac_stream::descript::{DescriptChunks, DescriptDecoder};
use dac_stream::overlap::{self, OverlapSettings};
use dac_stream::{ChunkPlan, StreamDecoder};
use dac_tokens::{TokenFile, TokenMeta};

use crate::audio::Audio;
use crate::error::Error;
use crate::lengths::Lengths;
use crate::model::{Chunking, Dac};

/// Sample rate of the output.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum OutputRate {
    /// The model's.
    #[default]
    Model,
    /// The rate and the exact length of the audio that was encoded.
    Input,
    /// Any other, in Hz.
    Hz(u32),
}

/// How to decode.
#[derive(Debug, Clone, Default)]
#[non_exhaustive]
pub struct DecodeOptions {
    /// Codebooks to use of those that the tokens have; `None` uses all.
    pub codebooks: Option<usize>,
    /// Sample rate of the output.
    pub output_rate: OutputRate,
    /// How long signals are cut.
    pub chunk: Chunking,
    /// The part of the signal to decode; `None` for all of it.
    pub range: Option<TimeRange>,
    /// Brings all channels by one gain to the loudness that the tokens store of the input ([`Dac::loudness_gain`]), after a
    /// first pass over everything, also for a range; tokens that store none are left as they are.
    pub restore_loudness: bool,
}

/// A part of a signal, cut at the signal's end.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct TimeRange {
    /// Where it begins, in seconds from the signal's start.
    pub start_seconds: f64,
    /// How long it is, in seconds.
    pub duration_seconds: f64,
}

impl Dac {
    /// Decodes tokens in memory. The length is that of the audio that was encoded where the tokens tell it, at the output's
    /// rate; else all that the frames decode to. Codes of the reference's unpadded windows are decoded as such.
    ///
    /// # Errors
    /// When the tokens are another model's, are empty or out of range, or an option needs what they do not have.
    pub fn decode(&self, tokens: &TokenFile, options: &DecodeOptions) -> Result<Audio, Error> {
        let mut session = DecodeSession::new(self, tokens, options)?;
        let mut channels: Planar = vec![Vec::new(); session.channels()];
        while let Some(block) = session.next_block()? {
            for (channel, samples) in channels.iter_mut().zip(block) {
                channel.extend(samples);
            }
        }
        Ok(Audio { channels, rate_hz: session.rate_hz() })
    }

    /// Decodes tokens into a WAV file, block by block; the file appears whole or not at all.
    ///
    /// # Errors
    /// As [`Dac::decode`], and when the file cannot be written.
    pub fn decode_to_file(
        &self,
        tokens: &TokenFile,
        path: impl AsRef<Path>,
        format: SampleFormat,
        options: &DecodeOptions,
    ) -> Result<WriteReport, Error> {
        let mut session = DecodeSession::new(self, tokens, options)?;
        let mut writer = WavWriter::create(path, session.rate_hz(), session.channels(), format)?;
        writer.check_length(session.samples())?;
        while let Some(block) = session.next_block()? {
            writer.write(&block)?;
        }
        Ok(writer.finish()?)
    }

    /// Checks that tokens fit this model; gives a remark when they fit but were made with other weights.
    ///
    /// # Errors
    /// When rate, hop or codebook size differ.
    pub fn check_tokens(&self, meta: &TokenMeta) -> Result<Option<String>, Error> {
        let shape = self.shape();
        let same = |what, expected: usize, found: Option<usize>| match found {
            Some(found) if found != expected => {
                Err(Error::OtherModel { what, expected: expected.to_string(), found: found.to_string() })
            }
            _ => Ok(()),
        };
        same(
            "the sample rate in Hz",
            shape.sample_rate_hz as usize,
            meta.model_rate_hz.map(|hz| hz as usize),
        )?;
        same("the hop in samples", shape.hop_samples(), meta.hop_samples)?;
        same("the codebook size", shape.codebook_size, meta.codebook_size)?;
        let hash = meta.weights_sha256.as_ref().filter(|hash| **hash != self.info.weights_sha256);
        Ok(hash.map(|hash| {
            let model = meta.model.as_deref().unwrap_or("unnamed");
            let short = |hash: &str| hash.chars().take(12).collect::<String>();
            format!(
                "the tokens were made by weights {} ({model}), these are {} ({}): only another file of the same weights decodes them rightly",
                short(hash),
                short(&self.info.weights_sha256),
                self.info.name
            )
        }))
    }
}

/// A decode in progress: blocks of audio out, in constant memory beside the tokens.
pub struct DecodeSession {
    dac: Dac,
    tracks: Vec<(Rows, Decoder)>,
    gain: f32,
    overlap: Option<OverlapSettings>,
    /// Frames that the network sees: those of the range and their context.
    window: Range<usize>,
    block_frames: usize,
    next_frame: usize,
    trim: Trim,
    resampler: Resampler,
    /// Resampled samples before the range, to be dropped: what the filter needs to be settled.
    output_skip: u64,
    output_samples: u64,
    finished: bool,
}

impl DecodeSession {
    /// Begins a decode.
    ///
    /// # Errors
    /// As [`Dac::decode`].
    pub fn new(dac: &Dac, tokens: &TokenFile, options: &DecodeOptions) -> Result<Self, Error> {
        Self::with_meta(dac, tokens, &tokens.meta, options)
    }

    /// The same with other facts than the tokens' own.
    pub(crate) fn with_meta(
        dac: &Dac,
        tokens: &TokenFile,
        meta: &TokenMeta,
        options: &DecodeOptions,
    ) -> Result<Self, Error> {
        dac.check_tokens(meta)?;
        check_channels(tokens.shape().map_or(0, |[channels, _, _]| channels))?;
        let (rows, frames) = rows_of(dac, tokens, options.codebooks)?;
        let overlap = if let Chunking::Overlap(settings) = options.chunk { Some(settings) } else { None };
        let windows = windows_of(dac, meta, frames)?;
        if overlap.is_some() && windows.is_some() {
            return Err(Error::Option {
                what: "the chunking",
                found: "overlap".to_owned(),
                expected: "another: these codes are of windows that do not overlap",
            });
        }
        let gain = if options.restore_loudness { dac.loudness_gain(tokens, options.codebooks)? } else { 1.0 };
        let chunk_frames = options.chunk.frames(dac.shape())?.unwrap_or(frames.max(1));
        let hop = dac.geometry().hop_samples;
        let input = meta.input_samples.zip(meta.input_rate_hz);
        let decoded = windows.as_ref().map_or(frames * hop, |windows| windows.samples);
        let lengths = Lengths::new(input, options.output_rate, dac.shape().sample_rate_hz, decoded as u64)?;
        let mut resampler = Resampler::new(lengths.model_hz, lengths.output_hz, rows.len())?;
        // The output's samples, the model's samples they are made of, and the frames those are made of.
        let output = match options.range {
            None => 0..lengths.output_samples,
            Some(range) => range.samples(lengths.output_hz, lengths.output_samples)?,
        };
        let (model, output_skip) = lengths.model_range(&output, &resampler);
        let (window, window_start) = if let Some(windows) = &windows {
            let chunk = windows.chunks.chunk_frames;
            let first = (model.start / windows.chunk_samples as u64) as usize;
            let end = (model.end.div_ceil(windows.chunk_samples as u64) as usize).max(first + 1);
            (first * chunk..end.saturating_mul(chunk).min(frames), first * windows.chunk_samples)
        } else if overlap.is_some() {
            (0..frames, 0)
        } else {
            let (left, right) = dac.geometry().decoder_context_frames();
            let grid = dac.codec.decode_grid_frames();
            let first = (model.start / hop as u64) as usize;
            let end = (model.end.div_ceil(hop as u64) as usize).clamp(first + 1, frames.max(first + 1));
            let start = first.saturating_sub(left) / grid * grid;
            (start..end.saturating_add(right).min(frames), start * hop)
        };
        let output_samples = output.end - output.start;
        resampler.set_output_samples(output_skip + output_samples)?;
        let decoder = || match &windows {
            Some(windows) => {
                Decoder::Windows(Box::new(DescriptDecoder::new(dac.codec.clone(), windows.chunks)))
            }
            None => {
                let plan = ChunkPlan::decode_within_budget(&dac.codec, chunk_frames);
                Decoder::Stream(Box::new(StreamDecoder::with_plan(dac.codec.clone(), plan)))
            }
        };
        let tracks = rows.into_iter().map(|rows| (rows, decoder())).collect();
        Ok(Self {
            dac: dac.clone(),
            tracks,
            gain,
            overlap,
            block_frames: chunk_frames,
            next_frame: window.start,
            trim: Trim { skip: model.start - window_start as u64, left: model.end - model.start },
            window,
            resampler,
            output_skip,
            output_samples,
            finished: false,
        })
    }

    /// Channels of the output.
    pub fn channels(&self) -> usize {
        self.tracks.len()
    }

    /// Sample rate of the output in Hz.
    pub fn rate_hz(&self) -> u32 {
        self.resampler.to_hz()
    }

    /// Samples a channel of the output in all.
    pub fn samples(&self) -> u64 {
        self.output_samples
    }

    /// The one gain that is applied to all channels.
    pub fn gain(&self) -> f32 {
        self.gain
    }

    /// The next block `[channels][samples]`, which may be empty; `None` at the end.
    ///
    /// # Errors
    /// When a code is out of range or the device fails.
    pub fn next_block(&mut self) -> Result<Option<Planar>, Error> {
        if self.finished {
            return Ok(None);
        }
        let range = self.next_frame..(self.next_frame + self.block_frames).min(self.window.end);
        let last = range.end == self.window.end;
        let mut block: Planar = Vec::with_capacity(self.tracks.len());
        for (rows, decoder) in &mut self.tracks {
            block.push(match &self.overlap {
                Some(settings) => rows.decode_overlapping(&self.dac, settings)?,
                None => rows.decode(range.clone(), decoder, last)?,
            });
        }
        self.next_frame = range.end;
        self.trim.apply(&mut block, last);
        if self.gain != 1.0 {
            block.iter_mut().flatten().for_each(|sample| *sample *= self.gain);
        }
        let mut out = self.resampler.push(&block)?;
        if last {
            self.finished = true;
            for (channel, rest) in out.iter_mut().zip(self.resampler.flush()?) {
                channel.extend(rest);
            }
        }
        let ready = out.first().map_or(0, Vec::len) as u64;
        let skip = self.output_skip.min(ready);
        out.iter_mut().for_each(|channel| drop(channel.drain(..skip as usize)));
        self.output_skip -= skip;
        Ok(Some(out))
    }

    /// The model that decodes.
    pub fn dac(&self) -> &Dac {
        &self.dac
    }
}

/// How a channel is decoded.
enum Decoder {
    /// As one signal.
    Stream(Box<StreamDecoder>),
    /// In the windows that the tokens were cut into, each by itself.
    Windows(Box<DescriptDecoder>),
}

impl Decoder {
    fn push_codes(&mut self, rows: &[u16], codebooks: usize, out: &mut Vec<f32>) -> Result<(), CodecError> {
        match self {
            Self::Stream(decoder) => decoder.push_codes(rows, codebooks, out),
            Self::Windows(decoder) => decoder.push_codes(rows, codebooks, out),
        }
    }

    fn flush(&mut self, out: &mut Vec<f32>) -> Result<(), CodecError> {
        match self {
            Self::Stream(decoder) => decoder.flush(out),
            Self::Windows(decoder) => decoder.flush(out),
        }
    }
}

/// The windows that codes are made of.
struct Windows {
    chunks: DescriptChunks,
    /// Samples of each window but the last.
    chunk_samples: usize,
    /// Samples of all.
    samples: usize,
}

/// A decoder and a filter for each channel take memory: no more of them than audio can have.
pub(crate) fn check_channels(channels: usize) -> Result<(), Error> {
    if channels > MAX_CHANNELS {
        let (what, expected) =
            ("the number of the tokens' channels", "64 at most, as many as audio has here");
        return Err(Error::Option { what, found: channels.to_string(), expected });
    }
    Ok(())
}

/// The windows of the reference that the tokens' own facts tell; none where they are one padded chunk, which is the exact way.
fn windows_of(dac: &Dac, meta: &TokenMeta, frames: usize) -> Result<Option<Windows>, Error> {
    let wrong = |found: String, expected| Error::Option {
        what: "the tokens' chunk length in frames",
        found,
        expected,
    };
    let chunk_frames = match meta.chunk_frames {
        None => frames,
        Some(0) => return Err(wrong("0".to_owned(), "1 or more")),
        Some(chunk) => usize::try_from(chunk).unwrap_or(usize::MAX).min(frames),
    };
    let chunks = DescriptChunks { chunk_frames, padding: meta.padding.unwrap_or(true) };
    if chunks.padding && chunk_frames == frames {
        return Ok(None);
    }
    let samples = |frames| {
        let expected = "chunks that the unpadded network gives a sample for";
        chunks.samples(dac.shape(), frames).map_err(|error| wrong(error.to_string(), expected))
    };
    Ok(Some(Windows { chunks, chunk_samples: samples(chunk_frames)?, samples: samples(frames)? }))
}

/// What a channel is decoded from, one frame after another.
enum Rows {
    Codes { rows: Vec<u16>, codebooks: usize },
    Z { rows: Vec<f32>, latent: usize },
}

impl Rows {
    fn decode(&self, range: Range<usize>, decoder: &mut Decoder, last: bool) -> Result<Vec<f32>, Error> {
        let mut samples = Vec::new();
        match (self, &mut *decoder) {
            (Self::Codes { rows, codebooks }, decoder) => {
                let rows = &rows[range.start * codebooks..range.end * codebooks];
                decoder.push_codes(rows, *codebooks, &mut samples)?;
            }
            (Self::Z { rows, latent }, Decoder::Stream(decoder)) => {
                decoder.push_z(&rows[range.start * latent..range.end * latent], &mut samples)?;
            }
            (Self::Z { .. }, Decoder::Windows(_)) => {
                return Err(Error::Needs { what: "a decode in windows", needs: "codes" });
            }
        }
        if last {
            decoder.flush(&mut samples)?;
        }
        Ok(samples)
    }

    fn decode_overlapping(&self, dac: &Dac, settings: &OverlapSettings) -> Result<Vec<f32>, Error> {
        let array = |rows: &[f32], latent| Array3::from_rows(rows, latent).map_err(CodecError::from);
        Ok(match self {
            Self::Codes { rows, codebooks } => {
                let codes = Codes::from_rows(rows, *codebooks).map_err(CodecError::from)?;
                overlap::decode_codes(&dac.codec, &codes, settings)?
            }
            Self::Z { rows, latent } => overlap::decode_z(&dac.codec, &array(rows, *latent)?, settings)?,
        })
    }
}

/// The part of the network's output that is handed on: what is left of it once so many samples were skipped.
struct Trim {
    skip: u64,
    left: u64,
}

impl Trim {
    fn apply(&mut self, block: &mut Planar, last: bool) {
        let ready = block.first().map_or(0, Vec::len) as u64;
        let skip = self.skip.min(ready);
        block.iter_mut().for_each(|samples| drop(samples.drain(..skip as usize)));
        self.skip -= skip;
        // At the end, samples that the network does not reach (its stride of 5 falls 8 short) are zeros.
        let wanted = if last { self.left } else { (ready - skip).min(self.left) };
        block.iter_mut().for_each(|samples| samples.resize(wanted as usize, 0.0));
        self.left -= wanted;
    }
}

impl TimeRange {
    fn samples(&self, rate_hz: u32, total: u64) -> Result<Range<u64>, Error> {
        let at = |what, seconds: f64| {
            if seconds.is_finite() && seconds >= 0.0 {
                Ok((seconds * f64::from(rate_hz)).round() as u64)
            } else {
                Err(Error::Option { what, found: seconds.to_string(), expected: "0 or more seconds" })
            }
        };
        let start = at("the start of the range", self.start_seconds)?;
        let length = at("the length of the range", self.duration_seconds)?;
        if start >= total || length == 0 {
            return Err(Error::Option {
                what: "the range's first sample",
                found: start.to_string(),
                expected: "one within the signal, and a length above 0",
            });
        }
        Ok(start..start.saturating_add(length).min(total))
    }
}

/// Each channel's frames, and how many frames there are.
fn rows_of(dac: &Dac, tokens: &TokenFile, codebooks: Option<usize>) -> Result<(Vec<Rows>, usize), Error> {
    let searched;
    let codes = match (&tokens.codes, &tokens.z, &tokens.latents) {
        (Some(codes), _, _) => codes,
        (None, Some(z), _) if codebooks.is_none() => return rows_of_z(dac, z),
        (None, _, Some(latents)) => {
            searched = dac.codec.latents_to_codes(latents)?;
            &searched
        }
        (None, Some(_), None) => return Err(Error::Needs { what: "a number of codebooks", needs: "codes" }),
        (None, None, None) => return Err(Error::NoTokens),
    };
    let codes = checked_codes(dac, codes, codebooks)?;
    let codebooks = codes.codebooks();
    let rows = (0..codes.channels()).map(|c| Rows::Codes { rows: codes.to_rows(c), codebooks }).collect();
    Ok((rows, codes.frames()))
}

/// The first `codebooks` codebooks of codes (`None`: all), which have to be some and in range.
pub(crate) fn checked_codes(dac: &Dac, codes: &Codes, codebooks: Option<usize>) -> Result<Codes, Error> {
    let codes = match codebooks {
        Some(k) => codes.truncate(k).map_err(CodecError::from)?,
        None => codes.clone(),
    };
    if codes.frames() == 0 || codes.channels() == 0 {
        return Err(CodecError::Empty { what: "codes" }.into());
    }
    dac.codec.codebooks(Some(codes.codebooks()))?;
    codes.check_range(dac.shape().codebook_size).map_err(CodecError::from)?;
    Ok(codes)
}

fn rows_of_z(dac: &Dac, z: &Array3) -> Result<(Vec<Rows>, usize), Error> {
    let [channels, latent, frames] = z.shape();
    let expected = dac.shape().latent_dim;
    if channels == 0 || frames == 0 {
        return Err(CodecError::Empty { what: "z" }.into());
    }
    if latent != expected {
        let expected = format!("[channels, {expected}, frames]");
        return Err(CodecError::Input { what: "z", found: z.shape(), expected }.into());
    }
    Ok(((0..channels).map(|c| Rows::Z { rows: z.to_rows(c), latent }).collect(), frames))
}
