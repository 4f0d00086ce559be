//! Audio to tokens: mix, resample, encode, collect.

use std::ops::ControlFlow;
use std::path::Path;

use dac_audio::{AudioReader, ChannelMix, LoudnessMeter, NonFinitePolicy, Planar, Resampler, check_planar};
use dac_rvq::plain::QuantizedRows;
use dac_rvq::{Array3, Codes};
use dac_stream::overlap::OverlapEncoder;
use dac_stream::{ChunkPlan, StreamEncoder};
use dac_tokens::{TokenFile, TokenMeta};

pub use dac_tokens::Save;

use crate::audio::{Audio, BLOCK_SAMPLES, THE_AUDIO};
use crate::error::Error;
use crate::model::{Chunking, Dac};

/// How to encode.
#[derive(Debug, Clone, Default)]
#[non_exhaustive]
pub struct EncodeOptions {
    /// Codebooks to use; `None` uses all.
    pub codebooks: Option<usize>,
    /// What becomes of the channels: one mean, or a code stream each.
    pub channels: ChannelMix,
    /// What to keep.
    pub save: Save,
    /// How long signals are cut.
    pub chunk: Chunking,
    /// What becomes of values that are not finite.
    pub non_finite: NonFinitePolicy,
    /// Measures the loudness of what is encoded, all channels together, and stores it in the tokens: a `.dac` file needs it.
    pub measure_loudness: bool,
}

impl Dac {
    /// Encodes audio in memory: mixed and resampled as `options` and the model ask.
    ///
    /// # Errors
    /// When there are no samples, the channels differ in length, a value is not finite, or the model lacks the codebooks.
    pub fn encode(&self, audio: &Audio, options: &EncodeOptions) -> Result<TokenFile, Error> {
        audio.check()?;
        let mut session = EncodeSession::new(self, audio.rate_hz, audio.channels.len(), options)?;
        let samples = audio.samples();
        for start in (0..samples).step_by(BLOCK_SAMPLES) {
            let end = (start + BLOCK_SAMPLES).min(samples);
            session.push(audio.slice(start..end))?;
        }
        session.finish(THE_AUDIO)
    }

    /// Encodes an audio file of any supported kind, block by block.
    ///
    /// # Errors
    /// When it is not audio, has no samples, or holds a value that is not finite; and as [`Dac::encode`].
    pub fn encode_file(&self, path: impl AsRef<Path>, options: &EncodeOptions) -> Result<TokenFile, Error> {
        self.encode_reader(AudioReader::open(path)?, options, &mut |_| ControlFlow::Continue(()))
    }

    /// Encodes an open reader, telling `progress` after each block how many samples a channel were read; it may end the work.
    /// What becomes of values that are not finite is for `options` to say, whatever the reader was told.
    ///
    /// # Errors
    /// As [`Dac::encode_file`], and [`Error::Stopped`] when `progress` breaks.
    pub fn encode_reader(
        &self,
        reader: AudioReader,
        options: &EncodeOptions,
        progress: &mut dyn FnMut(u64) -> ControlFlow<()>,
    ) -> Result<TokenFile, Error> {
        let mut reader = reader.with_non_finite(options.non_finite);
        let name = reader.path().display().to_string();
        let spec = reader.spec().clone();
        let mut session = EncodeSession::new(self, spec.sample_rate_hz, spec.channels, options)?;
        while let Some(block) = reader.next_block(BLOCK_SAMPLES)? {
            session.push(block)?;
            go_on(progress(reader.position()))?;
        }
        session.replaced_samples += reader.replaced_samples();
        session.input_truncated = reader.is_truncated();
        session.finish(&name)
    }
}

/// An error where whoever watches wants an end.
pub(crate) fn go_on(flow: ControlFlow<()>) -> Result<(), Error> {
    if flow.is_break() { Err(Error::Stopped) } else { Ok(()) }
}

impl Dac {
    /// What the model and the input's rate tell of tokens.
    pub(crate) fn token_meta(&self, input_rate_hz: u32) -> TokenMeta {
        let mut meta = TokenMeta::default();
        meta.model = Some(self.info.name.clone());
        meta.weights_sha256 = Some(self.info.weights_sha256.clone());
        meta.model_rate_hz = Some(self.shape().sample_rate_hz);
        meta.input_rate_hz = Some(input_rate_hz);
        meta.codebook_size = Some(self.shape().codebook_size);
        meta.hop_samples = Some(self.shape().hop_samples());
        meta
    }
}

