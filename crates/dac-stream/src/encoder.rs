//! Streaming encoder of one channel.

use std::ops::Range;
use std::sync::Arc;

use dac_model::codec::{EncoderPush, EngineEncoder};
use dac_model::{Codec, CodecError, Encoded};
use dac_rvq::Array3;
use dac_rvq::cpu::QuantizedRows;

use crate::plan::ChunkPlan;
use crate::window_queue::WindowQueue;

/// Encodes one channel at the model's rate as it arrives, with the same result as encoding the whole signal.
///
/// On the CPU engine every layer keeps its state between pushes, and nothing is computed twice. On a burn
/// device, a chunk is encoded together with its context as soon as both are complete.
/// [`StreamEncoder::flush`], [`StreamEncoder::reset`] and errors end the signal; the next push begins a new
/// one.
pub struct StreamEncoder {
    pub(crate) codec: Arc<Codec>,
    codebooks: usize,
    plan: ChunkPlan,
    received_samples: usize,
    mode: Mode,
}

/// State that depends on the kind of device.
enum Mode {
    /// The device keeps the layers' state.
    Stateful(Box<EngineEncoder>),
    /// The device computes windows of the buffered samples.
    Chunked { buffer: Vec<f32>, queue: WindowQueue<Encoded> },
}

impl StreamEncoder {
    /// Creates an encoder with the first `codebooks` codebooks (`None`: all). Devices that keep no state work
    /// in chunks of `chunk_frames`.
    ///
    /// # Errors
    /// When the model has fewer codebooks.
    pub fn new(codec: Arc<Codec>, codebooks: Option<usize>, chunk_frames: usize) -> Result<Self, CodecError> {
        let plan = ChunkPlan::encode_within_budget(&codec, chunk_frames);
        Self::with_plan(codec, codebooks, plan)
    }

    /// Creates an encoder with another chunk plan.
    ///
    /// # Errors
    /// When the model has fewer codebooks.
    pub fn with_plan(
        codec: Arc<Codec>,
        codebooks: Option<usize>,
        plan: ChunkPlan,
    ) -> Result<Self, CodecError> {
        let codebooks = codec.codebooks(codebooks)?;
        let mode = match codec.engine_encoder(codebooks) {
            Some(stream) => Mode::Stateful(Box::new(stream)),
            None => Mode::Chunked { buffer: Vec::new(), queue: WindowQueue::new() },
        };
        Ok(Self { codec, codebooks, plan, received_samples: 0, mode })
    }

    /// Codebooks of a frame.
    pub fn codebooks(&self) -> usize {
        self.codebooks
    }

    /// Number of samples that have to follow a frame's first sample before the frame is returned.
    pub fn latency_samples(&self) -> usize {
        let geometry = self.codec.geometry();
        match self.mode {
            Mode::Stateful(_) => geometry.encoder_right_samples,
            Mode::Chunked { .. } => {
                let (_, right) = geometry.encoder_context_frames();
                (self.plan.held_frames() + right) * geometry.hop_samples
            }
        }
    }

    /// Latency in frames, rounded up.
    pub fn latency_frames(&self) -> usize {
        self.latency_samples().div_ceil(self.codec.geometry().hop_samples)
    }

    /// Takes any number of samples and appends the frames that are complete to `out`.
    ///
    /// # Errors
    /// When the device fails or its output is not finite; the encoder is then reset.
    pub fn push(&mut self, samples: &[f32], out: &mut QuantizedRows) -> Result<(), CodecError> {
        self.received_samples += samples.len();
        let frames = self.received_samples / self.codec.geometry().hop_samples;
        let result = match &mut self.mode {
            Mode::Stateful(stream) => stream.push(samples, out),
            Mode::Chunked { .. } => self.encode_ready(samples, frames, false, out),
        };
        result.inspect_err(|_| self.reset())
    }

