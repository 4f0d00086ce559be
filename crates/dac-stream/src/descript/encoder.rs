//! Samples in, the frames of the reference's windows out.

use std::sync::Arc;

use dac_model::{Codec, CodecError};
use dac_rvq::cpu::QuantizedRows;

use super::PIECE_FRAMES;
use super::plan::DescriptPlan;
use crate::encoder::{StreamEncoder, append};

/// Samples taken at a time, so that one large push costs no more than many.
const PUSH_SAMPLES: usize = 1 << 15;

/// What was made of a signal: what a `.dac` file says besides the codes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DescriptSummary {
    /// Samples of the signal.
    pub samples: usize,
    /// Frames of each window.
    pub chunk_frames: usize,
    /// Whether the signal was coded whole, with padding.
    pub padding: bool,
}

/// Encodes one channel at the model's rate as the reference's `compress` does, in memory of a few windows.
///
/// After [`DescriptEncoder::flush`] or an error the next signal starts clean.
pub struct DescriptEncoder {
    plan: DescriptPlan,
    encoder: StreamEncoder,
    state: State,
}

/// All that belongs to one signal; replaced as a whole.
#[derive(Default)]
struct State {
    received_samples: usize,
    /// From the start of the next window on; until windows are needed, the whole signal.
    buffer: Vec<f32>,
    /// Where the next window starts in the signal with its delay; `None` while the signal may still be coded whole.
    next_sample: Option<usize>,
    scratch: QuantizedRows,
}

impl DescriptEncoder {
    /// An encoder with the first `codebooks` codebooks (`None`: all).
    ///
    /// # Errors
    /// When the model has fewer codebooks.
    pub fn new(codec: Arc<Codec>, codebooks: Option<usize>, plan: DescriptPlan) -> Result<Self, CodecError> {
        let encoder = StreamEncoder::new(codec, codebooks, PIECE_FRAMES)?;
        Ok(Self { plan, encoder, state: State::default() })
    }

    /// How many codebooks a frame has.
    pub fn codebooks(&self) -> usize {
        self.encoder.codebooks()
    }

    /// Takes any number of samples and appends the frames of the windows that are complete.
    ///
    /// # Errors
    /// When the device fails or its output is not finite; the encoder is then as new.
    pub fn push(&mut self, samples: &[f32], out: &mut QuantizedRows) -> Result<(), CodecError> {
        for part in samples.chunks(PUSH_SAMPLES) {
            let state = &mut self.state;
            state.received_samples += part.len();
            state.buffer.extend_from_slice(part);
            if state.next_sample.is_none() && !self.plan.is_whole(state.received_samples) {
                state.buffer.splice(..0, std::iter::repeat_n(0.0, self.plan.delay_samples));
                state.next_sample = Some(0);
            }
            let result = self.emit(false, out);
            self.cleaned(result)?;
        }
        Ok(())
    }

    /// Ends the signal, appends the rest of its frames and says how it was cut.
    ///
    /// # Errors
    /// As [`DescriptEncoder::push`], and when there was no sample.
    pub fn flush(&mut self, out: &mut QuantizedRows) -> Result<DescriptSummary, CodecError> {
        let samples = self.state.received_samples;
        if samples == 0 {
            return Err(CodecError::Empty { what: "audio" });
        }
        let result = if self.state.next_sample.is_some() {
            self.emit(true, out).map(|()| self.plan.chunk_frames)
        } else {
            self.whole(out)
        };
        let padding = self.state.next_sample.is_none();
        self.reset();
        result.map(|chunk_frames| DescriptSummary { samples, chunk_frames, padding })
    }

    /// Forgets the signal so far.
    pub fn reset(&mut self) {
        self.encoder.reset();
        self.state = State::default();
    }

    fn cleaned(&mut self, result: Result<(), CodecError>) -> Result<(), CodecError> {
        if result.is_err() {
            self.reset();
        }
        result
    }

    fn whole(&mut self, out: &mut QuantizedRows) -> Result<usize, CodecError> {
        let codebooks = self.encoder.codebooks();
        let before = out.codes.len();
        self.encoder.push(&self.state.buffer, out)?;
        self.encoder.flush(out)?;
        Ok((out.codes.len() - before) / codebooks)
    }

    /// Encodes the windows that are there; at the end of the signal all that start within it, filled up with zeros.
    fn emit(&mut self, end: bool, out: &mut QuantizedRows) -> Result<(), CodecError> {
        let plan = self.plan;
        while let Some(start) = self.state.next_sample {
            let State { received_samples, buffer, .. } = &mut self.state;
            if start >= *received_samples || (!end && buffer.len() < plan.window_samples) {
                return Ok(());
            }
            if buffer.len() < plan.window_samples {
                buffer.resize(plan.window_samples, 0.0);
            }
            self.window(out)?;
            let buffer = &mut self.state.buffer;
            buffer.drain(..plan.step_samples.min(buffer.len()));
            self.state.next_sample = Some(start + plan.step_samples);
        }
        Ok(())
    }

    /// Encodes the window that the buffer begins with.
    fn window(&mut self, out: &mut QuantizedRows) -> Result<(), CodecError> {
        let plan = self.plan;
        let State { buffer, scratch, .. } = &mut self.state;
        self.encoder.push(&vec![0.0; plan.lead_samples], scratch)?;
        self.encoder.push(&buffer[..plan.window_samples], scratch)?;
        self.encoder.flush(scratch)?;
        let frames = scratch.codes.len() / self.encoder.codebooks();
        let keep = plan.skip_frames..plan.skip_frames + plan.chunk_frames;
        append(&scratch.z, scratch.z.len() / frames, &keep, &mut out.z);
        append(&scratch.latents, scratch.latents.len() / frames, &keep, &mut out.latents);
        append(&scratch.codes, self.encoder.codebooks(), &keep, &mut out.codes);
        *scratch = QuantizedRows::default();
        Ok(())
    }
}
