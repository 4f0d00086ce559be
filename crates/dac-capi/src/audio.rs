//! Decoded audio.

use std::ptr;

use dac::audio::Planar;

use crate::pointers::free;

/// Samples [channels][samples] and their rate.
pub struct Audio {
    channels: Planar,
    rate_hz: u32,
}

impl Audio {
    pub(crate) fn new(channels: Planar, rate_hz: u32) -> Self {
        Self { channels, rate_hz }
    }
}

/// Releases audio.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn dac_audio_free(audio: *mut Audio) {
    // SAFETY: the header requires NULL or a handle of this type.
    unsafe { free(audio) }
}

/// Returns the number of channels; 0 for NULL.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn dac_audio_channels(audio: *const Audio) -> usize {
    // SAFETY: the header requires NULL or a handle of this type.
    unsafe { audio.as_ref() }.map_or(0, |audio| audio.channels.len())
}

/// Returns the number of samples per channel, which can be 0 for audio from a stream; 0 for NULL.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn dac_audio_samples(audio: *const Audio) -> usize {
    // SAFETY: the header requires NULL or a handle of this type.
    unsafe { audio.as_ref() }.map_or(0, |audio| audio.channels.first().map_or(0, Vec::len))
}

/// Returns the sample rate in Hz; 0 for NULL.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn dac_audio_sample_rate(audio: *const Audio) -> u32 {
    // SAFETY: the header requires NULL or a handle of this type.
    unsafe { audio.as_ref() }.map_or(0, |audio| audio.rate_hz)
}

/// Returns the samples of a channel; NULL if the audio has no samples or not this channel.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn dac_audio_channel(audio: *const Audio, channel: usize) -> *const f32 {
    // SAFETY: the header requires NULL or a handle of this type.
    let samples = unsafe { audio.as_ref() }.and_then(|audio| audio.channels.get(channel));
    samples.filter(|samples| !samples.is_empty()).map_or(ptr::null(), |samples| samples.as_ptr())
}