/// An encode in progress: blocks in, tokens at the end. Memory grows with what is saved alone.
pub struct EncodeSession {
    dac: Dac,
    options: EncodeOptions,
    rate_hz: u32,
    input_channels: usize,
    input_samples: u64,
    replaced_samples: u64,
    input_truncated: bool,
    resampler: Resampler,
    meter: Option<LoudnessMeter>,
    tracks: Vec<Track>,
}

/// One channel of the output.
enum Track {
    Stream { encoder: Box<StreamEncoder>, kept: QuantizedRows, scratch: QuantizedRows },
    Overlap { encoder: OverlapEncoder, kept: QuantizedRows, scratch: QuantizedRows },
    Whole { samples: Vec<f32> },
}

impl EncodeSession {
    /// Begins an encode of `channels` channels at `rate_hz`.
    ///
    /// # Errors
    /// When the rate cannot be resampled, the model lacks the codebooks, or an option is out of range.
    pub fn new(dac: &Dac, rate_hz: u32, channels: usize, options: &EncodeOptions) -> Result<Self, Error> {
        let input_channels = channels;
        let tracks = options.channels.channels(channels);
        dac.codec.codebooks(options.codebooks)?;
        let chunk_frames = options.chunk.frames(dac.shape())?;
        let model_hz = dac.shape().sample_rate_hz;
        let resampler = Resampler::new(rate_hz, model_hz, tracks)?;
        let meter = options.measure_loudness.then(|| LoudnessMeter::new(model_hz, tracks)).transpose()?;
        let tracks = (0..tracks)
            .map(|_| {
                let (kept, scratch) = (QuantizedRows::default(), QuantizedRows::default());
                Ok(match (options.chunk, chunk_frames) {
                    (Chunking::Overlap(settings), _) => Track::Overlap {
                        encoder: OverlapEncoder::new(&dac.codec, options.codebooks, &settings),
                        kept,
                        scratch,
                    },
                    (_, None) => Track::Whole { samples: Vec::new() },
                    (_, Some(frames)) => {
                        let plan = ChunkPlan::encode_within_budget(&dac.codec, frames);
                        let encoder = StreamEncoder::with_plan(dac.codec.clone(), options.codebooks, plan)?;
                        Track::Stream { encoder: Box::new(encoder), kept, scratch }
                    }
                })
            })
            .collect::<Result<_, Error>>()?;
        let (dac, options) = (dac.clone(), options.clone());
        Ok(Self {
            dac,
            options,
            rate_hz,
            input_channels,
            input_samples: 0,
            replaced_samples: 0,
            input_truncated: false,
            resampler,
            meter,
            tracks,
        })
    }

    /// Takes a block `[channels][samples]` at the input's rate.
    ///
    /// # Errors
    /// When the block has other channels, or they are not equally long, a value is not finite and not to be replaced, or the device fails.
    pub fn push(&mut self, mut block: Planar) -> Result<(), Error> {
        let samples = check_planar(&block, self.input_channels)?;
        self.replaced_samples += self.options.non_finite.apply(&mut block, THE_AUDIO, self.input_samples)?;
        self.input_samples += samples as u64;
        let mixed = self.options.channels.apply(block);
        let ready = self.resampler.push(&mixed)?;
        self.feed(&ready)
    }

    fn feed(&mut self, block: &Planar) -> Result<(), Error> {
        let save = self.options.save;
        if let Some(meter) = &mut self.meter {
            meter.push(block)?;
        }
        for (track, samples) in self.tracks.iter_mut().zip(block) {
            match track {
                Track::Whole { samples: held } => held.extend_from_slice(samples),
                Track::Stream { encoder, kept, scratch } => {
                    encoder.push(samples, scratch)?;
                    keep(scratch, kept, save);
                }
                Track::Overlap { encoder, kept, scratch } => {
                    encoder.push(&self.dac.codec, samples, scratch)?;
                    keep(scratch, kept, save);
                }
            }
        }
        Ok(())
    }

