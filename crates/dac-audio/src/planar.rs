//! The one shape that samples have in this crate.

use crate::AudioError;

/// Samples as `[channels][samples]`, all channels equally long.
pub type Planar = Vec<Vec<f32>>;

/// Samples per channel of `block` after checking its shape.
///
/// # Errors
/// [`AudioError::ChannelCount`] or [`AudioError::UnevenChannels`].
pub(crate) fn check<S: AsRef<[f32]>>(block: &[S], channels: usize) -> Result<usize, AudioError> {
    if block.len() != channels {
        return Err(AudioError::ChannelCount { expected: channels, found: block.len() });
    }
    let samples = block.first().map_or(0, |plane| plane.as_ref().len());
    for (channel, plane) in block.iter().enumerate() {
        let found = plane.as_ref().len();
        if found != samples {
            return Err(AudioError::UnevenChannels { channel, expected: samples, found });
        }
    }
    Ok(samples)
}
