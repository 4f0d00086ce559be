//! Streaming decoder of one channel.

use std::ops::Range;
use std::sync::Arc;

use dac_model::codec::{EngineDecoder, Frames};
use dac_model::{Codec, CodecError};
use dac_nn::Padding;
use dac_rvq::{Array3, Codes};

use crate::plan::ChunkPlan;
use crate::ramp::Ramp;
use crate::window_queue::WindowQueue;

/// Decodes one channel as it arrives, with the same result as decoding the whole signal: on a scale of −1 to
/// 1 within 1e-5, and within 3e-4 with low latency, which takes other tiles with other rounding errors.
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
    ramp: Option<Ramp>,
    /// Frames that wait for a block of the ramp to be complete.
    held: HeldFrames,
}

/// Frames of one kind that have arrived but are not computed yet.
#[derive(Default)]
pub(crate) struct HeldFrames {
    codes: Vec<u16>,
    z: Vec<f32>,
    pub(crate) frames: usize,
}

impl HeldFrames {
    pub(crate) fn push(&mut self, frames: usize, new: Frames<'_>) {
        self.frames += frames;
        match new {
            Frames::Codes { rows, .. } => self.codes.extend_from_slice(rows),
            Frames::Z(rows) => self.z.extend_from_slice(rows),
        }
    }

    pub(crate) fn clear(&mut self) {
        self.codes.clear();
        self.z.clear();
        self.frames = 0;
    }

    /// Returns the frames of a signal of this kind.
    pub(crate) fn frames_of(&self, kind: Kind) -> Frames<'_> {
        match kind {
            Kind::Codes { codebooks } => Frames::Codes { rows: &self.codes, codebooks },
            Kind::Z => Frames::Z(&self.z),
        }
    }
}

/// State that depends on the kind of device.
enum Mode {
    /// The device keeps the layers' state.
    Stateful(Box<EngineDecoder>),
    /// The device computes windows of the buffered frames, which are of one kind.
    Chunked { codes: Vec<u16>, z: Vec<f32>, queue: WindowQueue<Array3> },
}

