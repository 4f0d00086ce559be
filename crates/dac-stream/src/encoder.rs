//! Streaming encoder of one channel.

use std::sync::Arc;

use dac_model::codec::EngineEncoder;
use dac_model::{Codec, CodecError, Encoded};
use dac_rvq::Array3;
use dac_rvq::cpu::QuantizedRows;

use crate::in_flight::{Batch, InFlight};
use crate::plan::{ChunkPlan, Span};

/// Encodes one channel at the model's rate as it arrives, with the same result as encoding the whole signal.
///
/// On the CPU engine every layer keeps its state between pushes, and nothing is computed twice. On a burn
/// device, a chunk is encoded together with its context as soon as both are complete.
/// [`StreamEncoder::flush`], [`StreamEncoder::reset`] and errors end the signal; the next push begins a new
/// one.
pub struct StreamEncoder {
    codec: Arc<Codec>,
    codebooks: usize,
    plan: ChunkPlan,
    state: State,
}

/// State of one signal; replaced when it ends.
struct State {
    received_samples: usize,
    mode: Mode,
}

/// State that depends on the kind of device.
enum Mode {
    /// The device keeps the layers' state.
    Stateful(Box<EngineEncoder>),
    /// The device computes windows.
    Chunked {
        /// Samples from the start of the next window on.
        buffer: Vec<f32>,
        /// First frame of `buffer`.
        buffer_frame: usize,
        /// First frame not yet submitted.
        next_frame: usize,
        in_flight: InFlight<Encoded>,
    },
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
        let state = State::new(&codec, codebooks);
        Ok(Self { codec, codebooks, plan, state })
    }

    /// Codebooks of a frame.
    pub fn codebooks(&self) -> usize {
        self.codebooks
    }

    /// Number of samples that have to follow a frame's first sample before the frame is returned.
    pub fn latency_samples(&self) -> usize {
        let geometry = self.codec.geometry();
        match self.state.mode {
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
        self.state.received_samples += samples.len();
        let result = match &mut self.state.mode {
            Mode::Stateful(stream) => stream.push(samples, out),
            Mode::Chunked { buffer, .. } => {
                buffer.extend_from_slice(samples);
                self.encode_ready(None, out)
            }
        };
        self.reset_on_error(result)
    }

    /// Ends the signal: pads it with zeros to whole hops, appends its remaining frames to `out`, and returns
    /// its number of samples before padding.
    ///
    /// # Errors
    /// As [`StreamEncoder::push`].
    pub fn flush(&mut self, out: &mut QuantizedRows) -> Result<usize, CodecError> {
        let samples = self.state.received_samples;
        let geometry = *self.codec.geometry();
        let frames = geometry.frames_for_samples(samples);
        let padding = vec![0.0; frames * geometry.hop_samples - samples];
        let result = match &mut self.state.mode {
            Mode::Stateful(stream) => stream.push(&padding, out).and_then(|()| stream.finish(out)),
            Mode::Chunked { buffer, .. } => {
                buffer.extend_from_slice(&padding);
                self.encode_ready(Some(frames), out)
            }
        };
        self.reset();
        result.map(|()| samples)
    }

    /// Discards the signal pushed so far.
    pub fn reset(&mut self) {
        self.state = State::new(&self.codec, self.codebooks);
    }

    fn reset_on_error(&mut self, result: Result<(), CodecError>) -> Result<(), CodecError> {
        if result.is_err() {
            self.reset();
        }
        result
    }

    /// Encodes the spans whose windows are buffered; all remaining ones when the signal has ended and
    /// `total_frames` is known.
    fn encode_ready(
        &mut self,
        total_frames: Option<usize>,
        out: &mut QuantizedRows,
    ) -> Result<(), CodecError> {
        let hop = self.codec.geometry().hop_samples;
        let Mode::Chunked { buffer, buffer_frame, next_frame, in_flight } = &mut self.state.mode else {
            return Ok(());
        };
        loop {
            let available = *buffer_frame + buffer.len() / hop;
            let spans = self.plan.ready(*next_frame, available, total_frames);
            let (Some(first), Some(last)) = (spans.first(), spans.last()) else { break };
            let samples = first.window.len() * hop;
            let mut windows = Vec::with_capacity(spans.len() * samples);
            for span in &spans {
                let from = (span.window.start - *buffer_frame) * hop;
                windows.extend_from_slice(&buffer[from..from + samples]);
            }
            let windows = Array3::new(windows, [spans.len(), 1, samples])?;
            *next_frame = last.keep.end;
            let result = self.codec.start_encode(&windows, Some(self.codebooks))?;
            if let Some((spans, encoded)) =
                in_flight.submit(Batch { spans, result }, self.plan.is_pipelined())?
            {
                append_kept(&spans, &encoded, out);
            }
            let unneeded = self.plan.first_needed(*next_frame).saturating_sub(*buffer_frame);
            buffer.drain(..(unneeded * hop).min(buffer.len()));
            *buffer_frame += unneeded;
        }
        if total_frames.is_some()
            && let Some((spans, encoded)) = in_flight.drain()?
        {
            append_kept(&spans, &encoded, out);
        }
        Ok(())
    }
}

impl State {
    fn new(codec: &Codec, codebooks: usize) -> Self {
        let mode = match codec.engine_encoder(codebooks) {
            Some(stream) => Mode::Stateful(Box::new(stream)),
            None => {
                let (buffer, in_flight) = (Vec::new(), InFlight::new());
                Mode::Chunked { buffer, buffer_frame: 0, next_frame: 0, in_flight }
            }
        };
        Self { received_samples: 0, mode }
    }
}

/// Appends the frames that each span keeps.
fn append_kept(spans: &[Span], encoded: &Encoded, out: &mut QuantizedRows) {
    let widths = [encoded.z.shape()[1], encoded.latents.shape()[1], encoded.codes.codebooks()];
    for (item, span) in spans.iter().enumerate() {
        let keep = span.keep.start - span.window.start..span.keep.end - span.window.start;
        append_rows(&encoded.z.to_rows(item), widths[0], &keep, &mut out.z);
        append_rows(&encoded.latents.to_rows(item), widths[1], &keep, &mut out.latents);
        append_rows(&encoded.codes.to_rows(item), widths[2], &keep, &mut out.codes);
    }
}

/// Appends the rows `keep` of `width` values each.
pub(crate) fn append_rows<T: Copy>(
    rows: &[T],
    width: usize,
    keep: &std::ops::Range<usize>,
    out: &mut Vec<T>,
) {
    out.extend_from_slice(&rows[keep.start * width..keep.end * width]);
}
