//! Frames in, samples out, as they come.

use std::ops::Range;
use std::sync::Arc;

use dac_model::codec::{EngineDecoder, Pending};
use dac_model::{Codec, CodecError};
use dac_rvq::{Array3, Codes};

use crate::flight::{Batch, Flight};
use crate::plan::{ChunkPlan, Span};

/// Decodes one channel, push by push, exactly as the whole signal would be decoded.
///
/// Frames are codes `[frames][codebooks]` or latents `[frames][latent]`; one signal takes one kind. After
/// [`StreamDecoder::flush`], [`StreamDecoder::reset`] or an error the next signal starts clean.
pub struct StreamDecoder {
    codec: Arc<Codec>,
    plan: ChunkPlan,
    state: State,
}

/// All that belongs to one signal; replaced as a whole.
struct State {
    received_frames: usize,
    /// What the signal's frames are, once there is one.
    kind: Option<Kind>,
    path: Path,
}

enum Path {
    Stateful(Box<EngineDecoder>),
    Windowed {
        frames: Frames,
        /// The frame that `frames` starts with.
        buffer_frame: usize,
        /// The first frame that the device has not been given yet.
        next_frame: usize,
        flight: Flight<Array3>,
    },
}

/// What the frames of a signal are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Codes { codebooks: usize },
    Latents,
}

/// What waits for its context.
enum Frames {
    None,
    Codes { rows: Vec<u16>, codebooks: usize },
    Latents { rows: Vec<f32>, latent: usize },
}

impl StreamDecoder {
    /// A stream over `codec`, in chunks of `chunk_frames` where the device keeps no state.
    pub fn new(codec: Arc<Codec>, chunk_frames: usize) -> Self {
        let plan = ChunkPlan::decode_within_budget(&codec, chunk_frames);
        Self::with_plan(codec, plan)
    }

    /// As [`StreamDecoder::new`] with a plan of one's own.
    pub fn with_plan(codec: Arc<Codec>, plan: ChunkPlan) -> Self {
        let state = State::new(&codec);
        Self { codec, plan, state }
    }

    /// Frames that have to follow a frame before all of its samples can be had.
    pub fn latency_frames(&self) -> usize {
        let right = self.codec.geometry().decoder_right_frames;
        match self.state.path {
            Path::Stateful(_) => right,
            Path::Windowed { .. } => self.plan.held_frames() - 1 + right,
        }
    }

    /// The same in samples.
    pub fn latency_samples(&self) -> usize {
        self.latency_frames() * self.codec.geometry().hop_samples
    }

    /// Takes any number of frames of codes, `[frames][codebooks]`, and appends the samples that are complete.
    ///
    /// # Errors
    /// When a code is out of range or no frame is whole, the device fails, or its output is not finite; the stream is then
    /// reset.
    pub fn push_codes(
        &mut self,
        rows: &[u16],
        codebooks: usize,
        out: &mut Vec<f32>,
    ) -> Result<(), CodecError> {
        let result = self.try_push_codes(rows, codebooks, out);
        self.cleaned(result)
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
        match &mut self.state.path {
            Path::Stateful(stream) => stream.push_codes(rows, codebooks, out),
            Path::Windowed { frames, .. } => {
                match frames {
                    Frames::None => *frames = Frames::Codes { rows: rows.to_vec(), codebooks },
                    Frames::Codes { rows: held, .. } => held.extend_from_slice(rows),
                    Frames::Latents { .. } => {}
                }
                self.emit(None, out)
            }
        }
    }

    /// Takes any number of frames of z, `[frames][latent]`, and appends the samples that are complete.
    ///
    /// # Errors
    /// As [`StreamDecoder::push_codes`].
    pub fn push_z(&mut self, rows: &[f32], out: &mut Vec<f32>) -> Result<(), CodecError> {
        let result = self.try_push_z(rows, out);
        self.cleaned(result)
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
        self.state.check_kind(Kind::Latents, "z", latent)?;
        self.state.received_frames += rows.len() / latent;
        match &mut self.state.path {
            Path::Stateful(stream) => stream.push_z(rows, out),
            Path::Windowed { frames, .. } => {
                match frames {
                    Frames::None => *frames = Frames::Latents { rows: rows.to_vec(), latent },
                    Frames::Latents { rows: held, .. } => held.extend_from_slice(rows),
                    Frames::Codes { .. } => {}
                }
                self.emit(None, out)
            }
        }
    }

