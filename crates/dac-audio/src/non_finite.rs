//! Treatment of NaN and infinite samples.

use std::path::Path;

use crate::AudioError;

/// Treatment of samples that are NaN or infinite.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum NonFinitePolicy {
    /// Fail with [`AudioError::NonFinite`], which reports the first one.
    #[default]
    Error,
    /// Replace them by 0 and count them.
    Zero,
}

impl NonFinitePolicy {
    /// Applies the policy to a block `[channels][samples]` that starts at sample `start` of the signal that
    /// errors call `name`. Returns the number of replaced values.
    ///
    /// # Errors
    /// [`AudioError::NonFinite`] with the earliest value, under [`NonFinitePolicy::Error`].
    pub fn apply(
        self,
        block: &mut [Vec<f32>],
        name: impl AsRef<Path>,
        start: u64,
    ) -> Result<u64, AudioError> {
        let Some((sample, channel, value)) = first_non_finite(block) else {
            return Ok(0);
        };
        match self {
            Self::Error => {
                let path = name.as_ref().to_owned();
                Err(AudioError::NonFinite { path, sample: start + sample as u64, channel, value })
            }
            Self::Zero => {
                let mut replaced = 0;
                for value in block.iter_mut().flatten().filter(|value| !value.is_finite()) {
                    *value = 0.0;
                    replaced += 1;
                }
                Ok(replaced)
            }
        }
    }
}

/// Finds the earliest sample that is not finite, in the lowest channel: `(sample, channel, value)`.
pub(crate) fn first_non_finite<S: AsRef<[f32]>>(block: &[S]) -> Option<(usize, usize, f32)> {
    block
        .iter()
        .enumerate()
        .filter_map(|(channel, plane)| {
            let plane = plane.as_ref();
            let sample = plane.iter().position(|value| !value.is_finite())?;
            Some((sample, channel, plane.get(sample).copied()?))
        })
        .min_by_key(|&(sample, channel, _)| (sample, channel))
}
