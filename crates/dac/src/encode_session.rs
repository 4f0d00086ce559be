//! An encode that takes audio block by block.

use dac_audio::{LoudnessMeter, Planar, Resampler, check_planar};
use dac_model::{Codec, CodecError};
use dac_rvq::cpu::QuantizedRows;
use dac_rvq::{Array3, Codes};
use dac_stream::overlap::{OverlapEncoder, OverlapSettings};
use dac_stream::windowed::{WindowedEncoder, WindowedPlan, WindowedSummary};
use dac_stream::{ChunkPlan, StreamEncoder};
use dac_tokens::{TokenFile, TokenMeta};

use crate::audio_buffer::AUDIO_IN_MEMORY;
use crate::chunking::Chunking;
use crate::error::Error;
use crate::loudness::InputLoudness;
use crate::model::Dac;
use crate::options::{EncodeOptions, Save};

/// An encode in progress: takes blocks of audio, returns tokens at the end. Its memory grows only with what
/// is saved.
pub struct EncodeSession {
    dac: Dac,
    options: EncodeOptions,
    codebooks: usize,
    rate_hz: u32,
    input_channels: usize,
    input_samples: u64,
    replaced_samples: u64,
    input_truncated: bool,
    resampler: Resampler,
    loudness: Loudness,
    tracks: Vec<Track>,
}

/// Source of the loudness that the tokens record.
enum Loudness {
    Unknown,
    /// Measured during the encode.
    Meter(LoudnessMeter),
    /// Measured before, with the gain that the signal gets.
    Known {
        input_db: f32,
        gain: f32,
    },
}

impl EncodeSession {
    /// Begins an encode of `channels` channels at `rate_hz`. [`Chunking::Windowed`] needs
    /// [`EncodeSession::with_loudness`].
    ///
    /// # Errors
    /// When the rate cannot be resampled, the model has fewer codebooks, or an option is out of range.
    pub fn new(dac: &Dac, rate_hz: u32, channels: usize, options: &EncodeOptions) -> Result<Self, Error> {
        Self::begin(dac, rate_hz, channels, options, None)
    }

    /// Begins an encode of a signal whose loudness was measured before ([`Dac::measure_loudness`]).
    ///
    /// # Errors
    /// As [`EncodeSession::new`].
    pub fn with_loudness(
        dac: &Dac,
        rate_hz: u32,
        channels: usize,
        options: &EncodeOptions,
        loudness: InputLoudness,
    ) -> Result<Self, Error> {
        Self::begin(dac, rate_hz, channels, options, Some(loudness))
    }

    pub(crate) fn begin(
        dac: &Dac,
        rate_hz: u32,
        input_channels: usize,
        options: &EncodeOptions,
        loudness: Option<InputLoudness>,
    ) -> Result<Self, Error> {
        let channels = options.channels.channels(input_channels);
        let codebooks = dac.codec.codebooks(options.codebooks)?;
        let model_hz = dac.shape().sample_rate_hz;
        let plan = Plan::new(dac, options.chunk)?;
        let loudness = match (&plan, loudness) {
            (Plan::Windowed(_), None) => {
                return Err(Error::InvalidOption {
                    option: "the chunking",
                    found: "windowed".to_owned(),
                    expected: "exact, whole or overlap unless the loudness is given: windows need it from the start",
                });
            }
            (Plan::Windowed(_), Some(known)) => {
                Loudness::Known { input_db: known.input_db, gain: known.window_gain() }
            }
            (_, Some(known)) => Loudness::Known { input_db: known.input_db, gain: 1.0 },
            (_, None) if options.measure_loudness => Loudness::Meter(LoudnessMeter::new(model_hz, channels)?),
            (_, None) => Loudness::Unknown,
        };
        Ok(Self {
            dac: dac.clone(),
            options: options.clone(),
            codebooks,
            rate_hz,
            input_channels,
            input_samples: 0,
            replaced_samples: 0,
            input_truncated: false,
            resampler: Resampler::new(rate_hz, model_hz, channels)?,
            loudness,
            tracks: (0..channels).map(|_| plan.track(dac, codebooks)).collect::<Result<_, _>>()?,
        })
    }

    /// Takes a block `[channels][samples]` at the input's rate.
    ///
    /// # Errors
    /// When the number of channels differs, the channels differ in length, a value is not finite and the
    /// policy does not replace it, or the device fails.
    pub fn push(&mut self, mut block: Planar) -> Result<(), Error> {
        let samples = check_planar(&block, self.input_channels)?;
        let policy = self.options.non_finite;
        self.replaced_samples += policy.apply(&mut block, AUDIO_IN_MEMORY, self.input_samples)?;
        self.input_samples += samples as u64;
        let mixed = self.options.channels.apply(block);
        let resampled = self.resampler.push(&mixed)?;
        self.encode(resampled)
    }

