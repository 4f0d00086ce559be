//! Encoding of a signal at the model's rate to tokens.

use dac_audio::{LoudnessMeter, Planar};
use dac_model::{Codec, CodecError};
use dac_rvq::cpu::QuantizedRows;
use dac_rvq::{Array3, Codes};
use dac_stream::overlap::{OverlapEncoder, OverlapSettings};
use dac_stream::windowed::{WindowedEncoder, WindowedPlan, WindowedSummary};
use dac_stream::{ChunkPlan, StreamEncoder};
use dac_tokens::{TokenFile, TokenMeta};

use crate::chunking::Chunking;
use crate::error::Error;
use crate::loudness::InputLoudness;
use crate::model::Dac;
use dac_tokens::Save;

use crate::options::EncodeOptions;

/// Encoder of a mixed and resampled signal. Its memory grows only with what is saved.
pub(crate) struct TokenEncoder {
    dac: Dac,
    save: Save,
    codebooks: usize,
    loudness: Loudness,
    tracks: Vec<Track>,
}

/// Source of the loudness that the tokens record.
enum Loudness {
    Unknown,
    /// Measured during the encode.
    Meter(LoudnessMeter),
    /// Measured before the encode; the signal is multiplied by `gain`.
    Known {
        input_db: f32,
        gain: f32,
    },
}

/// Properties of the input that the tokens record.
pub(crate) struct InputFacts {
    pub(crate) rate_hz: u32,
    /// Samples per channel.
    pub(crate) samples: u64,
    /// Values that were not finite.
    pub(crate) replaced_samples: u64,
    pub(crate) truncated: bool,
}

impl TokenEncoder {
    /// Begins an encode of `channels` channels; windowed mode needs the `loudness` of the whole input.
    pub(crate) fn new(
        dac: &Dac,
        channels: usize,
        options: &EncodeOptions,
        loudness: Option<InputLoudness>,
    ) -> Result<Self, Error> {
        let codebooks = dac.codec.codebooks(options.codebooks)?;
        let plan = Plan::new(dac, options.chunk)?;
        let loudness = match (&plan, loudness) {
            (Plan::Windowed(_), None) => {
                return Err(Error::InvalidOption {
                    option: "the chunking of a session",
                    found: "windowed".to_owned(),
                    expected: "exact, whole or overlap",
                });
            }
            (Plan::Windowed(_), Some(known)) => {
                Loudness::Known { input_db: known.input_db, gain: known.window_gain() }
            }
            _ if options.measure_loudness => {
                Loudness::Meter(LoudnessMeter::new(dac.shape().sample_rate_hz, channels)?)
            }
            _ => Loudness::Unknown,
        };
        let tracks = (0..channels).map(|_| plan.track(dac, codebooks)).collect::<Result<_, _>>()?;
        Ok(Self { dac: dac.clone(), save: options.save, codebooks, loudness, tracks })
    }

    /// Channels of the tokens.
    pub(crate) fn channels(&self) -> usize {
        self.tracks.len()
    }

    /// Encodes a block `[channels][samples]` at the model's rate.
    pub(crate) fn push(&mut self, mut block: Planar) -> Result<(), Error> {
        match &mut self.loudness {
            Loudness::Meter(meter) => meter.push(&block)?,
            Loudness::Known { gain, .. } if *gain != 1.0 => {
                block.iter_mut().flatten().for_each(|sample| *sample *= *gain);
            }
            Loudness::Known { .. } | Loudness::Unknown => {}
        }
        for (track, samples) in self.tracks.iter_mut().zip(block) {
            track.push(&samples, self.save)?;
        }
        Ok(())
    }

    /// Takes the frames of codes that are complete in all channels; `None` when there are none.
    pub(crate) fn take_codes(&mut self) -> Result<Option<Codes>, Error> {
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

    /// Ends the signal and returns its tokens; `name` refers to the input in errors.
    pub(crate) fn finish(self, input: &InputFacts, name: &str) -> Result<TokenFile, Error> {
        if input.samples == 0 || self.tracks.is_empty() {
            return Err(Error::NoSamples { name: name.to_owned() });
        }
        let mut meta = self.dac.token_meta(input.rate_hz);
        meta.input_samples = Some(input.samples);
        meta.replaced_samples = Some(input.replaced_samples).filter(|&count| count > 0);
        meta.input_truncated = input.truncated.then_some(true);
        meta.input_db = match &self.loudness {
            Loudness::Unknown => None,
            Loudness::Meter(meter) => Some(meter.integrated_db() as f32),
            Loudness::Known { input_db, .. } => Some(*input_db),
        };
        let (save, codebooks) = (self.save, self.codebooks);
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

/// Chunks of every channel.
enum Plan {
    Whole,
    Exact(ChunkPlan),
    Overlap(OverlapSettings),
    Windowed(WindowedPlan),
}

impl Plan {
    fn new(dac: &Dac, chunking: Chunking) -> Result<Self, Error> {
        if let Chunking::Overlap(settings) = chunking {
            return Ok(Self::Overlap(settings));
        }
        if let Some(windows) = chunking.window_plan(dac.shape())? {
            return Ok(Self::Windowed(windows));
        }
        Ok(match chunking.exact_frames(dac.shape())? {
            Some(frames) => Self::Exact(ChunkPlan::encode_within_budget(&dac.codec, frames)),
            None => Self::Whole,
        })
    }

    /// Creates the encoder of one channel.
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

/// Encoder of one channel.
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