    /// Ends the signal and appends the rest of its samples: in all as many as
    /// [`dac_nn::Geometry::samples_for_frames`] says.
    ///
    /// # Errors
    /// As [`StreamDecoder::push_codes`].
    pub fn flush(&mut self, out: &mut Vec<f32>) -> Result<(), CodecError> {
        let total = self.state.received_frames;
        let result = match &mut self.state.path {
            Path::Stateful(stream) => stream.finish(out),
            Path::Windowed { .. } => self.emit(Some(total), out),
        };
        self.reset();
        result
    }

    /// Forgets the signal so far.
    pub fn reset(&mut self) {
        self.state = State::new(&self.codec);
    }

    fn cleaned(&mut self, result: Result<(), CodecError>) -> Result<(), CodecError> {
        if result.is_err() {
            self.reset();
        }
        result
    }

    /// Decodes the spans whose windows are there; all that are left once the number of frames is known.
    fn emit(&mut self, total_frames: Option<usize>, out: &mut Vec<f32>) -> Result<(), CodecError> {
        let received = self.state.received_frames;
        let hop = self.codec.geometry().hop_samples;
        let Path::Windowed { frames, buffer_frame, next_frame, flight } = &mut self.state.path else {
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
            let result = frames.start_decode(&self.codec, &windows)?;
            if let Some((spans, audio)) = flight.next(&self.plan, Batch { spans, result })? {
                take(&spans, &audio, hop, out);
            }
            let drop = self.plan.first_needed(*next_frame).saturating_sub(*buffer_frame);
            frames.drop_front(drop);
            *buffer_frame += drop;
        }
        if total_frames.is_some()
            && let Some((spans, audio)) = flight.land()?
        {
            take(&spans, &audio, hop, out);
        }
        Ok(())
    }
}

/// Appends the samples of the frames that each span keeps.
fn take(spans: &[Span], audio: &Array3, hop: usize, out: &mut Vec<f32>) {
    for (item, span) in spans.iter().enumerate() {
        let audio = audio.item(item);
        let start = (span.keep.start - span.window.start) * hop;
        let end = ((span.keep.end - span.window.start) * hop).min(audio.len());
        out.extend_from_slice(&audio[start.min(end)..end]);
    }
}

impl State {
    fn new(codec: &Codec) -> Self {
        let path = match codec.engine_decoder() {
            Some(stream) => Path::Stateful(Box::new(stream)),
            None => {
                Path::Windowed { frames: Frames::None, buffer_frame: 0, next_frame: 0, flight: Flight::new() }
            }
        };
        Self { received_frames: 0, kind: None, path }
    }

    /// That a signal's frames are all of one kind.
    fn check_kind(&mut self, kind: Kind, what: &'static str, channels: usize) -> Result<(), CodecError> {
        let expected = match *self.kind.get_or_insert(kind) {
            begun if begun == kind => return Ok(()),
            Kind::Codes { codebooks } => format!("codes of {codebooks} codebooks, as the stream began"),
            Kind::Latents => "z, as the stream began".to_owned(),
        };
        Err(CodecError::Input { what, found: [1, channels, 0], expected })
    }
}

impl Frames {
    /// Starts decoding windows of one length to `[windows, 1, samples]`.
    fn start_decode(&self, codec: &Codec, windows: &[Range<usize>]) -> Result<Pending<Array3>, CodecError> {
        match self {
            Self::None => Err(CodecError::Empty { what: "the stream" }),
            Self::Codes { rows, codebooks: k } => {
                let windows = windows.iter().map(|w| Codes::from_rows(&rows[w.start * k..w.end * k], *k));
                codec.start_decode_codes(&Codes::stack_channels(&windows.collect::<Result<Vec<_>, _>>()?)?)
            }
            Self::Latents { rows, latent: n } => {
                let windows = windows.iter().map(|w| Array3::from_rows(&rows[w.start * n..w.end * n], *n));
                codec.start_decode(&Array3::stack(&windows.collect::<Result<Vec<_>, _>>()?)?)
            }
        }
    }

    fn drop_front(&mut self, frames: usize) {
        match self {
            Self::None => {}
            Self::Codes { rows, codebooks } => drop(rows.drain(..(frames * *codebooks).min(rows.len()))),
            Self::Latents { rows, latent } => drop(rows.drain(..(frames * *latent).min(rows.len()))),
        }
    }
}
