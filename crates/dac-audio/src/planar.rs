//! The layout of samples in this crate, `[channels][samples]`.

use crate::AudioError;

/// Samples as `[channels][samples]`, all channels of equal length.
pub type Planar = Vec<Vec<f32>>;

/// Checks the shape of `block` and returns its samples per channel.
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

/// Appends `block` to `out` channel by channel; both have the same number of channels.
pub(crate) fn append(out: &mut Planar, block: Planar) {
    for (plane, more) in out.iter_mut().zip(block) {
        plane.extend(more);
    }
}

/// Checks that two blocks have the same shape and returns their samples per channel.
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
