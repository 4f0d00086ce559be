//! Samples in, frames out, as they come.

use std::sync::Arc;

use dac_model::codec::EngineEncoder;
use dac_model::{Codec, CodecError, Encoded};
use dac_rvq::Array3;
use dac_rvq::cpu::QuantizedRows;

use crate::flight::{Batch, Flight};
use crate::plan::{ChunkPlan, Span};

/// Encodes one channel at the model's rate, push by push, exactly as the whole signal would be encoded.
///
/// On the CPU engine every layer keeps its own past and nothing is computed twice. On a burn device a chunk is encoded with
/// its context once all of it is there. After [`StreamEncoder::flush`], [`StreamEncoder::reset`] or an error the next
/// signal starts clean.
pub struct StreamEncoder {
    codec: Arc<Codec>,
    codebooks: usize,
    plan: ChunkPlan,
    state: State,
}

/// All that belongs to one signal; replaced as a whole.
struct State {
    received_samples: usize,
    path: Path,
}

enum Path {
    Stateful(Box<EngineEncoder>),
    Windowed {
        /// Samples from the start of the next span's window on.
        buffer: Vec<f32>,
        /// The frame that `buffer` starts with.
        buffer_frame: usize,
        /// The first frame that the device has not been given yet.
        next_frame: usize,
        flight: Flight<Encoded>,
    },
}

impl StreamEncoder {
    /// A stream over `codec`, with the first `codebooks` codebooks (`None`: all), in chunks of `chunk_frames` where the
    /// device keeps no state.
    ///
    /// # Errors
    /// When the model has fewer codebooks.
    pub fn new(codec: Arc<Codec>, codebooks: Option<usize>, chunk_frames: usize) -> Result<Self, CodecError> {
        let plan = ChunkPlan::encode_within_budget(&codec, chunk_frames);
        Self::with_plan(codec, codebooks, plan)
    }

    /// As [`StreamEncoder::new`] with a plan of one's own.
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

    /// How many codebooks a frame has.
    pub fn codebooks(&self) -> usize {
        self.codebooks
    }

    /// Samples that have to follow a frame's first sample before the frame can be had.
    pub fn latency_samples(&self) -> usize {
        let geometry = self.codec.geometry();
        match self.state.path {
            Path::Stateful(_) => geometry.encoder_right_samples,
            Path::Windowed { .. } => {
                let (_, right) = geometry.encoder_context_frames();
                (self.plan.held_frames() + right) * geometry.hop_samples
            }
        }
    }

    /// The same in frames, rounded up.
    pub fn latency_frames(&self) -> usize {
        self.latency_samples().div_ceil(self.codec.geometry().hop_samples)
    }

    /// Takes any number of samples and appends the frames that are complete.
    ///
    /// # Errors
    /// When the device fails or its output is not finite; the stream is then reset.
    pub fn push(&mut self, samples: &[f32], out: &mut QuantizedRows) -> Result<(), CodecError> {
        self.state.received_samples += samples.len();
        let result = match &mut self.state.path {
            Path::Stateful(stream) => stream.push(samples, out),
            Path::Windowed { buffer, .. } => {
                buffer.extend_from_slice(samples);
                self.emit(None, out)
            }
        };
        self.cleaned(result)
    }

    /// Ends the signal: zero-pads it to whole hops, appends the rest of its frames and returns how many samples it had.
    ///
    /// # Errors
    /// As [`StreamEncoder::push`].
    pub fn flush(&mut self, out: &mut QuantizedRows) -> Result<usize, CodecError> {
        let samples = self.state.received_samples;
        let geometry = *self.codec.geometry();
        let frames = geometry.frames_for_samples(samples);
        let padding = vec![0.0; frames * geometry.hop_samples - samples];
        let result = match &mut self.state.path {
            Path::Stateful(stream) => stream.push(&padding, out).and_then(|()| stream.finish(out)),
            Path::Windowed { buffer, .. } => {
                buffer.extend_from_slice(&padding);
                self.emit(Some(frames), out)
            }
        };
        self.reset();
        result.map(|()| samples)
    }

    /// Forgets the signal so far.
    pub fn reset(&mut self) {
        self.state = State::new(&self.codec, self.codebooks);
    }

    fn cleaned(&mut self, result: Result<(), CodecError>) -> Result<(), CodecError> {
        if result.is_err() {
            self.reset();
        }
        result
    }

    /// Encodes the spans whose windows are there; all that are left once the number of frames is known.
    fn emit(&mut self, total_frames: Option<usize>, out: &mut QuantizedRows) -> Result<(), CodecError> {
        let hop = self.codec.geometry().hop_samples;
        let Path::Windowed { buffer, buffer_frame, next_frame, flight } = &mut self.state.path else {
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
            if let Some((spans, encoded)) = flight.next(&self.plan, Batch { spans, result })? {
                take(&spans, &encoded, out);
            }
            let drop = self.plan.first_needed(*next_frame).saturating_sub(*buffer_frame);
            buffer.drain(..(drop * hop).min(buffer.len()));
            *buffer_frame += drop;
        }
        if total_frames.is_some()
            && let Some((spans, encoded)) = flight.land()?
        {
            take(&spans, &encoded, out);
        }
        Ok(())
    }
}

impl State {
    fn new(codec: &Codec, codebooks: usize) -> Self {
        let path = match codec.engine_encoder(codebooks) {
            Some(stream) => Path::Stateful(Box::new(stream)),
            None => {
                Path::Windowed { buffer: Vec::new(), buffer_frame: 0, next_frame: 0, flight: Flight::new() }
            }
        };
        Self { received_samples: 0, path }
    }
}

/// Appends the frames that each span keeps.
fn take(spans: &[Span], encoded: &Encoded, out: &mut QuantizedRows) {
    let widths = [encoded.z.shape()[1], encoded.latents.shape()[1], encoded.codes.codebooks()];
    for (item, span) in spans.iter().enumerate() {
        let keep = span.keep.start - span.window.start..span.keep.end - span.window.start;
        append(&encoded.z.to_rows(item), widths[0], &keep, &mut out.z);
        append(&encoded.latents.to_rows(item), widths[1], &keep, &mut out.latents);
        append(&encoded.codes.to_rows(item), widths[2], &keep, &mut out.codes);
    }
}

/// Appends the kept rows of `width` values.
pub(crate) fn append<T: Copy>(rows: &[T], width: usize, keep: &std::ops::Range<usize>, out: &mut Vec<T>) {
    out.extend_from_slice(&rows[keep.start * width..keep.end * width]);
}
