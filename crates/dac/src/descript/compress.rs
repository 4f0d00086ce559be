//! Audio to the codes of a `.dac` file.

use std::ops::ControlFlow;
use std::path::Path;

use dac_audio::{
    AudioError, AudioReader, ChannelMix, LoudnessMeter, NonFinitePolicy, Planar, Resampler, loudness_gain,
};
use dac_model::CodecError;
use dac_rvq::Codes;
use dac_rvq::cpu::QuantizedRows;
use dac_stream::descript::{DescriptEncoder, DescriptError, DescriptPlan, DescriptSummary};
use dac_tokens::TokenFile;

use super::DESCRIPT_LOUDNESS_DB;
use crate::audio::{Audio, BLOCK_SAMPLES, THE_AUDIO};
use crate::encode::{EncodeOptions, go_on};
use crate::error::Error;
use crate::model::Dac;

/// What the first pass finds: a signal mixed and resampled as it is encoded, all channels together.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct InputLoudness {
    /// Integrated loudness in dB (LUFS), at least −70.
    pub input_db: f32,
    /// The largest absolute sample of any channel, linear.
    pub peak: f32,
    /// Samples a channel at the model's rate.
    pub model_samples: u64,
}

impl InputLoudness {
    /// The one gain for all channels that brings the signal to `target_db`, or as near as its peak at 1 allows; 1 if that is
    /// no finite number.
    pub fn gain_to(&self, target_db: f32) -> f32 {
        let gain = loudness_gain(f64::from(self.input_db), f64::from(target_db));
        if gain * self.peak > 1.0 { 1.0 / self.peak } else { gain }
    }
}

impl Dac {
    /// Measures the loudness of a signal as it would be encoded: what a `.dac` file stores as `input_db`.
    ///
    /// # Errors
    /// When it has no samples, or holds a value that is not finite.
    pub fn measure_loudness(
        &self,
        reader: AudioReader,
        channels: ChannelMix,
    ) -> Result<InputLoudness, Error> {
        self.measure(Pass::of_reader(reader), channels)
    }

    /// Encodes audio in memory as the reference's `compress` does, in windows of `window_seconds`; of `options`, the
    /// codebooks, channels and values that are not finite count. The result holds all that [`dac_tokens::Format::Dac`] stores.
    ///
    /// # Errors
    /// When there are no samples, the channels differ in length, a value is not finite, the model lacks the codebooks, or the
    /// window is too small for it.
    pub fn compress(
        &self,
        audio: &Audio,
        window_seconds: f64,
        options: &EncodeOptions,
    ) -> Result<TokenFile, Error> {
        audio.check()?;
        self.compress_passes(
            &mut || Ok(Pass::of_audio(audio, options.non_finite)),
            window_seconds,
            options,
            &mut |_| ControlFlow::Continue(()),
        )
    }

    /// Encodes an audio file as [`Dac::compress`] does, reading it twice.
    ///
    /// # Errors
    /// As [`Dac::compress`], and when it is not audio.
    pub fn compress_file(
        &self,
        path: impl AsRef<Path>,
        window_seconds: f64,
        options: &EncodeOptions,
    ) -> Result<TokenFile, Error> {
        self.compress_reader(&mut || AudioReader::open(path.as_ref()), window_seconds, options, &mut |_| {
            ControlFlow::Continue(())
        })
    }

    /// Encodes as [`Dac::compress`] does what `open` gives, which is called twice for the same audio; `progress` is told
    /// during the second reading how many samples a channel were read, and may end the work.
    ///
    /// # Errors
    /// As [`Dac::compress_file`], and [`Error::Stopped`] when `progress` breaks.
    pub fn compress_reader(
        &self,
        open: &mut dyn FnMut() -> Result<AudioReader, AudioError>,
        window_seconds: f64,
        options: &EncodeOptions,
        progress: &mut dyn FnMut(u64) -> ControlFlow<()>,
    ) -> Result<TokenFile, Error> {
        let policy = options.non_finite;
        let mut pass = || Ok(Pass::of_reader(open()?.with_non_finite(policy)));
        self.compress_passes(&mut pass, window_seconds, options, progress)
    }

