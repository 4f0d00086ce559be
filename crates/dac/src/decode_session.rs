//! A decode that returns audio block by block.

use dac_audio::{Planar, Resampler, WavWriter};
use dac_tokens::{TokenFile, TokenMeta};

use crate::chunking::Chunking;
use crate::decode_channel::{ChannelDecoder, ChannelFrames, Mode, check_channels, frames_of};
use crate::decode_span::Timing;
use crate::error::Error;
use crate::model::Dac;
use crate::options::DecodeOptions;
use crate::progress::{Progress, report};

/// A decode in progress: returns blocks of audio. Its memory, apart from the tokens, is constant.
pub struct DecodeSession {
    channels: Vec<(ChannelFrames, ChannelDecoder)>,
    gain: f32,
    block_frames: usize,
    next_frame: usize,
    end_frame: usize,
    /// Decoded samples still to be dropped before those to keep.
    skip_samples: u64,
    /// Decoded samples still to be kept.
    left_samples: u64,
    resampler: Resampler,
    /// Resampled samples still to be dropped before the output begins.
    output_skip: u64,
    output_samples: u64,
    finished: bool,
}

impl DecodeSession {
    /// Begins a decode.
    ///
    /// # Errors
    /// As [`Dac::decode`].
    pub fn new(dac: &Dac, tokens: &TokenFile, options: &DecodeOptions) -> Result<Self, Error> {
        Self::with_meta(dac, tokens, &tokens.meta, options)
    }

    /// Begins a decode with `meta` in place of the tokens' own metadata.
    pub(crate) fn with_meta(
        dac: &Dac,
        tokens: &TokenFile,
        meta: &TokenMeta,
        options: &DecodeOptions,
    ) -> Result<Self, Error> {
        dac.check_tokens(meta)?;
        check_channels(tokens.shape().map_or(0, |[channels, _, _]| channels))?;
        let (channels, frames) = frames_of(dac, tokens, options.codebooks)?;
        let mode = Mode::choose(dac, meta, frames, options.chunk)?;
        let kept_frames = mode.frames_without_tail(frames, options.tail_frames)?;
        let gain = if options.restore_loudness { dac.loudness_gain(tokens, options.codebooks)? } else { 1.0 };
        let chunk = match options.chunk {
            Chunking::Windowed { .. } => Chunking::default(),
            chunk => chunk,
        };
        let block_frames = chunk.exact_frames(dac.shape())?.unwrap_or(frames.max(1));
        let timing = Timing::new(
            meta.input_samples.zip(meta.input_rate_hz),
            options.output_rate,
            dac.shape().sample_rate_hz,
            mode.samples(dac, kept_frames) as u64,
        )?;
        let mut resampler = Resampler::new(timing.model_hz, timing.output_hz, channels.len())?;
        let part = timing.part(options.range, &resampler)?;
        resampler.set_output_samples(part.output_skip + part.output_samples)?;
        let (span, skip_samples) = part.frames(dac, &mode, frames);
        let decoder = |frames| (frames, ChannelDecoder::new(dac, &mode, block_frames));
        Ok(Self {
            channels: channels.into_iter().map(decoder).collect(),
            gain,
            block_frames,
            next_frame: span.start,
            end_frame: span.end,
            skip_samples,
            left_samples: part.model.end - part.model.start,
            resampler,
            output_skip: part.output_skip,
            output_samples: part.output_samples,
            finished: false,
        })
    }

    /// Channels of the output.
    pub fn channels(&self) -> usize {
        self.channels.len()
    }

    /// Sample rate of the output in Hz.
    pub fn rate_hz(&self) -> u32 {
        self.resampler.to_hz()
    }

    /// Samples per channel of the whole output.
    pub fn samples(&self) -> u64 {
        self.output_samples
    }

    /// Returns the next block `[channels][samples]`, which may be empty; `None` at the end.
    ///
    /// # Errors
    /// When a code is out of range or the device fails.
    pub fn next_block(&mut self) -> Result<Option<Planar>, Error> {
        if self.finished {
            return Ok(None);
        }
        let range = self.next_frame..(self.next_frame + self.block_frames).min(self.end_frame);
        let last = range.end == self.end_frame;
        let mut block: Planar = Vec::with_capacity(self.channels.len());
        for (frames, decoder) in &mut self.channels {
            block.push(decoder.decode(frames, range.clone(), last)?);
        }
        self.next_frame = range.end;
        drop_front(&mut block, &mut self.skip_samples);
        let ready = block.first().map_or(0, Vec::len) as u64;
        // Zeros replace samples missing at the end: with a stride of 5, a decode is 8 samples short.
        let wanted = if last { self.left_samples } else { ready.min(self.left_samples) };
        block.iter_mut().for_each(|samples| samples.resize(wanted as usize, 0.0));
        self.left_samples -= wanted;
        if self.gain != 1.0 {
            block.iter_mut().flatten().for_each(|sample| *sample *= self.gain);
        }
        let mut out = self.resampler.push(&block)?;
        if last {
            self.finished = true;
            self.resampler.flush_into(&mut out)?;
        }
        drop_front(&mut out, &mut self.output_skip);
        Ok(Some(out))
    }

    /// Writes all remaining blocks to `writer`, which the caller finishes.
    ///
    /// # Errors
    /// As [`DecodeSession::next_block`]; when the file cannot be written or the audio is too long for it; and
    /// [`Error::Cancelled`] when `progress` cancels.
    pub fn write_to(&mut self, writer: &mut WavWriter, progress: &mut dyn Progress) -> Result<(), Error> {
        writer.reserve(self.samples())?;
        let mut written = 0;
        while let Some(block) = self.next_block()? {
            writer.write(&block)?;
            written += block.first().map_or(0, Vec::len) as u64;
            report(progress, written)?;
        }
        Ok(())
    }
}

/// Drops up to `skip` samples at the start of a block and lowers `skip` by their number.
fn drop_front(block: &mut Planar, skip: &mut u64) {
    let dropped = block.first().map_or(0, Vec::len).min(usize::try_from(*skip).unwrap_or(usize::MAX));
    block.iter_mut().for_each(|samples| drop(samples.drain(..dropped)));
    *skip -= dropped as u64;
}
