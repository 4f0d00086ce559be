//! Encoding of a signal at the model's rate to tokens.

use std::mem::take;

use dac_audio::{LoudnessMeter, Planar};
use dac_model::CodecError;
use dac_rvq::cpu::QuantizedRows;
use dac_rvq::{Array3, Codes};
use dac_stream::StreamEncoder;
use dac_stream::overlap::{OverlapEncoder, OverlapSettings};
use dac_stream::windowed::{WindowedEncoder, WindowedPlan};
use dac_tokens::{Save, TokenFile, TokenMeta};

use crate::chunking::Chunking;
use crate::error::Error;
use crate::loudness::InputLoudness;
use crate::model::Dac;
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

impl TokenEncoder {
    /// Begins an encode of `channels` channels; windowed mode needs the `loudness` of the whole input.
    pub(crate) fn new(
        dac: &Dac,
        channels: usize,
        options: &EncodeOptions,
        loudness: Option<InputLoudness>,
    ) -> Result<Self, Error> {
        let codebooks = dac.codec.codebooks(options.codebooks)?;
        let track = |_| Track::new(dac, options.chunk, codebooks);
        let tracks = (0..channels).map(track).collect::<Result<_, Error>>()?;
        let loudness = match (options.chunk, loudness) {
            (Chunking::Windowed { .. }, None) => {
                let (option, expected) = ("the chunking of a session", "exact, whole or overlap");
                return Err(Error::invalid(option, "windowed", expected));
            }
            (Chunking::Windowed { .. }, Some(known)) => {
                Loudness::Known { input_db: known.input_db, gain: known.window_gain() }
            }
            _ if options.measure_loudness => {
                Loudness::Meter(LoudnessMeter::new(dac.shape().sample_rate_hz, channels)?)
            }
            _ => Loudness::Unknown,
        };
        Ok(Self { dac: dac.clone(), save: options.save, codebooks, loudness, tracks })
    }

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
        let rows = self.tracks.iter_mut().map(|track| track.rows.codes.drain(..ready).collect());
        Ok(Some(stack_codes(rows, self.codebooks)?))
    }

    /// Ends the signal and returns its tokens. `meta` describes the input; `name` refers to it in errors.
    pub(crate) fn finish(self, mut meta: TokenMeta, name: &str) -> Result<TokenFile, Error> {
        if meta.input_samples == Some(0) || self.tracks.is_empty() {
            return Err(Error::NoSamples { name: name.to_owned() });
        }
        meta.input_db = match &self.loudness {
            Loudness::Unknown => None,
            Loudness::Meter(meter) => Some(meter.integrated_db() as f32),
            Loudness::Known { input_db, .. } => Some(*input_db),
        };
        let (save, codebooks) = (self.save, self.codebooks);
        let mut channels = Vec::with_capacity(self.tracks.len());
        for track in self.tracks {
            channels.push(track.finish(save, &mut meta)?);
        }
        let mut tokens = TokenFile::default();
        tokens.meta = meta;
        let shape = self.dac.shape();
        if save.codes {
            let rows = channels.iter_mut().map(|rows| take(&mut rows.codes));
            tokens.codes = Some(stack_codes(rows, codebooks)?);
        }
        if save.z {
            let rows = channels.iter_mut().map(|rows| take(&mut rows.z));
            tokens.z = Some(stack_arrays(rows, shape.latent_dim)?);
        }
        if save.latents {
            let rows = channels.iter_mut().map(|rows| take(&mut rows.latents));
            tokens.latents = Some(stack_arrays(rows, codebooks * shape.codebook_dim)?);
        }
        Ok(tokens)
    }
}

/// Joins the rows `[frames][codebooks]` of all channels.
fn stack_codes(channels: impl Iterator<Item = Vec<u16>>, codebooks: usize) -> Result<Codes, CodecError> {
    let channels = channels.map(|rows| Codes::from_rows(&rows, codebooks)).collect::<Result<Vec<_>, _>>()?;
    Ok(Codes::stack_channels(&channels)?)
}

/// Joins the rows `[frames][width]` of all channels.
fn stack_arrays(channels: impl Iterator<Item = Vec<f32>>, width: usize) -> Result<Array3, CodecError> {
    let channels = channels.map(|rows| Array3::from_rows(&rows, width)).collect::<Result<Vec<_>, _>>()?;
    Ok(Array3::stack(&channels)?)
}

/// One output channel: its encoder, and the rows to save so far.
struct Track {
    encoder: ChannelEncoder,
    rows: QuantizedRows,
}

enum ChannelEncoder {
    Stream(Box<StreamEncoder>),
    /// Chunks without context; also the whole signal as one chunk.
    Overlap(OverlapEncoder),
    Windowed(Box<WindowedEncoder>),
}

impl Track {
    fn new(dac: &Dac, chunking: Chunking, codebooks: usize) -> Result<Self, Error> {
        let (codec, shape) = (dac.codec.clone(), dac.shape());
        let encoder = match chunking {
            Chunking::Whole => {
                let encoding_chunk_seconds = f64::INFINITY;
                let settings = OverlapSettings { encoding_chunk_seconds, ..OverlapSettings::default() };
                ChannelEncoder::Overlap(OverlapEncoder::new(codec, Some(codebooks), &settings))
            }
            Chunking::Exact { .. } => {
                let frames = chunking.exact_frames(shape)?.unwrap_or(1);
                ChannelEncoder::Stream(Box::new(StreamEncoder::new(codec, Some(codebooks), frames)?))
            }
            Chunking::Overlap(settings) => {
                ChannelEncoder::Overlap(OverlapEncoder::new(codec, Some(codebooks), &settings))
            }
            Chunking::Windowed { seconds } => {
                let plan = WindowedPlan::new(shape, seconds)?;
                ChannelEncoder::Windowed(Box::new(WindowedEncoder::new(codec, Some(codebooks), plan)?))
            }
        };
        Ok(Self { encoder, rows: QuantizedRows::default() })
    }

    fn push(&mut self, samples: &[f32], save: Save) -> Result<(), CodecError> {
        match &mut self.encoder {
            ChannelEncoder::Stream(encoder) => encoder.push(samples, &mut self.rows)?,
            ChannelEncoder::Overlap(encoder) => encoder.push(samples, &mut self.rows)?,
            ChannelEncoder::Windowed(encoder) => encoder.push(samples, &mut self.rows)?,
        }
        clear_unsaved(&mut self.rows, save);
        Ok(())
    }

    /// Ends the signal, records its windows in `meta`, and returns the rows to save.
    fn finish(self, save: Save, meta: &mut TokenMeta) -> Result<QuantizedRows, CodecError> {
        let mut rows = self.rows;
        match self.encoder {
            ChannelEncoder::Stream(mut encoder) => drop(encoder.flush(&mut rows)?),
            ChannelEncoder::Overlap(mut encoder) => encoder.flush(&mut rows)?,
            ChannelEncoder::Windowed(mut encoder) => {
                let windows = encoder.flush(&mut rows)?;
                meta.chunk_frames = Some(windows.chunk_frames as u64);
                meta.padding = Some(windows.padding);
            }
        }
        clear_unsaved(&mut rows, save);
        Ok(rows)
    }
}

fn clear_unsaved(rows: &mut QuantizedRows, save: Save) {
    if !save.codes {
        rows.codes.clear();
    }
    if !save.z {
        rows.z.clear();
    }
    if !save.latents {
        rows.latents.clear();
    }
}
