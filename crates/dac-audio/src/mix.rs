//! What becomes of a file's channels.

use crate::Planar;

/// How many channels go on, and how they are made.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum ChannelMix {
    /// One channel: the mean of all.
    #[default]
    Mono,
    /// Every channel as it is.
    Keep,
}

impl ChannelMix {
    /// Channels after the mix of `channels` channels.
    #[must_use]
    pub fn channels(self, channels: usize) -> usize {
        match self {
            Self::Mono => channels.min(1),
            Self::Keep => channels,
        }
    }

    /// Mixes a block `[channels][samples]`. The mean is formed in `f64`, so that it does not depend on
    /// the order of the channels; one channel passes unchanged.
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
    fn mono_is_the_mean_and_keep_changes_nothing() {
        let block = vec![vec![1.0, -1.0, 0.5], vec![0.0, 1.0, 0.25]];
        assert_eq!(ChannelMix::Mono.apply(block.clone()), vec![vec![0.5, 0.0, 0.375]]);
        assert_eq!(ChannelMix::Keep.apply(block.clone()), block);
        assert_eq!(ChannelMix::Mono.apply(vec![vec![0.1, 0.2]]), vec![vec![0.1, 0.2]]);
        assert_eq!(ChannelMix::Mono.channels(6), 1);
        assert_eq!(ChannelMix::Keep.channels(6), 6);
    }
}
