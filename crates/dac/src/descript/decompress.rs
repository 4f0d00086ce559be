//! The codes of a `.dac` file to audio.

use std::path::Path;

use dac_audio::{
    LoudnessMeter, MIN_LOUDNESS_DB, Planar, Resampler, SampleFormat, WavWriter, WriteReport, loudness_gain,
    resampled_samples,
};
use dac_stream::descript::{DescriptChunks, DescriptDecoder};
use dac_tokens::{TokenFile, TokenMeta};

use crate::audio::Audio;
use crate::decode::checked_codes;
use crate::error::Error;
use crate::model::{Chunking, Dac};

/// How to decode as the reference's `decompress` does.
#[derive(Debug, Clone, Default)]
#[non_exhaustive]
pub struct DecompressOptions {
    /// Codebooks to use of those that the tokens have; `None` uses all.
    pub codebooks: Option<usize>,
    /// Leaves the signal as loud as it was decoded, without a first pass that measures it.
    pub skip_loudness: bool,
}

impl Dac {
    /// The one gain that brings what codes decode to, all channels together, to the loudness of the input that they store.
    /// Decodes everything once, in constant memory. 1 when no loudness is stored, or none that is a number.
    ///
    /// The decode is what the reference measures: all samples of all chunks at the model's rate, before anything is cut.
    ///
    /// # Errors
    /// As [`DecompressSession::new`] and [`DecompressSession::next_block`].
    pub fn loudness_gain(&self, tokens: &TokenFile, codebooks: Option<usize>) -> Result<f32, Error> {
        let Some(input_db) = tokens.meta.input_db.filter(|db| !db.is_nan()) else { return Ok(1.0) };
        let mut decoded = Decoded::new(self, tokens, codebooks)?;
        let mut meter = LoudnessMeter::new(self.shape().sample_rate_hz, decoded.tracks.len())?;
        while let Some(block) = decoded.next_block()? {
            meter.push(&block)?;
        }
        let gain = loudness_gain(meter.integrated_db(), f64::from(input_db).max(MIN_LOUDNESS_DB));
        Ok(if (gain * meter.peak()).is_finite() { gain } else { 1.0 })
    }

    /// Decodes codes in memory as the reference's `decompress` does, to the rate and length of the input.
    ///
    /// # Errors
    /// As [`DecompressSession::new`] and [`DecompressSession::next_block`].
    pub fn decompress(&self, tokens: &TokenFile, options: &DecompressOptions) -> Result<Audio, Error> {
        let mut session = DecompressSession::new(self, tokens, options)?;
        let mut channels: Planar = vec![Vec::new(); session.channels()];
        while let Some(block) = session.next_block()? {
            for (channel, samples) in channels.iter_mut().zip(block) {
                channel.extend(samples);
            }
        }
        Ok(Audio { channels, rate_hz: session.rate_hz() })
    }

    /// Decodes codes into a WAV file as [`Dac::decompress`] does, block by block; the file appears whole or not at all.
    ///
    /// # Errors
    /// As [`Dac::decompress`], and when the file cannot be written.
    pub fn decompress_to_file(
        &self,
        tokens: &TokenFile,
        path: impl AsRef<Path>,
        format: SampleFormat,
        options: &DecompressOptions,
    ) -> Result<WriteReport, Error> {
        let mut session = DecompressSession::new(self, tokens, options)?;
        let mut writer = WavWriter::create(path, session.rate_hz(), session.channels(), format)?;
        writer.check_length(session.samples())?;
        while let Some(block) = session.next_block()? {
            writer.write(&block)?;
        }
        Ok(writer.finish()?)
    }
}

/// A decode as the reference's `decompress`, in progress: blocks of audio at the input's rate, in constant memory.
pub struct DecompressSession {
    decoded: Decoded,
    gain: f32,
    resampler: Resampler,
    samples: u64,
    finished: bool,
}

impl DecompressSession {
    /// Begins a decode; with loudness, after a first pass over everything. The output has the input's rate and exact length
    /// where the tokens tell them, else the model's rate and all that was decoded.
    ///
    /// # Errors
    /// When there are no codes, they are another model's or out of range, or a chunk is too short to be decoded.
    pub fn new(dac: &Dac, tokens: &TokenFile, options: &DecompressOptions) -> Result<Self, Error> {
        let decoded = Decoded::new(dac, tokens, options.codebooks)?;
        let gain = if options.skip_loudness { 1.0 } else { dac.loudness_gain(tokens, options.codebooks)? };
        let model_hz = dac.shape().sample_rate_hz;
        let rate_hz = tokens.meta.input_rate_hz.unwrap_or(model_hz);
        let mut resampler = Resampler::new(model_hz, rate_hz, decoded.tracks.len())?;
        let natural = resampled_samples(decoded.samples, model_hz, rate_hz);
        // A damaged length must not make an endless file of zeros; what a stride of 5 falls short of is a few samples.
        let samples = tokens.meta.input_samples.map_or(natural, |n| n.min(natural + u64::from(rate_hz)));
        resampler.set_output_samples(samples)?;
        Ok(Self { decoded, gain, resampler, samples, finished: false })
    }