    /// Ends the signal: pads it with zeros to whole hops, appends its remaining frames to `out`, and returns
    /// its number of samples before padding.
    ///
    /// # Errors
    /// As [`StreamEncoder::push`].
    pub fn flush(&mut self, out: &mut QuantizedRows) -> Result<usize, CodecError> {
        let samples = self.received_samples;
        let padding = self.padding();
        let result = match &mut self.mode {
            Mode::Stateful(encoder) => {
                let push = EncoderPush { encoder, samples: &padding, is_last: true, out };
                EngineEncoder::push_all(&mut [push]).remove(0)
            }
            Mode::Chunked { .. } => {
                let frames = self.codec.geometry().frames_for_samples(samples);
                self.encode_ready(&padding, frames, true, out)
            }
        };
        self.reset();
        result.map(|()| samples)
    }

    /// The stateful encoder, on devices that keep state.
    pub(crate) fn engine(&mut self) -> Option<&mut EngineEncoder> {
        if let Mode::Stateful(stream) = &mut self.mode { Some(stream) } else { None }
    }

    /// Counts samples that are pushed to the stateful encoder directly.
    pub(crate) fn count(&mut self, samples: usize) {
        self.received_samples += samples;
    }

    /// Returns the zeros that complete the last hop.
    pub(crate) fn padding(&self) -> Vec<f32> {
        let geometry = self.codec.geometry();
        let frames = geometry.frames_for_samples(self.received_samples);
        vec![0.0; frames * geometry.hop_samples - self.received_samples]
    }

    /// Discards the signal pushed so far.
    pub fn reset(&mut self) {
        self.received_samples = 0;
        match &mut self.mode {
            Mode::Stateful(stream) => stream.reset(),
            Mode::Chunked { buffer, queue } => (*buffer, *queue) = (Vec::new(), WindowQueue::new()),
        }
    }

    /// Buffers `samples` and encodes the windows that are complete after `frames` frames.
    fn encode_ready(
        &mut self,
        samples: &[f32],
        frames: usize,
        ended: bool,
        out: &mut QuantizedRows,
    ) -> Result<(), CodecError> {
        let hop = self.codec.geometry().hop_samples;
        let Mode::Chunked { buffer, queue } = &mut self.mode else { return Ok(()) };
        buffer.extend_from_slice(samples);
        let start = |windows: &[Range<usize>]| {
            let windows: Vec<_> = windows.iter().map(|w| &buffer[w.start * hop..w.end * hop]).collect();
            let shape = [windows.len(), 1, windows[0].len()];
            self.codec.start_encode(&Array3::new(windows.concat(), shape)?, Some(self.codebooks))
        };
        let append = |encoded: &Encoded, item: usize, keep| {
            append_frames(&item_rows(encoded, item), encoded.codes.frames(), &keep, out);
        };
        let unneeded = queue.compute(&self.plan, frames, ended, start, append)?;
        buffer.drain(..unneeded * hop);
        Ok(())
    }
}

/// Transposes one item of a batch.
pub(crate) fn item_rows(encoded: &Encoded, item: usize) -> QuantizedRows {
    QuantizedRows {
        z: encoded.z.to_rows(item),
        codes: encoded.codes.to_rows(item),
        latents: encoded.latents.to_rows(item),
    }
}

/// Appends the frames `keep` of `rows`, which contains `frames` frames, to `out`.
pub(crate) fn append_frames(
    rows: &QuantizedRows,
    frames: usize,
    keep: &Range<usize>,
    out: &mut QuantizedRows,
) {
    fn append<T: Copy>(rows: &[T], frames: usize, keep: &Range<usize>, out: &mut Vec<T>) {
        let width = rows.len() / frames;
        out.extend_from_slice(&rows[keep.start * width..keep.end * width]);
    }
    append(&rows.z, frames, keep, &mut out.z);
    append(&rows.codes, frames, keep, &mut out.codes);
    append(&rows.latents, frames, keep, &mut out.latents);
}
