//! Streaming decoder of one channel.

use std::ops::Range;
use std::sync::Arc;

use dac_model::codec::EngineDecoder;
use dac_model::{Codec, CodecError};
use dac_nn::Padding;
use dac_rvq::{Array3, Codes};

use crate::plan::ChunkPlan;
use crate::window_queue::WindowQueue;

/// Decodes one channel as it arrives, with the same result as decoding the whole signal: on a scale of −1 to
/// 1 within 1e-5, and within 2e-4 with low latency, which takes smaller tiles with other rounding errors.
///
/// Frames are codes `[frames][codebooks]` or quantized latents z `[frames][latent]`; all frames of a signal
/// are of one kind. [`StreamDecoder::flush`], [`StreamDecoder::reset`] and errors end the signal; the next
/// push begins a new one.
pub struct StreamDecoder {
    pub(crate) codec: Arc<Codec>,
    plan: ChunkPlan,
    padding: Padding,
    received_frames: usize,
    /// Kind of the signal's frames; `None` before the first one.
    kind: Option<Kind>,
    mode: Mode,
}

/// State that depends on the kind of device.
enum Mode {
    /// The device keeps the layers' state.
    Stateful(Box<EngineDecoder>),
    /// The device computes windows of the buffered frames, which are of one kind.
    Chunked { codes: Vec<u16>, z: Vec<f32>, queue: WindowQueue<Array3> },
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Codes { codebooks: usize },
    Z,
}

impl StreamDecoder {
    /// Creates a decoder. Devices that keep no state work in chunks of `chunk_frames`.
    pub fn new(codec: Arc<Codec>, chunk_frames: usize) -> Self {
        let plan = ChunkPlan::decode_within_budget(&codec, chunk_frames);
        Self::with_plan(codec, plan)
    }

    /// Creates a decoder with another chunk plan.
    pub fn with_plan(codec: Arc<Codec>, plan: ChunkPlan) -> Self {
        Self::with_padding(codec, plan, Padding::Zeros)
    }

    /// Creates a decoder of codes with or without padding. Devices that keep no state decode an unpadded
    /// signal at once when it ends.
    pub(crate) fn with_padding(codec: Arc<Codec>, plan: ChunkPlan, padding: Padding) -> Self {
        let mode = match codec.engine_decoder(padding) {
            Some(stream) => Mode::Stateful(Box::new(stream)),
            None => Mode::Chunked { codes: Vec::new(), z: Vec::new(), queue: WindowQueue::new() },
        };
        Self { codec, plan, padding, received_frames: 0, kind: None, mode }
    }

    /// Number of frames that have to follow a frame before all of its samples are returned.
    pub fn latency_frames(&self) -> usize {
        let right = self.codec.geometry().decoder_right_frames;
        match self.mode {
            Mode::Stateful(_) => right,
            Mode::Chunked { .. } => self.plan.held_frames() - 1 + right,
        }
    }

    /// Takes any number of frames of codes, `[frames][codebooks]`, and appends the samples that are complete
    /// to `out`.
    ///
    /// # Errors
    /// When a code is out of range, a frame is incomplete, frames are not of the signal's kind, the device
    /// fails, or its output is not finite; the decoder is then reset.
    pub fn push_codes(
        &mut self,
        rows: &[u16],
        codebooks: usize,
        out: &mut Vec<f32>,
    ) -> Result<(), CodecError> {
        self.try_push_codes(rows, codebooks, out).inspect_err(|_| self.reset())
    }

    fn try_push_codes(
        &mut self,
        rows: &[u16],
        codebooks: usize,
        out: &mut Vec<f32>,
    ) -> Result<(), CodecError> {
        let codebooks = self.codec.codebooks(Some(codebooks))?;
        let codes = Codes::from_rows(rows, codebooks)?;
        codes.check_range(self.codec.shape().codebook_size)?;
        if codes.frames() == 0 {
            return Ok(());
        }
        self.accept(Kind::Codes { codebooks }, "codes", codebooks, codes.frames())?;
        match &mut self.mode {
            Mode::Stateful(stream) => return stream.push_codes(rows, codebooks, out),
            Mode::Chunked { codes, .. } => codes.extend_from_slice(rows),
        }
        self.decode_ready(false, out)
    }

    /// Takes any number of frames of z, `[frames][latent]`, and appends the samples that are complete to
    /// `out`.
    ///
    /// # Errors
    /// As [`StreamDecoder::push_codes`].
    pub fn push_z(&mut self, rows: &[f32], out: &mut Vec<f32>) -> Result<(), CodecError> {
        self.try_push_z(rows, out).inspect_err(|_| self.reset())
    }

