//! Encoder of windowed mode.

use std::sync::Arc;

use dac_model::{Codec, CodecError};
use dac_rvq::cpu::QuantizedRows;

use super::MAX_CHUNK_FRAMES;
use super::plan::WindowedPlan;
use crate::encoder::{StreamEncoder, append_frames};

/// Samples buffered at a time: a large push needs no more memory than several small ones.
const PUSH_SAMPLES: usize = 1 << 15;

/// Facts about an encoded signal that a `.dac` file stores.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct WindowedSummary {
    /// Samples of the signal.
    pub samples: usize,
    /// Frames of each window.
    pub chunk_frames: usize,
    /// True when the signal was encoded whole, with padding.
    pub padding: bool,
}

/// Encodes one channel at the model's rate as the reference's `compress` does, in the memory of a few
/// windows.
///
/// [`WindowedEncoder::flush`], [`WindowedEncoder::reset`] and errors end the signal; the next push begins a
/// new one.
pub struct WindowedEncoder {
    plan: WindowedPlan,
    encoder: StreamEncoder,
    state: State,
}

/// State of one signal; replaced when it ends.
#[derive(Default)]
struct State {
    received_samples: usize,
    /// Samples from the start of the next window on; the whole signal while it may still fit in one window.
    buffer: Vec<f32>,
    /// Start of the next window in the delayed signal; `None` while the signal may still fit in one window.
    next_sample: Option<usize>,
}

impl WindowedEncoder {
    /// Creates an encoder with the first `codebooks` codebooks (`None`: all).
    ///
    /// # Errors
    /// When the model has fewer codebooks.
    pub fn new(codec: Arc<Codec>, codebooks: Option<usize>, plan: WindowedPlan) -> Result<Self, CodecError> {
        let encoder = StreamEncoder::new(codec, codebooks, MAX_CHUNK_FRAMES)?;
        Ok(Self { plan, encoder, state: State::default() })
    }

    /// Codebooks of a frame.
    pub fn codebooks(&self) -> usize {
        self.encoder.codebooks()
    }

    /// Takes any number of samples and appends the frames of complete windows to `out`.
    ///
    /// # Errors
    /// When the device fails or its output is not finite; the encoder is then reset.
    pub fn push(&mut self, samples: &[f32], out: &mut QuantizedRows) -> Result<(), CodecError> {
        for part in samples.chunks(PUSH_SAMPLES) {
            let state = &mut self.state;
            state.received_samples += part.len();
            state.buffer.extend_from_slice(part);
            if state.next_sample.is_none() && !self.plan.is_whole(state.received_samples) {
                state.buffer.splice(..0, std::iter::repeat_n(0.0, self.plan.delay_samples));
                state.next_sample = Some(0);
            }
            self.encode_windows(false, out).inspect_err(|_| self.reset())?;
        }
        Ok(())
    }

    /// Ends the signal, appends its remaining frames to `out`, and describes its windows.
    ///
    /// # Errors
    /// As [`WindowedEncoder::push`], and when no sample was pushed.
    pub fn flush(&mut self, out: &mut QuantizedRows) -> Result<WindowedSummary, CodecError> {
        let samples = self.state.received_samples;
        if samples == 0 {
            return Err(CodecError::Empty { what: "audio" });
        }
        let padding = self.state.next_sample.is_none();
        let (chunk_frames, result) = if padding {
            let frames = self.encoder.codec.geometry().frames_for_samples(samples);
            let pushed = self.encoder.push(&self.state.buffer, out);
            (frames, pushed.and_then(|()| self.encoder.flush(out).map(drop)))
        } else {
            (self.plan.chunk_frames, self.encode_windows(true, out))
        };
        self.reset();
        result.map(|()| WindowedSummary { samples, chunk_frames, padding })
    }

    /// Discards the signal pushed so far.
    pub fn reset(&mut self) {
        self.encoder.reset();
        self.state = State::default();
    }

    /// Encodes the windows that are buffered; at the end of the signal, all that start within it, padded with
    /// zeros.
    fn encode_windows(&mut self, end: bool, out: &mut QuantizedRows) -> Result<(), CodecError> {
        let plan = self.plan;
        while let Some(start) = self.state.next_sample {
            let State { received_samples, buffer, .. } = &mut self.state;
            if start >= *received_samples || (!end && buffer.len() < plan.window_samples) {
                return Ok(());
            }
            if buffer.len() < plan.window_samples {
                buffer.resize(plan.window_samples, 0.0);
            }
            let mut rows = QuantizedRows::default();
            self.encoder.push(&vec![0.0; plan.lead_samples], &mut rows)?;
            self.encoder.push(&buffer[..plan.window_samples], &mut rows)?;
            self.encoder.flush(&mut rows)?;
            let frames = rows.codes.len() / self.encoder.codebooks();
            append_frames(&rows, frames, &(plan.skip_frames..plan.skip_frames + plan.chunk_frames), out);
            buffer.drain(..plan.step_samples.min(buffer.len()));
            self.state.next_sample = Some(start + plan.step_samples);
        }
        Ok(())
    }
}
