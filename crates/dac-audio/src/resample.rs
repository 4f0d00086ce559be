//! Streaming sample rate conversion, without delay and with an exact output length.
//!
//! Uses synchronous FFT resampling (`rubato::Fft`) in `f64`: each chunk of input is transformed, low-passed
//! by a windowed sinc, truncated or zero-extended to the bandwidth of the output and transformed back. Unlike
//! a sinc interpolator it needs no interpolation between filter phases, because all ratios of sample rates
//! are rational, and its delay is a whole number of samples if the transform length is even, so it can be
//! removed exactly.
//!
//! The filter has at least 1024 taps at the lower of the two rates. `tests/resample.rs` checks for
//! 48 ↔ 44.1, 44.1 → 16, 44.1 → 24, 8 ↔ 44.1, 22.05 → 44.1 and 96, 192 → 44.1 kHz:
//! - pass band, 0 to 97 % of the lower Nyquist frequency: within 0.001 dB of unity;
//! - stop band, above the lower Nyquist frequency, aliases and images: at least 140 dB down;
//! - time error of a sine: below 1e-6 output samples.

use rubato::audioadapter_buffers::direct::SequentialSliceOfVecs;
use rubato::{Fft, FixedSync, Indexing, Resampler as _, WindowFunction};

use crate::check::{check_planar, check_rate};
use crate::{AudioError, Planar, planar};

/// Minimum number of filter taps, at the lower rate.
const MIN_TAPS: usize = 1_024;

/// Computes the length of `samples` samples after resampling: `ceil(samples · to / from)`.
///
/// ```
/// assert_eq!(dac_audio::resampled_samples(1, 8_000, 44_100), 6);
/// ```
#[must_use]
pub fn resampled_samples(samples: u64, from_hz: u32, to_hz: u32) -> u64 {
    let exact = u128::from(samples) * u128::from(to_hz);
    u64::try_from(exact.div_ceil(u128::from(from_hz.max(1)))).unwrap_or(u64::MAX)
}

/// Streaming resampler: [`push`](Self::push) blocks, then [`flush`](Self::flush) once.
///
/// For `n` samples pushed, the joined output of `push` and `flush` has `ceil(n · to / from)` samples, or as
/// many as set by [`set_output_samples`](Self::set_output_samples), and does not depend on the block sizes.
/// The first output sample has the time of the first input sample. Equal rates return the input bit for bit.
#[derive(Debug)]
pub struct Resampler {
    from_hz: u32,
    to_hz: u32,
    channels: usize,
    converter: Option<FftConverter>,
    progress: Progress,
}

/// Progress of a stream; replaced by `reset`.
#[derive(Debug, Default)]
struct Progress {
    pushed: u64,
    emitted: u64,
    wanted: Option<u64>,
    /// Output samples still to be dropped at the front because of the filter's delay.
    to_trim: usize,
}

#[derive(Debug)]
struct FftConverter {
    from_hz: u32,
    to_hz: u32,
    fft: Fft<f64>,
    chunk_in: usize,
    chunk_out: usize,
    delay: usize,
    /// `[channels][chunk_in]`; the first `filled` samples are waiting.
    input: Vec<Vec<f64>>,
    filled: usize,
    output: Vec<Vec<f64>>,
}

impl Resampler {
    /// Creates a resampler for `channels` channels.
    ///
    /// # Errors
    /// [`AudioError::RateOutOfRange`] outside [`MIN_RATE_HZ`](crate::MIN_RATE_HZ) to
    /// [`MAX_RATE_HZ`](crate::MAX_RATE_HZ), also for equal rates.
    pub fn new(from_hz: u32, to_hz: u32, channels: usize) -> Result<Self, AudioError> {
        check_rate(from_hz)?;
        check_rate(to_hz)?;
        let converter = if from_hz == to_hz || channels == 0 {
            None
        } else {
            Some(FftConverter::new(from_hz, to_hz, channels)?)
        };
        let mut resampler = Self { from_hz, to_hz, channels, converter, progress: Progress::default() };
        resampler.reset();
        Ok(resampler)
    }

    /// Sample rate of the input.
    #[must_use]
    pub fn from_hz(&self) -> u32 {
        self.from_hz
    }