    fn compress_passes<'a>(
        &self,
        open: &mut dyn FnMut() -> Result<Pass<'a>, Error>,
        window_seconds: f64,
        options: &EncodeOptions,
        progress: &mut dyn FnMut(u64) -> ControlFlow<()>,
    ) -> Result<TokenFile, Error> {
        let plan = DescriptPlan::new(self.shape(), window_seconds).map_err(window_error)?;
        let codebooks = self.codec.codebooks(options.codebooks)?;
        let loudness = self.measure(open()?, options.channels)?;
        let gain = loudness.gain_to(DESCRIPT_LOUDNESS_DB);

        let mut signal = Prepared::new(self, open()?, options.channels)?;
        let mut tracks = (0..signal.channels())
            .map(|_| {
                let encoder = DescriptEncoder::new(self.codec.clone(), Some(codebooks), plan)?;
                Ok((encoder, QuantizedRows::default(), Vec::new()))
            })
            .collect::<Result<Vec<_>, CodecError>>()?;
        while let Some(block) = signal.next_block()? {
            for ((encoder, rows, codes), mut samples) in tracks.iter_mut().zip(block) {
                samples.iter_mut().for_each(|v| *v *= gain);
                encoder.push(&samples, rows)?;
                keep_codes(rows, codes);
            }
            go_on(progress(signal.input_samples))?;
        }
        let mut channels = Vec::new();
        let mut summary = None::<DescriptSummary>;
        for (mut encoder, mut rows, mut codes) in tracks {
            summary = Some(encoder.flush(&mut rows)?);
            keep_codes(&mut rows, &mut codes);
            channels.push(Codes::from_rows(&codes, codebooks).map_err(CodecError::from)?);
        }
        let codes = Codes::stack_channels(&channels).map_err(CodecError::from)?;

        let mut meta = self.token_meta(signal.pass.rate_hz);
        meta.input_samples = Some(signal.input_samples);
        meta.replaced_samples = Some(signal.seen.replaced_samples).filter(|&count| count > 0);
        meta.input_truncated = signal.seen.truncated.then_some(true);
        meta.input_db = Some(loudness.input_db);
        meta.chunk_frames = summary.map(|s| s.chunk_frames as u64);
        meta.padding = summary.map(|s| s.padding);
        Ok(TokenFile::of_codes(codes, meta))
    }

    fn measure(&self, pass: Pass<'_>, channels: ChannelMix) -> Result<InputLoudness, Error> {
        let mut signal = Prepared::new(self, pass, channels)?;
        let mut meter = LoudnessMeter::new(self.shape().sample_rate_hz, signal.channels())?;
        let mut model_samples = 0;
        while let Some(block) = signal.next_block()? {
            model_samples += block.first().map_or(0, Vec::len) as u64;
            meter.push(&block)?;
        }
        if signal.input_samples == 0 {
            return Err(Error::NoSamples { name: signal.pass.name });
        }
        Ok(InputLoudness { input_db: meter.integrated_db() as f32, peak: meter.peak(), model_samples })
    }
}

/// z and latents are not stored in a `.dac` file, and take a hundred times the memory.
fn keep_codes(rows: &mut QuantizedRows, codes: &mut Vec<u16>) {
    codes.append(&mut rows.codes);
    rows.z.clear();
    rows.latents.clear();
}

fn window_error(error: DescriptError) -> Error {
    let (what, expected) = ("the window", "one that the unpadded network gives a sample for");
    Error::Option { what, found: error.to_string(), expected }
}

/// One reading of a signal, block by block.
struct Pass<'a> {
    name: String,
    rate_hz: u32,
    channels: usize,
    next: Box<NextBlock<'a>>,
}

/// Gives the next block, if there is one, and what was seen up to then.
type NextBlock<'a> = dyn FnMut() -> Result<(Option<Planar>, Seen), Error> + 'a;

/// What a reading saw of its signal.
#[derive(Debug, Clone, Copy, Default)]
struct Seen {
    /// Values that were not finite.
    replaced_samples: u64,
    /// Whether it ended before what it promised.
    truncated: bool,
}

impl<'a> Pass<'a> {
    fn of_reader(mut reader: AudioReader) -> Self {
        let name = reader.path().display().to_string();
        let (rate_hz, channels) = (reader.spec().sample_rate_hz, reader.spec().channels);
        let next = move || {
            let block = reader.next_block(BLOCK_SAMPLES)?;
            let seen = Seen { replaced_samples: reader.replaced_samples(), truncated: reader.is_truncated() };
            Ok((block, seen))
        };
        Self { name, rate_hz, channels, next: Box::new(next) }
    }

    fn of_audio(audio: &'a Audio, policy: NonFinitePolicy) -> Self {
        let (mut start, mut seen) = (0, Seen::default());
        let next = move || {
            let end = (start + BLOCK_SAMPLES).min(audio.samples());
            if start == end {
                return Ok((None, seen));
            }
            let mut block = audio.slice(start..end);
            seen.replaced_samples += policy.apply(&mut block, THE_AUDIO, start as u64)?;
            start = end;
            Ok((Some(block), seen))
        };
        let name = THE_AUDIO.to_owned();
        Self { name, rate_hz: audio.rate_hz, channels: audio.channels.len(), next: Box::new(next) }
    }
}

/// A signal mixed and at the model's rate.
struct Prepared<'a> {
    pass: Pass<'a>,
    mix: ChannelMix,
    resampler: Resampler,
    channels: usize,
    input_samples: u64,
    seen: Seen,
    finished: bool,
}

impl<'a> Prepared<'a> {
    fn new(dac: &Dac, pass: Pass<'a>, mix: ChannelMix) -> Result<Self, Error> {
        let channels = mix.channels(pass.channels);
        let resampler = Resampler::new(pass.rate_hz, dac.shape().sample_rate_hz, channels)?;
        Ok(Self { pass, mix, resampler, channels, input_samples: 0, seen: Seen::default(), finished: false })
    }

    fn channels(&self) -> usize {
        self.channels
    }

    /// The next block `[channels][samples]`, which may be empty; `None` at the end.
    fn next_block(&mut self) -> Result<Option<Planar>, Error> {
        if self.finished {
            return Ok(None);
        }
        let (block, seen) = (self.pass.next)()?;
        self.seen = seen;
        let Some(block) = block else {
            self.finished = true;
            return Ok(Some(self.resampler.flush()?));
        };
        self.input_samples += block.first().map_or(0, Vec::len) as u64;
        Ok(Some(self.resampler.push(&self.mix.apply(block))?))
    }
}
