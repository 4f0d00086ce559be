//! Decoding of one channel's frames in each of the decoding modes.

use std::ops::Range;
use std::sync::Arc;

use dac_audio::MAX_CHANNELS;
use dac_model::{Codec, CodecError};
use dac_rvq::{Array3, Codes};
use dac_stream::StreamDecoder;
use dac_stream::overlap::{self, OverlapSettings};
use dac_stream::windowed::{WindowedChunks, WindowedDecoder};
use dac_tokens::{TokenFile, TokenMeta};

use crate::chunking::Chunking;
use crate::error::Error;
use crate::model::Dac;

/// The way frames become samples.
pub(crate) enum Mode {
    /// One signal, in chunks with context.
    Exact,
    /// Chunks averaged where they overlap.
    Overlap(OverlapSettings),
    /// The windows that the tokens were encoded in, each by itself.
    Windowed(Windows),
}

impl Mode {
    /// Chooses the decoding mode: windows where the metadata records any, else the requested chunking.
    pub(crate) fn choose(
        dac: &Dac,
        meta: &TokenMeta,
        frames: usize,
        chunking: Chunking,
    ) -> Result<Self, Error> {
        match (chunking, windows_of(dac, meta, frames)?) {
            (Chunking::Overlap(_), Some(_)) => {
                Err(Error::invalid("the chunking for codes of windows", "overlap", "exact or whole"))
            }
            (Chunking::Overlap(settings), None) => Ok(Self::Overlap(settings)),
            (_, Some(windows)) => Ok(Self::Windowed(windows)),
            (_, None) => Ok(Self::Exact),
        }
    }

    /// Number of frames whose audio is kept if the last `tail` ones are only context.
    pub(crate) fn frames_without_tail(&self, frames: usize, tail: usize) -> Result<usize, Error> {
        match self {
            Self::Windowed(_) if tail > 0 => {
                let expected = "0: each window is decoded by itself, without context";
                Err(Error::invalid("the number of tail frames of windowed tokens", tail, expected))
            }
            _ => without_tail(frames, tail),
        }
    }

    /// Samples that all frames decode to.
    pub(crate) fn samples(&self, dac: &Dac, frames: usize) -> usize {
        match self {
            Self::Exact | Self::Overlap(_) => frames * dac.geometry().hop_samples,
            Self::Windowed(windows) => windows.samples,
        }
    }
}

/// Subtracts the frames at the end that are only context.
pub(crate) fn without_tail(frames: usize, tail: usize) -> Result<usize, Error> {
    if tail > 0 && tail >= frames {
        let expected = format!("less than the number of frames, {frames}");
        return Err(Error::invalid("the number of tail frames", tail, expected));
    }
    Ok(frames - tail)
}

/// Windows that tokens were encoded in, and the lengths that they decode to.
pub(crate) struct Windows {
    pub(crate) chunks: WindowedChunks,
    /// Samples of each window but the last.
    pub(crate) window_samples: usize,
    /// Samples of all windows.
    pub(crate) samples: usize,
}

/// Returns the windows that the metadata records; `None` for one padded chunk, which is the exact mode.
fn windows_of(dac: &Dac, meta: &TokenMeta, frames: usize) -> Result<Option<Windows>, Error> {
    let chunk_frames = match meta.chunk_frames {
        None => frames,
        Some(0) => {
            return Err(Error::invalid("the chunk length of the tokens in frames", 0, "1 or more"));
        }
        Some(chunk) => usize::try_from(chunk).unwrap_or(usize::MAX).min(frames),
    };
    let chunks = WindowedChunks { chunk_frames, padding: meta.padding.unwrap_or(true) };
    if chunks.padding && chunk_frames == frames {
        return Ok(None);
    }
    let window_samples = chunks.samples(dac.shape(), chunk_frames)?;
    Ok(Some(Windows { chunks, window_samples, samples: chunks.samples(dac.shape(), frames)? }))
}

pub(crate) enum ChannelFrames {
    /// `[frames][codebooks]`.
    Codes { rows: Vec<u16>, codebooks: usize },
    /// `[frames][latent]`.
    Z { rows: Vec<f32>, latent: usize },
}

pub(crate) enum ChannelDecoder {
    Stream(Box<StreamDecoder>),
    Windowed(Box<WindowedDecoder>),
    Overlap { codec: Arc<Codec>, settings: OverlapSettings },
}

impl ChannelDecoder {
    pub(crate) fn new(dac: &Dac, mode: &Mode, chunk_frames: usize) -> Self {
        let codec = dac.codec.clone();
        match mode {
            Mode::Exact => Self::Stream(Box::new(StreamDecoder::new(codec, chunk_frames))),
            Mode::Overlap(settings) => Self::Overlap { codec, settings: *settings },
            Mode::Windowed(windows) => Self::Windowed(Box::new(WindowedDecoder::new(codec, windows.chunks))),
        }
    }