    /// Sample rate of the output.
    #[must_use]
    pub fn to_hz(&self) -> u32 {
        self.to_hz
    }

    /// True if the rates are equal, so that samples are returned unchanged.
    #[must_use]
    pub fn is_identity(&self) -> bool {
        self.converter.is_none()
    }

    /// Maximum number of input samples that were pushed but do not affect the output yet: one transform plus
    /// the filter's delay. 0 for equal rates.
    #[must_use]
    pub fn latency_samples(&self) -> usize {
        self.converter.as_ref().map_or(0, |converter| converter.chunk_in + converter.chunk_in / 2)
    }

    /// Sets the total output length instead of `ceil(n · to / from)`: a longer output is truncated, a shorter
    /// one padded with zeros. A decoder uses this to restore the length of the original exactly.
    ///
    /// # Errors
    /// [`AudioError::OutputLength`] if more than `samples` samples were already returned.
    pub fn set_output_samples(&mut self, samples: u64) -> Result<(), AudioError> {
        if self.progress.emitted > samples {
            return Err(AudioError::OutputLength { wanted: samples, found: self.progress.emitted });
        }
        self.progress.wanted = Some(samples);
        Ok(())
    }

    /// Adds a block `[channels][samples]` of any length and returns the samples that are ready.
    ///
    /// # Errors
    /// [`AudioError::ChannelCount`], [`AudioError::UnevenChannels`], or [`AudioError::Resample`] if a sample
    /// is NaN or infinite.
    pub fn push<S: AsRef<[f32]>>(&mut self, block: &[S]) -> Result<Planar, AudioError> {
        let samples = check_planar(block, self.channels)?;
        self.progress.pushed = self.progress.pushed.saturating_add(samples as u64);
        let mut out = vec![Vec::new(); self.channels];
        let Some(converter) = self.converter.as_mut() else {
            for (plane, source) in out.iter_mut().zip(block) {
                plane.extend_from_slice(source.as_ref());
            }
            self.progress.cap(&mut out);
            return Ok(out);
        };
        let mut start = 0;
        while start < samples {
            let take = (converter.chunk_in - converter.filled).min(samples - start);
            for (plane, source) in converter.input.iter_mut().zip(block) {
                let from = source.as_ref().get(start..start + take).unwrap_or_default();
                let into = plane.get_mut(converter.filled..).unwrap_or_default();
                into.iter_mut().zip(from).for_each(|(into, &from)| *into = f64::from(from));
            }
            converter.filled += take;
            start += take;
            if converter.filled == converter.chunk_in {
                converter.run(&mut self.progress, &mut out)?;
            }
        }
        self.progress.cap(&mut out);
        Ok(out)
    }

    /// Ends the stream: returns the remaining samples up to the total length, and resets.
    ///
    /// # Errors
    /// [`AudioError::OutputLength`] if the length that was set exceeds the input by more than a second: a
    /// damaged file that claims a huge length must not fill the memory with zeros.
    pub fn flush(&mut self) -> Result<Planar, AudioError> {
        let natural = resampled_samples(self.progress.pushed, self.from_hz, self.to_hz);
        let total = self.progress.wanted.unwrap_or(natural);
        if total > natural.saturating_add(u64::from(self.to_hz)) {
            return Err(AudioError::OutputLength { wanted: total, found: natural });
        }
        self.progress.wanted = Some(total);
        let missing = usize::try_from(total - self.progress.emitted.min(total)).unwrap_or(usize::MAX);
        let mut out = vec![Vec::new(); self.channels];
        if let Some(converter) = self.converter.as_mut() {
            // The filter rings for one transform after the last sample; after that there is only silence.
            let mut silent_runs = 0;
            while silent_runs < 2 && out.first().is_some_and(|plane| plane.len() < missing) {
                silent_runs += usize::from(converter.filled == 0);
                converter.run(&mut self.progress, &mut out)?;
            }
        }
        for plane in &mut out {
            plane.resize(missing, 0.0);
        }
        self.reset();
        Ok(out)
    }

