//! Checks of the shapes of blocks and the formats of streams.

use std::path::Path;

use crate::{AudioError, MAX_CHANNELS, MAX_RATE_HZ, MIN_RATE_HZ};

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

/// Checks that a rate can be resampled.
pub(crate) fn check_rate(rate_hz: u32) -> Result<(), AudioError> {
    if (MIN_RATE_HZ..=MAX_RATE_HZ).contains(&rate_hz) {
        Ok(())
    } else {
        Err(AudioError::RateOutOfRange { rate_hz })
    }
}

/// Checks a number of channels from a header.
pub(crate) fn check_channels(path: &Path, found: usize) -> Result<(), AudioError> {
    if found == 0 || found > MAX_CHANNELS {
        return Err(AudioError::malformed(path, format!("1 to {MAX_CHANNELS} channels"), found.to_string()));
    }
    Ok(())
}

/// Checks sample rate and channels of a stream that is read or written.
pub(crate) fn check_format(path: &Path, sample_rate_hz: u32, channels: usize) -> Result<(), AudioError> {
    check_channels(path, channels)?;
    if sample_rate_hz == 0 {
        return Err(AudioError::malformed(path, "a sample rate above 0", "0 Hz"));
    }
    Ok(())
}