/// Kind of the frames of a signal.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
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
        Self {
            codec,
            plan,
            padding,
            received_frames: 0,
            kind: None,
            mode,
            ramp: None,
            held: HeldFrames::default(),
        }
    }

    /// Makes the decoder return the first samples of each signal as early as the network allows, then compute
    /// larger and larger blocks, up to `max_block_frames`, which cost less time per frame. Until the first
    /// samples, blocks become shorter (5, 3, 1, 1 frames with a look-ahead of 10), so that little is left to
    /// compute when the last frame needed arrives; then blocks have 1, 1, 2, 2, 4, 4 … frames. Frames that
    /// arrive together are computed together.
    ///
    /// With [`dac_model::CodecOptions::low_latency`]; otherwise the CPU engine collects large blocks. Devices
    /// that keep no state ignore it.
    #[must_use]
    pub fn with_ramp(mut self, max_block_frames: usize) -> Self {
        let look_ahead = self.codec.geometry().decoder_right_frames;
        self.ramp = Some(Ramp::new(look_ahead, max_block_frames));
        self
    }

    /// Number of frames that have to follow a frame before all of its samples are returned.
    pub fn latency_frames(&self) -> usize {
        let right = self.codec.geometry().decoder_right_frames;
        match self.mode {
            Mode::Stateful(_) => right + self.ramp.as_ref().map_or(0, |ramp| ramp.max_block_frames() - 1),
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
        let frames = self.accept_codes(rows, codebooks)?;
        self.pass_on(frames, Frames::Codes { rows, codebooks }, out)
    }

    /// Checks and counts codes, and returns their number of frames.
    pub(crate) fn accept_codes(&mut self, rows: &[u16], codebooks: usize) -> Result<usize, CodecError> {
        let codebooks = self.codec.codebooks(Some(codebooks))?;
        let codes = Codes::from_rows(rows, codebooks)?;
        codes.check_range(self.codec.shape().codebook_size)?;
        if codes.frames() > 0 {
            self.accept(Kind::Codes { codebooks }, "codes", codebooks, codes.frames())?;
        }
        Ok(codes.frames())
    }

    /// Computes accepted frames, or holds them until a block of the ramp is complete.
    fn pass_on(&mut self, frames: usize, new: Frames<'_>, out: &mut Vec<f32>) -> Result<(), CodecError> {
        if frames == 0 {
            return Ok(());
        }
        match (&mut self.mode, &mut self.ramp, new) {
            (Mode::Stateful(_), Some(ramp), _) => {
                self.held.push(frames, new);
                if ramp.release(self.held.frames) { self.compute_held(out) } else { Ok(()) }
            }
            (Mode::Stateful(stream), None, Frames::Codes { rows, codebooks }) => {
                stream.push_codes(rows, codebooks, out)
            }
            (Mode::Stateful(stream), None, Frames::Z(rows)) => stream.push_z(rows, out),
            (Mode::Chunked { codes, .. }, _, Frames::Codes { rows, .. }) => {
                codes.extend_from_slice(rows);
                self.decode_ready(false, out)
            }
            (Mode::Chunked { z, .. }, _, Frames::Z(rows)) => {
                z.extend_from_slice(rows);
                self.decode_ready(false, out)
            }
        }
    }

    /// Computes the frames that wait for the ramp.
    fn compute_held(&mut self, out: &mut Vec<f32>) -> Result<(), CodecError> {
        let (Mode::Stateful(stream), Some(kind)) = (&mut self.mode, self.kind) else { return Ok(()) };
        let result = match self.held.frames_of(kind) {
            Frames::Codes { rows, codebooks } => stream.push_codes(rows, codebooks, out),
            Frames::Z(rows) => stream.push_z(rows, out),
        };
        self.held.clear();
        result
    }

    /// Computes accepted frames, or the end of the signal, without a ramp.
    pub(crate) fn push_accepted(
        &mut self,
        frames: Frames<'_>,
        is_last: bool,
        out: &mut Vec<f32>,
    ) -> Result<(), CodecError> {
        if is_last { self.flush(out) } else { self.pass_on(1, frames, out) }
    }

    /// Kind of the signal's frames; `None` before the first one.
    pub(crate) fn kind(&self) -> Option<Kind> {
        self.kind
    }

    /// The stateful decoder, on devices that keep state.
    pub(crate) fn engine(&mut self) -> Option<&mut EngineDecoder> {
        if let Mode::Stateful(stream) = &mut self.mode { Some(stream) } else { None }
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
        let frames = self.accept_z(rows)?;
        self.pass_on(frames, Frames::Z(rows), out)
    }

    /// Checks and counts z, and returns its number of frames.
    pub(crate) fn accept_z(&mut self, rows: &[f32]) -> Result<usize, CodecError> {
        let latent = self.codec.shape().latent_dim;
        if !rows.len().is_multiple_of(latent) {
            let expected = format!("a whole number of frames of {latent} values");
            return Err(CodecError::Input { what: "z", found: [1, 1, rows.len()], expected });
        }
        let frames = rows.len() / latent;
        if frames > 0 {
            self.accept(Kind::Z, "z", latent, frames)?;
        }
        Ok(frames)
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
        let held = self.compute_held(out);
        let result = held.and_then(|()| match &mut self.mode {
            Mode::Stateful(stream) => stream.finish(out),
            Mode::Chunked { .. } => self.decode_ready(true, out),
        });
        self.reset();
        result
    }

    /// Discards the signal pushed so far.
    pub fn reset(&mut self) {
        (self.received_frames, self.kind) = (0, None);
        self.held.clear();
        self.ramp.iter_mut().for_each(Ramp::reset);
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
