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

/// Mixes the blocks of a signal and measures the power that the mean of its channels loses.
#[derive(Debug)]
pub(crate) struct Downmixer {
    mix: ChannelMix,
    /// Sum of the squares of the mixed samples.
    mixed_energy: f64,
    /// Sum of the squares of the samples of all channels, divided by the number of channels.
    channel_energy: f64,
}

impl Downmixer {
    pub(crate) fn new(mix: ChannelMix) -> Self {
        Self { mix, mixed_energy: 0.0, channel_energy: 0.0 }
    }

    /// Number of channels after mixing `channels` channels.
    pub(crate) fn channels(&self, channels: usize) -> usize {
        self.mix.channels(channels)
    }

    /// Mixes a block `[channels][samples]`.
    pub(crate) fn apply(&mut self, block: Planar) -> Planar {
        if self.mix == ChannelMix::Keep || block.len() <= 1 {
            return block;
        }
        self.channel_energy += block.iter().map(|plane| energy(plane)).sum::<f64>() / block.len() as f64;
        let mixed = self.mix.apply(block);
        self.mixed_energy += mixed.iter().map(|plane| energy(plane)).sum::<f64>();
        mixed
    }

    /// Difference between the mean power of the channels and the power of their mean so far, in dB: 0 for
    /// equal channels, 10 · log10(channels) for unrelated ones, infinite for channels that cancel. `None` if
    /// nothing was mixed, or only silence.
    pub(crate) fn loss_db(&self) -> Option<f64> {
        (self.channel_energy > 0.0).then(|| 10.0 * (self.channel_energy / self.mixed_energy).log10())
    }
}

fn energy(samples: &[f32]) -> f64 {
    samples.iter().map(|&sample| f64::from(sample).powi(2)).sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_loss_of_a_mix_is_measured_over_all_blocks() {
        let tone = |gain: f32| (0..4410).map(|n| gain * (n as f32 * 0.05).sin()).collect::<Vec<_>>();
        for (block, expected) in [
            (vec![tone(0.5), tone(0.5)], Some(0.0)),
            (vec![tone(0.5), vec![0.0; 4410]], Some(3.01)),
            (vec![tone(0.5), tone(-0.45)], Some(25.58)),
            (vec![tone(0.5), tone(-0.5)], Some(f64::INFINITY)),
            (vec![vec![0.0; 4410]; 2], None),
            (vec![tone(0.5)], None),
        ] {
            let mut mixer = Downmixer::new(ChannelMix::Mono);
            for _ in 0..3 {
                assert_eq!(mixer.apply(block.clone()), ChannelMix::Mono.apply(block.clone()));
            }
            let found = mixer.loss_db();
            let is_near = |a: f64, b: f64| a == b || (a - b).abs() < 0.01;
            let equal =
                found.zip(expected).map_or(found == expected, |(found, expected)| is_near(found, expected));
            assert!(equal, "{found:?}, expected {expected:?}");
        }
        let mut kept = Downmixer::new(ChannelMix::Keep);
        kept.apply(vec![tone(0.5), tone(-0.5)]);
        assert_eq!(kept.loss_db(), None);
    }

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