    /// Channels of the output.
    pub fn channels(&self) -> usize {
        self.decoded.tracks.len()
    }

    /// Sample rate of the output in Hz.
    pub fn rate_hz(&self) -> u32 {
        self.resampler.to_hz()
    }

    /// Samples a channel of the output in all.
    pub fn samples(&self) -> u64 {
        self.samples
    }

    /// The one gain that is applied to all channels.
    pub fn gain(&self) -> f32 {
        self.gain
    }

    /// The next block `[channels][samples]`, which may be empty; `None` at the end.
    ///
    /// # Errors
    /// When the device fails or its output is not finite.
    pub fn next_block(&mut self) -> Result<Option<Planar>, Error> {
        if self.finished {
            return Ok(None);
        }
        let Some(mut block) = self.decoded.next_block()? else {
            self.finished = true;
            return Ok(Some(self.resampler.flush()?));
        };
        block.iter_mut().flatten().for_each(|v| *v *= self.gain);
        Ok(Some(self.resampler.push(&block)?))
    }
}

/// How the tokens' own facts say that `frames` frames are to be decoded: without any, as one padded chunk, which is the exact
/// way.
pub(crate) fn chunks_of(meta: &TokenMeta, frames: usize) -> Result<DescriptChunks, Error> {
    let chunk_frames = match meta.chunk_frames {
        None => frames,
        Some(0) => {
            let (what, expected) = ("the tokens' chunk length in frames", "1 or more");
            return Err(Error::Option { what, found: "0".to_owned(), expected });
        }
        Some(chunk) => usize::try_from(chunk).unwrap_or(usize::MAX).min(frames),
    };
    Ok(DescriptChunks { chunk_frames, padding: meta.padding.unwrap_or(true) })
}

/// What codes decode to at the model's rate, uncut.
struct Decoded {
    tracks: Vec<(Vec<u16>, DescriptDecoder)>,
    codebooks: usize,
    frames: usize,
    block_frames: usize,
    next_frame: usize,
    /// Samples a channel in all.
    samples: u64,
}

impl Decoded {
    fn new(dac: &Dac, tokens: &TokenFile, codebooks: Option<usize>) -> Result<Self, Error> {
        dac.check_tokens(&tokens.meta)?;
        let codes = tokens.codes.as_ref().ok_or(Error::NoTokens)?;
        let codes = checked_codes(dac, codes, codebooks)?;
        let [channels, codebooks, frames] = codes.shape();
        let chunks = chunks_of(&tokens.meta, frames)?;
        let samples = chunks.samples(dac.shape(), frames).map_err(|error| Error::Option {
            what: "the tokens' chunk length",
            found: error.to_string(),
            expected: "chunks that the unpadded network gives a sample for",
        })?;
        let decoder = || DescriptDecoder::new(dac.codec.clone(), chunks);
        Ok(Self {
            tracks: (0..channels).map(|channel| (codes.to_rows(channel), decoder())).collect(),
            codebooks,
            frames,
            block_frames: Chunking::default().frames(dac.shape())?.unwrap_or(frames),
            next_frame: 0,
            samples: samples as u64,
        })
    }

    /// The next block `[channels][samples]`, which may be empty; `None` at the end.
    fn next_block(&mut self) -> Result<Option<Planar>, Error> {
        if self.next_frame == self.frames {
            return Ok(None);
        }
        let end = (self.next_frame + self.block_frames).min(self.frames);
        let mut block = Planar::with_capacity(self.tracks.len());
        for (rows, decoder) in &mut self.tracks {
            let mut samples = Vec::new();
            let part = &rows[self.next_frame * self.codebooks..end * self.codebooks];
            decoder.push_codes(part, self.codebooks, &mut samples)?;
            if end == self.frames {
                decoder.flush(&mut samples)?;
            }
            block.push(samples);
        }
        self.next_frame = end;
        Ok(Some(block))
    }
}