    /// Takes the frames of codes that all channels have by now; [`EncodeSession::finish`] gives the rest. `None` when there
    /// are none, and where the signal is worked on as a whole.
    ///
    /// # Errors
    /// Never with the codes that a model makes.
    pub fn take_codes(&mut self) -> Result<Option<Codes>, Error> {
        let codebooks = self.dac.codec.codebooks(self.options.codebooks)?;
        let ready = self.tracks.iter().map(|track| match track {
            Track::Stream { kept, .. } | Track::Overlap { kept, .. } => kept.codes.len(),
            Track::Whole { .. } => 0,
        });
        let ready = ready.min().unwrap_or(0) / codebooks * codebooks;
        if ready == 0 {
            return Ok(None);
        }
        let mut parts = Vec::new();
        for track in &mut self.tracks {
            if let Track::Stream { kept, .. } | Track::Overlap { kept, .. } = track {
                let rows: Vec<u16> = kept.codes.drain(..ready).collect();
                parts.push(Codes::from_rows(&rows, codebooks).map_err(dac_model::CodecError::from)?);
            }
        }
        Ok(Some(Codes::stack_channels(&parts).map_err(dac_model::CodecError::from)?))
    }

    /// What is known of the tokens before they are there: all but the input's length.
    pub fn meta(&self) -> TokenMeta {
        self.dac.token_meta(self.rate_hz)
    }

    /// Channels of the tokens.
    pub fn channels(&self) -> usize {
        self.tracks.len()
    }

    /// Ends the signal and gives its tokens; `name` is what errors call it.
    ///
    /// # Errors
    /// When there was no sample, or the device fails.
    pub fn finish(mut self, name: &str) -> Result<TokenFile, Error> {
        let rest = self.resampler.flush()?;
        self.feed(&rest)?;
        if self.input_samples == 0 || self.tracks.is_empty() {
            return Err(Error::NoSamples { name: name.to_owned() });
        }
        let Save { codes: save_codes, z: save_z, latents: save_latents } = self.options.save;
        let shape = self.dac.shape().clone();
        let mut meta = self.meta();
        meta.input_samples = Some(self.input_samples);
        meta.replaced_samples = Some(self.replaced_samples).filter(|&count| count > 0);
        meta.input_truncated = self.input_truncated.then_some(true);
        meta.input_db = self.meter.as_ref().map(|meter| meter.integrated_db() as f32);
        let codebooks = self.dac.codec.codebooks(self.options.codebooks)?;
        let (mut codes, mut z, mut latents) = (vec![], vec![], vec![]);
        for track in self.tracks {
            let (mut kept, mut scratch) = match track {
                Track::Whole { samples } => {
                    let encoded = self.dac.codec.encode(&Array3::mono(samples), Some(codebooks))?;
                    codes.push(encoded.codes);
                    z.push(encoded.z);
                    latents.push(encoded.latents);
                    continue;
                }
                Track::Stream { mut encoder, kept, mut scratch } => {
                    encoder.flush(&mut scratch)?;
                    (kept, scratch)
                }
                Track::Overlap { mut encoder, kept, mut scratch } => {
                    encoder.flush(&self.dac.codec, &mut scratch)?;
                    (kept, scratch)
                }
            };
            keep(&mut scratch, &mut kept, self.options.save);
            if save_codes {
                codes.push(Codes::from_rows(&kept.codes, codebooks).map_err(dac_model::CodecError::from)?);
            }
            if save_z {
                z.push(from_rows(&kept.z, shape.latent_dim)?);
            }
            if save_latents {
                latents.push(from_rows(&kept.latents, codebooks * shape.codebook_dim)?);
            }
        }
        let stack = |parts: &[Array3]| Array3::stack(parts).map_err(dac_model::CodecError::from);
        let mut tokens = TokenFile::default();
        tokens.meta = meta;
        if save_codes {
            tokens.codes = Some(Codes::stack_channels(&codes).map_err(dac_model::CodecError::from)?);
        }
        if save_z {
            tokens.z = Some(stack(&z)?);
        }
        if save_latents {
            tokens.latents = Some(stack(&latents)?);
        }
        Ok(tokens)
    }
}

fn from_rows(rows: &[f32], channels: usize) -> Result<Array3, Error> {
    Ok(Array3::from_rows(rows, channels).map_err(dac_model::CodecError::from)?)
}

/// Moves what is saved out of `scratch`, which is empty afterwards.
fn keep(scratch: &mut QuantizedRows, kept: &mut QuantizedRows, save: Save) {
    if save.codes {
        kept.codes.extend_from_slice(&scratch.codes);
    }
    if save.z {
        kept.z.extend_from_slice(&scratch.z);
    }
    if save.latents {
        kept.latents.extend_from_slice(&scratch.latents);
    }
    scratch.codes.clear();
    scratch.z.clear();
    scratch.latents.clear();
}
