//! Edit list of an MP4/M4A file, which defines the part of the coded audio to play.
//!
//! AAC encoders insert about a thousand samples of delay, which the edit list skips.

use super::mp4_track::Track;

/// Edit of one track.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Edit {
    /// Start of the part to play, in units of `media_scale` per second.
    start: u64,
    /// Length of the part to play, in units of `movie_scale` per second; 0 if unknown.
    duration: u64,
    media_scale: u32,
    movie_scale: u32,
}

impl Edit {
    /// Returns the edit of a track if it has exactly one.
    pub(super) fn of(track: &Track, movie_scale: u32) -> Option<Self> {
        let (start, duration) = track.edit?;
        let is_valid = track.timescale > 0 && movie_scale > 0;
        is_valid.then_some(Self { start, duration, media_scale: track.timescale, movie_scale })
    }

    /// Computes the first sample and the number of samples to play at `rate_hz`, of a track of `coded`
    /// samples.
    pub(super) fn span(&self, rate_hz: u32, coded: Option<u64>) -> (u64, Option<u64>) {
        let scale = |units: u64, scale: u32| {
            let samples =
                (u128::from(units) * u128::from(rate_hz) + u128::from(scale / 2)) / u128::from(scale.max(1));
            u64::try_from(samples).unwrap_or(u64::MAX)
        };
        let start = scale(self.start, self.media_scale);
        let after_start = coded.map(|coded| coded.saturating_sub(start));
        if self.duration == 0 {
            return (start, after_start);
        }
        // The duration has coarse units, usually milliseconds; the coded length is exact to the sample.
        let duration = scale(self.duration, self.movie_scale);
        let unit = scale(1, self.movie_scale) + 1;
        match after_start {
            Some(exact) if exact.abs_diff(duration) <= unit => (start, Some(exact)),
            Some(exact) => (start, Some(exact.min(duration))),
            None => (start, Some(duration)),
        }
    }
}
