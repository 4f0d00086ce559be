//! Mixing of channels.

use crate::Planar;

/// Mix of a signal's channels.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum ChannelMix {
    /// One channel, the mean of all.
    #[default]
    Mono,
    /// All channels, unchanged.
    Keep,
}

impl ChannelMix {
    /// Number of channels after mixing `channels` channels.
    #[must_use]
    pub fn channels(self, channels: usize) -> usize {
        match self {
            Self::Mono => channels.min(1),
            Self::Keep => channels,
        }
    }

    /// Mixes a block `[channels][samples]`. The sum is taken in `f64`. A single channel is returned
    /// unchanged.
    #[must_use]
    pub fn apply(self, block: Planar) -> Planar {
        if self == Self::Keep || block.len() <= 1 {
            return block;
        }
        let samples = block.iter().map(Vec::len).min().unwrap_or(0);
        let mut sum = vec![0.0_f64; samples];
        for plane in &block {
            for (total, &value) in sum.iter_mut().zip(plane) {
                *total += f64::from(value);
            }
        }
        let count = block.len() as f64;
        vec![sum.into_iter().map(|total| (total / count) as f32).collect()]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn mono_is_the_mean_and_keep_is_the_identity() {
        let block = vec![vec![1.0, -1.0, 0.5], vec![0.0, 1.0, 0.25]];
        assert_eq!(ChannelMix::Mono.apply(block.clone()), vec![vec![0.5, 0.0, 0.375]]);
        assert_eq!(ChannelMix::Keep.apply(block.clone()), block);
        assert_eq!(ChannelMix::Mono.apply(vec![vec![0.1, 0.2]]), vec![vec![0.1, 0.2]]);
        assert_eq!(ChannelMix::Mono.channels(6), 1);
        assert_eq!(ChannelMix::Keep.channels(6), 6);
    }
}