    /// Encodes a block at the model's rate.
    fn encode(&mut self, mut block: Planar) -> Result<(), Error> {
        match &mut self.loudness {
            Loudness::Meter(meter) => meter.push(&block)?,
            Loudness::Known { gain, .. } if *gain != 1.0 => {
                block.iter_mut().flatten().for_each(|sample| *sample *= *gain);
            }
            Loudness::Known { .. } | Loudness::Unknown => {}
        }
        for (track, samples) in self.tracks.iter_mut().zip(block) {
            track.push(&samples, self.options.save)?;
        }
        Ok(())
    }

    /// Adds what a reader replaced in the input before it was pushed, and whether the input was truncated.
    pub(crate) fn add_reader_findings(&mut self, replaced_samples: u64, truncated: bool) {
        self.replaced_samples += replaced_samples;
        self.input_truncated |= truncated;
    }

    /// Returns the frames of codes that are complete in all channels and not yet taken;
    /// [`EncodeSession::finish`] returns the rest. `None` when there are none, which is always so with
    /// [`Chunking::Whole`].
    ///
    /// # Errors
    /// Never for codes that the model produced.
    pub fn take_codes(&mut self) -> Result<Option<Codes>, Error> {
        let ready = self.tracks.iter().map(|track| track.rows.codes.len()).min().unwrap_or(0);
        let ready = ready / self.codebooks * self.codebooks;
        if ready == 0 {
            return Ok(None);
        }
        let channels = self.tracks.iter_mut().map(|track| {
            let rows: Vec<u16> = track.rows.codes.drain(..ready).collect();
            Codes::from_rows(&rows, self.codebooks)
        });
        let channels: Vec<_> = channels.collect::<Result<_, _>>().map_err(CodecError::from)?;
        Ok(Some(Codes::stack_channels(&channels).map_err(CodecError::from)?))
    }

    /// Metadata of the tokens that is known before the end: all except the input's length.
    pub fn meta(&self) -> TokenMeta {
        self.dac.token_meta(self.rate_hz)
    }

    /// Channels of the tokens.
    pub fn channels(&self) -> usize {
        self.tracks.len()
    }

    /// Ends the signal and returns its tokens; errors refer to the signal as `name`.
    ///
    /// # Errors
    /// When there was no sample, or the device fails.
    pub fn finish(mut self, name: &str) -> Result<TokenFile, Error> {
        let rest = self.resampler.flush()?;
        self.encode(rest)?;
        if self.input_samples == 0 || self.tracks.is_empty() {
            return Err(Error::NoSamples { name: name.to_owned() });
        }
        let mut meta = self.meta();
        meta.input_samples = Some(self.input_samples);
        meta.replaced_samples = Some(self.replaced_samples).filter(|&count| count > 0);
        meta.input_truncated = self.input_truncated.then_some(true);
        meta.input_db = match &self.loudness {
            Loudness::Unknown => None,
            Loudness::Meter(meter) => Some(meter.integrated_db() as f32),
            Loudness::Known { input_db, .. } => Some(*input_db),
        };
        let (save, codebooks) = (self.options.save, self.codebooks);
        let mut channels = Vec::with_capacity(self.tracks.len());
        for track in self.tracks {
            let (rows, windows) = track.finish(&self.dac.codec, codebooks, save)?;
            if let Some(windows) = windows {
                meta.chunk_frames = Some(windows.chunk_frames as u64);
                meta.padding = Some(windows.padding);
            }
            channels.push(rows);
        }
        let shape = self.dac.shape();
        let widths = [codebooks, shape.latent_dim, codebooks * shape.codebook_dim];
        Ok(tokens_of_rows(channels, meta, save, widths)?)
    }
}

/// Arranges the rows of all channels as arrays; `widths` are those of codes, z and latents.
fn tokens_of_rows(
    mut channels: Vec<QuantizedRows>,
    meta: TokenMeta,
    save: Save,
    [codebooks, z_width, latents_width]: [usize; 3],
) -> Result<TokenFile, CodecError> {
    let mut tokens = TokenFile::default();
    tokens.meta = meta;
    if save.codes {
        let codes =
            channels.iter_mut().map(|rows| Codes::from_rows(&std::mem::take(&mut rows.codes), codebooks));
        tokens.codes = Some(Codes::stack_channels(&codes.collect::<Result<Vec<_>, _>>()?)?);
    }
    if save.z {
        let z = channels.iter_mut().map(|rows| Array3::from_rows(&std::mem::take(&mut rows.z), z_width));
        tokens.z = Some(Array3::stack(&z.collect::<Result<Vec<_>, _>>()?)?);
    }
    if save.latents {
        let latents = channels
            .iter_mut()
            .map(|rows| Array3::from_rows(&std::mem::take(&mut rows.latents), latents_width));
        tokens.latents = Some(Array3::stack(&latents.collect::<Result<Vec<_>, _>>()?)?);
    }
    Ok(tokens)
}

