//! Streaming decoder of one channel.

use std::ops::Range;
use std::sync::Arc;

use dac_model::codec::{EngineDecoder, Pending};
use dac_model::{Codec, CodecError};
use dac_rvq::{Array3, Codes};

use crate::in_flight::{Batch, InFlight};
use crate::plan::{ChunkPlan, Span};

/// Decodes one channel as it arrives, with the same result as decoding the whole signal.
///
/// Frames are codes `[frames][codebooks]` or quantized latents z `[frames][latent]`; all frames of a signal
/// are of one kind. [`StreamDecoder::flush`], [`StreamDecoder::reset`] and errors end the signal; the next
/// push begins a new one.
pub struct StreamDecoder {
    codec: Arc<Codec>,
    plan: ChunkPlan,
    state: State,
}

/// State of one signal; replaced when it ends.
struct State {
    received_frames: usize,
    /// Kind of the signal's frames; `None` before the first one.
    kind: Option<Kind>,
    mode: Mode,
}

/// State that depends on the kind of device.
enum Mode {
    /// The device keeps the layers' state.
    Stateful(Box<EngineDecoder>),
    /// The device computes windows.
    Chunked {
        buffer: Frames,
        /// First frame of `buffer`.
        buffer_frame: usize,
        /// First frame not yet submitted.
        next_frame: usize,
        in_flight: InFlight<Array3>,
    },
}

/// Kind of a signal's frames.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Codes { codebooks: usize },
    Z,
}

/// Buffered frames.
enum Frames {
    Empty,
    Codes { rows: Vec<u16>, codebooks: usize },
    Z { rows: Vec<f32>, latent: usize },
}

impl StreamDecoder {
    /// Creates a decoder. Devices that keep no state work in chunks of `chunk_frames`.
    pub fn new(codec: Arc<Codec>, chunk_frames: usize) -> Self {
        let plan = ChunkPlan::decode_within_budget(&codec, chunk_frames);
        Self::with_plan(codec, plan)
    }

    /// Creates a decoder with another chunk plan.
    pub fn with_plan(codec: Arc<Codec>, plan: ChunkPlan) -> Self {
        let state = State::new(&codec);
        Self { codec, plan, state }
    }

