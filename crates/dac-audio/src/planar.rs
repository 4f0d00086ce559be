//! The one shape that samples have in this crate.

use crate::AudioError;

/// Samples as `[channels][samples]`, all channels equally long.
pub type Planar = Vec<Vec<f32>>;

/// Samples per channel of `block` after checking its shape.
///
/// # Errors
/// [`AudioError::ChannelCount`] or [`AudioError::UnevenChannels`].
pub fn check_planar<S: AsRef<[f32]>>(block: &[S], channels: usize) -> Result<usize, AudioError> {
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

/// Samples per channel of two blocks after checking that they have one shape.
///
/// # Errors
/// [`AudioError::ChannelCount`], [`AudioError::UnevenChannels`] or [`AudioError::LengthsDiffer`].
pub(crate) fn check_pair<R, E>(reference: &[R], estimate: &[E], channels: usize) -> Result<usize, AudioError>
where
    R: AsRef<[f32]>,
    E: AsRef<[f32]>,
{
    let samples = check_planar(reference, channels)?;
    let found = check_planar(estimate, channels)?;
    if samples != found {
        let (reference_samples, estimate_samples) = (samples as u64, found as u64);
        return Err(AudioError::LengthsDiffer { reference_samples, estimate_samples });
    }
    Ok(samples)
}