    fn try_push_z(&mut self, rows: &[f32], out: &mut Vec<f32>) -> Result<(), CodecError> {
        let latent = self.codec.shape().latent_dim;
        if !rows.len().is_multiple_of(latent) {
            let expected = format!("a whole number of frames of {latent} values");
            return Err(CodecError::Input { what: "z", found: [1, 1, rows.len()], expected });
        }
        if rows.is_empty() {
            return Ok(());
        }
        self.accept(Kind::Z, "z", latent, rows.len() / latent)?;
        match &mut self.mode {
            Mode::Stateful(stream) => return stream.push_z(rows, out),
            Mode::Chunked { z, .. } => z.extend_from_slice(rows),
        }
        self.decode_ready(false, out)
    }

    /// Counts `frames` frames, after checking that all frames of the signal are of one kind.
    fn accept(
        &mut self,
        kind: Kind,
        what: &'static str,
        channels: usize,
        frames: usize,
    ) -> Result<(), CodecError> {
        let first = *self.kind.get_or_insert(kind);
        if first == kind {
            self.received_frames += frames;
            return Ok(());
        }
        let expected = match first {
            Kind::Codes { codebooks } => format!("codes of {codebooks} codebooks"),
            Kind::Z => "z".to_owned(),
        };
        let expected = format!("{expected}, like the first frames of the stream");
        Err(CodecError::Input { what, found: [1, channels, 0], expected })
    }

    /// Ends the signal and appends its remaining samples to `out`. The signal has
    /// [`dac_nn::Geometry::samples_for_frames`] samples in all.
    ///
    /// # Errors
    /// As [`StreamDecoder::push_codes`].
    pub fn flush(&mut self, out: &mut Vec<f32>) -> Result<(), CodecError> {
        let result = match &mut self.mode {
            Mode::Stateful(stream) => stream.finish(out),
            Mode::Chunked { .. } => self.decode_ready(true, out),
        };
        self.reset();
        result
    }

    /// Discards the signal pushed so far.
    pub fn reset(&mut self) {
        (self.received_frames, self.kind) = (0, None);
        match &mut self.mode {
            Mode::Stateful(stream) => stream.reset(),
            Mode::Chunked { codes, z, queue } => {
                (*codes, *z, *queue) = (Vec::new(), Vec::new(), WindowQueue::new());
            }
        }
    }

    /// Decodes the windows that are complete.
    fn decode_ready(&mut self, ended: bool, out: &mut Vec<f32>) -> Result<(), CodecError> {
        let Self { codec, kind: Some(kind), mode: Mode::Chunked { codes, z, queue }, .. } = self else {
            return Ok(());
        };
        let (hop, latent) = (codec.geometry().hop_samples, codec.shape().latent_dim);
        if let (Kind::Codes { codebooks }, Padding::None) = (*kind, self.padding) {
            if ended {
                let codes = Codes::from_rows(codes, codebooks)?;
                out.extend_from_slice(codec.decode_codes_unpadded(&codes)?.as_slice());
            }
            return Ok(());
        }
        let start = |windows: &[Range<usize>]| match *kind {
            Kind::Codes { codebooks: k } => {
                let windows = windows.iter().map(|w| Codes::from_rows(&codes[w.start * k..w.end * k], k));
                codec.start_decode_codes(&Codes::stack_channels(&windows.collect::<Result<Vec<_>, _>>()?)?)
            }
            Kind::Z => {
                let rows = |w: &Range<usize>| &z[w.start * latent..w.end * latent];
                let windows = windows.iter().map(|w| Array3::from_rows(rows(w), latent));
                codec.start_decode(&Array3::stack(&windows.collect::<Result<Vec<_>, _>>()?)?)
            }
        };
        let append = |audio: &Array3, item: usize, keep: Range<usize>| {
            let audio = audio.item(item);
            let end = (keep.end * hop).min(audio.len());
            out.extend_from_slice(&audio[(keep.start * hop).min(end)..end]);
        };
        let unneeded = queue.compute(&self.plan, self.received_frames, ended, start, append)?;
        match *kind {
            Kind::Codes { codebooks } => drop(codes.drain(..unneeded * codebooks)),
            Kind::Z => drop(z.drain(..unneeded * latent)),
        }
        Ok(())
    }
}