    /// Number of frames that have to follow a frame before all of its samples are returned.
    pub fn latency_frames(&self) -> usize {
        let right = self.codec.geometry().decoder_right_frames;
        match self.state.mode {
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
        let result = self.try_push_codes(rows, codebooks, out);
        self.reset_on_error(result)
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
        self.state.check_kind(Kind::Codes { codebooks }, "codes", codebooks)?;
        self.state.received_frames += codes.frames();
        match &mut self.state.mode {
            Mode::Stateful(stream) => stream.push_codes(rows, codebooks, out),
            Mode::Chunked { buffer, .. } => {
                match buffer {
                    Frames::Empty => *buffer = Frames::Codes { rows: rows.to_vec(), codebooks },
                    Frames::Codes { rows: buffered, .. } => buffered.extend_from_slice(rows),
                    Frames::Z { .. } => {}
                }
                self.decode_ready(None, out)
            }
        }
    }

    /// Takes any number of frames of z, `[frames][latent]`, and appends the samples that are complete to
    /// `out`.
    ///
    /// # Errors
    /// As [`StreamDecoder::push_codes`].
    pub fn push_z(&mut self, rows: &[f32], out: &mut Vec<f32>) -> Result<(), CodecError> {
        let result = self.try_push_z(rows, out);
        self.reset_on_error(result)
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
        self.state.check_kind(Kind::Z, "z", latent)?;
        self.state.received_frames += rows.len() / latent;
        match &mut self.state.mode {
            Mode::Stateful(stream) => stream.push_z(rows, out),
            Mode::Chunked { buffer, .. } => {
                match buffer {
                    Frames::Empty => *buffer = Frames::Z { rows: rows.to_vec(), latent },
                    Frames::Z { rows: buffered, .. } => buffered.extend_from_slice(rows),
                    Frames::Codes { .. } => {}
                }
                self.decode_ready(None, out)
            }
        }
    }

    /// Ends the signal and appends its remaining samples to `out`. The signal has
    /// [`dac_nn::Geometry::samples_for_frames`] samples in all.
    ///
    /// # Errors
    /// As [`StreamDecoder::push_codes`].
    pub fn flush(&mut self, out: &mut Vec<f32>) -> Result<(), CodecError> {
        let total = self.state.received_frames;
        let result = match &mut self.state.mode {
            Mode::Stateful(stream) => stream.finish(out),
            Mode::Chunked { .. } => self.decode_ready(Some(total), out),
        };
        self.reset();
        result
    }

    /// Discards the signal pushed so far.
    pub fn reset(&mut self) {
        self.state = State::new(&self.codec);
    }

    fn reset_on_error(&mut self, result: Result<(), CodecError>) -> Result<(), CodecError> {
        if result.is_err() {
            self.reset();
        }
        result
    }

    /// Decodes the spans whose windows are buffered; all remaining ones when the signal has ended and
    /// `total_frames` is known.
    fn decode_ready(&mut self, total_frames: Option<usize>, out: &mut Vec<f32>) -> Result<(), CodecError> {
        let received = self.state.received_frames;
        let hop = self.codec.geometry().hop_samples;
        let Mode::Chunked { buffer, buffer_frame, next_frame, in_flight } = &mut self.state.mode else {
            return Ok(());
        };
        loop {
            let spans = self.plan.ready(*next_frame, received, total_frames);
            let Some(last) = spans.last() else { break };
            let windows: Vec<_> = spans
                .iter()
                .map(|span| span.window.start - *buffer_frame..span.window.end - *buffer_frame)
                .collect();
            *next_frame = last.keep.end;
            let result = buffer.start_decode(&self.codec, &windows)?;
            if let Some((spans, audio)) =
                in_flight.submit(Batch { spans, result }, self.plan.is_pipelined())?
            {
                append_kept(&spans, &audio, hop, out);
            }
            let unneeded = self.plan.first_needed(*next_frame).saturating_sub(*buffer_frame);
            buffer.drop_front(unneeded);
            *buffer_frame += unneeded;
        }
        if total_frames.is_some()
            && let Some((spans, audio)) = in_flight.drain()?
        {
            append_kept(&spans, &audio, hop, out);
        }
        Ok(())
    }
}

/// Appends the samples of the frames that each span keeps.
fn append_kept(spans: &[Span], audio: &Array3, hop: usize, out: &mut Vec<f32>) {
    for (item, span) in spans.iter().enumerate() {
        let audio = audio.item(item);
        let start = (span.keep.start - span.window.start) * hop;
        let end = ((span.keep.end - span.window.start) * hop).min(audio.len());
        out.extend_from_slice(&audio[start.min(end)..end]);
    }
}

impl State {
    fn new(codec: &Codec) -> Self {
        let mode = match codec.engine_decoder() {
            Some(stream) => Mode::Stateful(Box::new(stream)),
            None => {
                let (buffer, in_flight) = (Frames::Empty, InFlight::new());
                Mode::Chunked { buffer, buffer_frame: 0, next_frame: 0, in_flight }
            }
        };
        Self { received_frames: 0, kind: None, mode }
    }

    /// Checks that all frames of the signal are of one kind.
    fn check_kind(&mut self, kind: Kind, what: &'static str, channels: usize) -> Result<(), CodecError> {
        let expected = match *self.kind.get_or_insert(kind) {
            first if first == kind => return Ok(()),
            Kind::Codes { codebooks } => {
                format!("codes of {codebooks} codebooks, like the first frames of the stream")
            }
            Kind::Z => "z, like the first frames of the stream".to_owned(),
        };
        Err(CodecError::Input { what, found: [1, channels, 0], expected })
    }
}

impl Frames {
    /// Starts decoding windows of equal length to `[windows, 1, samples]`.
    fn start_decode(&self, codec: &Codec, windows: &[Range<usize>]) -> Result<Pending<Array3>, CodecError> {
        match self {
            Self::Empty => Err(CodecError::Empty { what: "the stream" }),
            Self::Codes { rows, codebooks: k } => {
                let windows = windows.iter().map(|w| Codes::from_rows(&rows[w.start * k..w.end * k], *k));
                codec.start_decode_codes(&Codes::stack_channels(&windows.collect::<Result<Vec<_>, _>>()?)?)
            }
            Self::Z { rows, latent: n } => {
                let windows = windows.iter().map(|w| Array3::from_rows(&rows[w.start * n..w.end * n], *n));
                codec.start_decode(&Array3::stack(&windows.collect::<Result<Vec<_>, _>>()?)?)
            }
        }
    }

    fn drop_front(&mut self, frames: usize) {
        match self {
            Self::Empty => {}
            Self::Codes { rows, codebooks } => drop(rows.drain(..(frames * *codebooks).min(rows.len()))),
            Self::Z { rows, latent } => drop(rows.drain(..(frames * *latent).min(rows.len()))),
        }
    }
}