    /// Ends the stream as [`flush`](Self::flush) does and appends the rest to `out`, `[channels][samples]`.
    ///
    /// # Errors
    /// As [`flush`](Self::flush), or if `out` has another number of channels.
    pub fn flush_into(&mut self, out: &mut Planar) -> Result<(), AudioError> {
        if out.len() != self.channels {
            return Err(AudioError::ChannelCount { expected: self.channels, found: out.len() });
        }
        planar::append(out, self.flush()?);
        Ok(())
    }

    /// Discards all input and starts a new stream.
    pub fn reset(&mut self) {
        self.progress = Progress::default();
        if let Some(converter) = &mut self.converter {
            converter.fft.reset();
            converter.filled = 0;
            self.progress.to_trim = converter.delay;
        }
    }
}

impl Progress {
    /// Truncates `out` at the wanted total and counts its samples.
    fn cap(&mut self, out: &mut Planar) {
        let mut samples = out.first().map_or(0, Vec::len) as u64;
        if let Some(wanted) = self.wanted {
            samples = samples.min(wanted - self.emitted.min(wanted));
            out.iter_mut().for_each(|plane| plane.truncate(samples as usize));
        }
        self.emitted += samples;
    }
}

impl FftConverter {
    fn new(from_hz: u32, to_hz: u32, channels: usize) -> Result<Self, AudioError> {
        let divisor = gcd(from_hz, to_hz);
        let (step_in, step_out) = ((from_hz / divisor) as usize, (to_hz / divisor) as usize);
        // An even number of steps puts the filter's centre on a sample of both rates.
        let steps = MIN_TAPS.div_ceil(step_in.min(step_out)).next_multiple_of(2);
        let (chunk_in, chunk_out) = (steps * step_in, steps * step_out);
        let failed = |reason| AudioError::Resample { from_hz, to_hz, reason };
        let (rate_in, rate_out) = (from_hz as usize, to_hz as usize);
        let window = WindowFunction::BlackmanHarris2;
        let fft = Fft::new_custom(rate_in, rate_out, chunk_in, 1, channels, window, FixedSync::Both)
            .map_err(|error| failed(error.to_string()))?;
        if fft.input_frames_next() != chunk_in || fft.output_frames_next() != chunk_out {
            return Err(failed(format!("expected steps of {chunk_in} to {chunk_out} samples")));
        }
        let delay = fft.output_delay();
        let [input, output] = [chunk_in, chunk_out].map(|samples| vec![vec![0.0; samples]; channels]);
        Ok(Self { from_hz, to_hz, fft, chunk_in, chunk_out, delay, input, filled: 0, output })
    }

    /// Resamples the waiting samples, padded with zeros to a whole transform, and appends to `out`.
    fn run(&mut self, progress: &mut Progress, out: &mut Planar) -> Result<(), AudioError> {
        let (from_hz, to_hz) = (self.from_hz, self.to_hz);
        self.transform().map_err(|reason| AudioError::Resample { from_hz, to_hz, reason })?;
        self.filled = 0;
        let skip = progress.to_trim.min(self.chunk_out);
        progress.to_trim -= skip;
        for (plane, resampled) in out.iter_mut().zip(&self.output) {
            plane.extend(resampled.iter().skip(skip).map(|&value| value as f32));
        }
        Ok(())
    }

    fn transform(&mut self) -> Result<(), String> {
        // The transform panics on them.
        if !self.input.iter().flatten().all(|sample| sample.is_finite()) {
            return Err("a sample is NaN or infinite".to_owned());
        }
        let channels = self.input.len();
        let input = SequentialSliceOfVecs::new(&self.input, channels, self.chunk_in)
            .map_err(|error| error.to_string())?;
        let mut output = SequentialSliceOfVecs::new_mut(&mut self.output, channels, self.chunk_out)
            .map_err(|error| error.to_string())?;
        let indexing = Indexing::new().partial_len(self.filled);
        self.fft
            .process_into_buffer(&input, &mut output, Some(&indexing))
            .map_err(|error| error.to_string())?;
        Ok(())
    }
}

fn gcd(mut a: u32, mut b: u32) -> u32 {
    while b != 0 {
        (a, b) = (b, a % b);
    }
    a.max(1)
}