    /// Decodes the frames of `range`, and ends the signal after the last of them if `last`.
    pub(crate) fn decode(
        &mut self,
        frames: &ChannelFrames,
        range: Range<usize>,
        last: bool,
    ) -> Result<Vec<f32>, Error> {
        let mut samples = Vec::new();
        match (self, frames) {
            (Self::Stream(decoder), frames) => {
                match frames {
                    ChannelFrames::Codes { rows, codebooks: k } => {
                        decoder.push_codes(&rows[range.start * k..range.end * k], *k, &mut samples)?;
                    }
                    ChannelFrames::Z { rows, latent: n } => {
                        decoder.push_z(&rows[range.start * n..range.end * n], &mut samples)?;
                    }
                }
                if last {
                    decoder.flush(&mut samples)?;
                }
            }
            (Self::Windowed(decoder), ChannelFrames::Codes { rows, codebooks: k }) => {
                decoder.push_codes(&rows[range.start * k..range.end * k], *k, &mut samples)?;
                if last {
                    decoder.flush(&mut samples)?;
                }
            }
            (Self::Windowed(_), ChannelFrames::Z { .. }) => {
                return Err(Error::MissingInTokens { option: "decoding windows", required: "codes" });
            }
            // This mode decodes all frames in one block.
            (Self::Overlap { codec, settings }, ChannelFrames::Codes { rows, codebooks }) => {
                let codes = Codes::from_rows(rows, *codebooks).map_err(CodecError::from)?;
                samples = overlap::decode_codes(codec, &codes, settings)?;
            }
            (Self::Overlap { codec, settings }, ChannelFrames::Z { rows, latent }) => {
                let z = Array3::from_rows(rows, *latent).map_err(CodecError::from)?;
                samples = overlap::decode_z(codec, &z, settings)?;
            }
        }
        Ok(samples)
    }
}

/// Checks that there are no more channels than audio can have: each takes memory.
pub(crate) fn check_channels(channels: usize) -> Result<(), Error> {
    if channels <= MAX_CHANNELS {
        return Ok(());
    }
    Err(Error::invalid("the number of channels of the tokens", channels, "at most 64"))
}

/// Returns each channel's frames and their number. Uses codes if there are any, then z, then latents.
pub(crate) fn frames_of(
    dac: &Dac,
    tokens: &TokenFile,
    codebooks: Option<usize>,
) -> Result<(Vec<ChannelFrames>, usize), Error> {
    let searched;
    let codes = match (&tokens.codes, &tokens.z, &tokens.latents) {
        (Some(codes), _, _) => codes,
        (None, Some(z), _) if codebooks.is_none() => return frames_of_z(dac, z),
        (None, _, Some(latents)) => {
            searched = dac.codec.latents_to_codes(latents)?;
            &searched
        }
        (None, Some(_), None) => {
            return Err(Error::MissingInTokens { option: "a number of codebooks", required: "codes" });
        }
        (None, None, None) => return Err(Error::NoTokens),
    };
    check_orientation(dac, codes)?;
    let codes = match codebooks {
        Some(k) => codes.truncate(k).map_err(CodecError::from)?,
        None => codes.clone(),
    };
    if codes.frames() == 0 || codes.channels() == 0 {
        return Err(CodecError::Empty { what: "codes" }.into());
    }
    let codebooks = codes.codebooks();
    check_codebooks(dac, codebooks)?;
    codes.check_range(dac.shape().codebook_size).map_err(CodecError::from)?;
    let channels = (0..codes.channels()).map(|c| ChannelFrames::Codes { rows: codes.to_rows(c), codebooks });
    Ok((channels.collect(), codes.frames()))
}

/// Checks that there are no more codebooks than the model has.
pub(crate) fn check_codebooks(dac: &Dac, found: usize) -> Result<(), Error> {
    let available = dac.shape().codebooks;
    if found <= available {
        return Ok(());
    }
    let (expected, found) = (format!("at most {available}"), found.to_string());
    Err(Error::ModelMismatch { property: "number of codebooks", expected, found })
}

/// Checks that the array is not `[channels, frames, codebooks]`, as far as the numbers show.
fn check_orientation(dac: &Dac, codes: &Codes) -> Result<(), Error> {
    let (available, [_, codebooks, frames]) = (dac.shape().codebooks, codes.shape());
    if codebooks <= available || frames > available || frames == 0 {
        return Ok(());
    }
    let expected = format!(
        "[channels, codebooks, frames] with at most {available} codebooks; it looks transposed: exchange its \
         last two axes"
    );
    Err(CodecError::Input { what: "the array of codes", found: codes.shape(), expected }.into())
}

fn frames_of_z(dac: &Dac, z: &Array3) -> Result<(Vec<ChannelFrames>, usize), Error> {
    let [channels, latent, frames] = z.shape();
    let expected = dac.shape().latent_dim;
    if channels == 0 || frames == 0 {
        return Err(CodecError::Empty { what: "z" }.into());
    }
    if latent != expected {
        let expected = format!(
            "[channels, {expected}, frames]; arrays of floats are read as z, codes have to be integers"
        );
        return Err(CodecError::Input { what: "z", found: z.shape(), expected }.into());
    }
    Ok(((0..channels).map(|c| ChannelFrames::Z { rows: z.to_rows(c), latent }).collect(), frames))
}