/// The chunks that every channel is encoded in.
enum Plan {
    Whole,
    Exact(ChunkPlan),
    Overlap(OverlapSettings),
    Windowed(WindowedPlan),
}

impl Plan {
    fn new(dac: &Dac, chunking: Chunking) -> Result<Self, Error> {
        Ok(match chunking {
            Chunking::Overlap(settings) => Self::Overlap(settings),
            _ => {
                if let Some(windows) = chunking.window_plan(dac.shape())? {
                    Self::Windowed(windows)
                } else if let Some(frames) = chunking.exact_frames(dac.shape())? {
                    Self::Exact(ChunkPlan::encode_within_budget(&dac.codec, frames))
                } else {
                    Self::Whole
                }
            }
        })
    }

    fn track(&self, dac: &Dac, codebooks: usize) -> Result<Track, CodecError> {
        let codec = dac.codec.clone();
        let encoder = match self {
            Self::Whole => ChannelEncoder::Whole(Vec::new()),
            Self::Exact(plan) => {
                ChannelEncoder::Stream(Box::new(StreamEncoder::with_plan(codec, Some(codebooks), *plan)?))
            }
            Self::Overlap(settings) => {
                ChannelEncoder::Overlap(OverlapEncoder::new(codec, Some(codebooks), settings))
            }
            Self::Windowed(plan) => {
                ChannelEncoder::Windowed(Box::new(WindowedEncoder::new(codec, Some(codebooks), *plan)?))
            }
        };
        Ok(Track { encoder, rows: QuantizedRows::default(), scratch: QuantizedRows::default() })
    }
}

/// One output channel: its encoder, and the rows to save so far.
struct Track {
    encoder: ChannelEncoder,
    rows: QuantizedRows,
    scratch: QuantizedRows,
}

enum ChannelEncoder {
    /// Collects the whole channel.
    Whole(Vec<f32>),
    Stream(Box<StreamEncoder>),
    Overlap(OverlapEncoder),
    Windowed(Box<WindowedEncoder>),
}

impl Track {
    fn push(&mut self, samples: &[f32], save: Save) -> Result<(), CodecError> {
        match &mut self.encoder {
            ChannelEncoder::Whole(collected) => collected.extend_from_slice(samples),
            ChannelEncoder::Stream(encoder) => encoder.push(samples, &mut self.scratch)?,
            ChannelEncoder::Overlap(encoder) => encoder.push(samples, &mut self.scratch)?,
            ChannelEncoder::Windowed(encoder) => encoder.push(samples, &mut self.scratch)?,
        }
        self.save_scratch(save);
        Ok(())
    }

    fn finish(
        mut self,
        codec: &Codec,
        codebooks: usize,
        save: Save,
    ) -> Result<(QuantizedRows, Option<WindowedSummary>), CodecError> {
        let mut windows = None;
        match &mut self.encoder {
            ChannelEncoder::Whole(samples) => {
                let samples = std::mem::take(samples);
                let encoded = codec.encode(&Array3::mono(samples), Some(codebooks))?;
                self.scratch.codes = encoded.codes.to_rows(0);
                if save.z {
                    self.scratch.z = encoded.z.to_rows(0);
                }
                if save.latents {
                    self.scratch.latents = encoded.latents.to_rows(0);
                }
            }
            ChannelEncoder::Stream(encoder) => drop(encoder.flush(&mut self.scratch)?),
            ChannelEncoder::Overlap(encoder) => encoder.flush(&mut self.scratch)?,
            ChannelEncoder::Windowed(encoder) => windows = Some(encoder.flush(&mut self.scratch)?),
        }
        self.save_scratch(save);
        Ok((self.rows, windows))
    }

    /// Moves the rows to save out of `scratch` and clears it.
    fn save_scratch(&mut self, save: Save) {
        if save.codes {
            self.rows.codes.extend_from_slice(&self.scratch.codes);
        }
        if save.z {
            self.rows.z.extend_from_slice(&self.scratch.z);
        }
        if save.latents {
            self.rows.latents.extend_from_slice(&self.scratch.latents);
        }
        self.scratch.codes.clear();
        self.scratch.z.clear();
        self.scratch.latents.clear();
    }
}
