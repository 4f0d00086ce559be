//! Cutting of recordings into pieces, and limits of their length.

use dac::audio::{AudioInput, AudioReader, Planar};
use dac_dataset::Segment;

use crate::error::BatchError;
use crate::row_data::Samples;

/// Samples per channel that are read at a time.
const BLOCK_SAMPLES: usize = 1 << 16;
/// Most samples of a piece, over all channels: 25 minutes at 44.1 kHz.
const MAX_PIECE_SAMPLES: u64 = 1 << 26;
/// Missing seconds at the end of a segment that are reported.
const TOLERATED_SECONDS: f64 = 0.1;

/// Cutting of long inputs, and limits of their length, all in seconds.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct SegmentSettings {
    /// Length of the pieces into which inputs are cut; `None` for whole inputs.
    pub piece_seconds: Option<f64>,
    /// Inputs and pieces that are shorter are dropped.
    pub min_seconds: Option<f64>,
    /// Inputs and pieces that are longer are dropped.
    pub max_seconds: Option<f64>,
}

impl SegmentSettings {
    /// Reports whether there is a limit of the length.
    pub(crate) fn has_limits(&self) -> bool {
        self.min_seconds.is_some() || self.max_seconds.is_some()
    }

    /// Checks the length of an input or piece.
    pub(crate) fn check(&self, samples: u64, rate_hz: u32) -> Result<(), BatchError> {
        let seconds = samples as f64 / f64::from(rate_hz.max(1));
        match (self.min_seconds, self.max_seconds) {
            (Some(min), _) if seconds < min => {
                Err(BatchError::Dropped(format!("{seconds:.3} s is shorter than --min-seconds {min}")))
            }
            (_, Some(max)) if seconds > max => {
                Err(BatchError::Dropped(format!("{seconds:.3} s is longer than --max-seconds {max}")))
            }
            _ => Ok(()),
        }
    }

    /// Parts of a segment to cut: `index` counts the pieces. `None` after the last one.
    pub(crate) fn piece(&self, segment: Option<Segment>, index: usize) -> Option<Segment> {
        let whole = segment.unwrap_or(Segment { start_seconds: 0.0, duration_seconds: None });
        let Some(piece_seconds) = self.piece_seconds else { return (index == 0).then_some(whole) };
        let offset = index as f64 * piece_seconds;
        let left = whole.duration_seconds.map(|duration| duration - offset);
        // Less than a sample is left by rounding.
        if left.is_some_and(|left| left < 1e-5) {
            return None;
        }
        let duration = left.map_or(piece_seconds, |left| left.min(piece_seconds));
        Some(Segment { start_seconds: whole.start_seconds + offset, duration_seconds: Some(duration) })
    }
}

/// Reader of the pieces of a recording. Pieces in the order of their start need one pass.
pub(crate) struct Cutter<'a> {
    input: &'a AudioInput,
    reader: AudioReader,
    /// Samples that were read and may be needed.
    buffer: Planar,
    /// Position of the first sample of the buffer.
    start: u64,
    ended: bool,
}

impl<'a> Cutter<'a> {
    pub(crate) fn open(input: &'a AudioInput) -> Result<Self, BatchError> {
        // Values that are not finite concern only the pieces that contain them.
        let reader = input.open()?.without_non_finite_check();
        let buffer = vec![Vec::new(); reader.spec().channels];
        Ok(Self { input, reader, buffer, start: 0, ended: false })
    }

    pub(crate) fn rate_hz(&self) -> u32 {
        self.reader.spec().sample_rate_hz
    }

    /// Reads a segment. It has no samples if it starts after the end of the recording, and is shorter if it
    /// ends after it; then `ended` is true.
    pub(crate) fn read(&mut self, segment: Segment) -> Result<(Samples, bool), BatchError> {
        let rate = f64::from(self.rate_hz());
        let position = |seconds: f64| (seconds * rate).round() as u64;
        let from = position(segment.start_seconds);
        let to =
            segment.duration_seconds.map(|duration| position(segment.start_seconds + duration).max(from));
        if from < self.start {
            *self = Self::open(self.input)?;
        }
        let damaged_before = self.reader.damage().samples;
        while !self.ended && to.is_none_or(|to| self.end() < to) {
            self.drop_before(from);
            match self.reader.next_block(BLOCK_SAMPLES)? {
                Some(block) => {
                    for (channel, more) in self.buffer.iter_mut().zip(block) {
                        channel.extend(more);
                    }
                }
                None => self.ended = true,
            }
            let samples = self.end().saturating_sub(from.max(self.start));
            if samples.saturating_mul(self.buffer.len() as u64) > MAX_PIECE_SAMPLES {
                return Err(BatchError::Job(format!(
                    "a segment has more than {MAX_PIECE_SAMPLES} samples in {} channels; cut it with \
                     --segment S",
                    self.buffer.len()
                )));
            }
        }
        self.drop_before(from);
        let end = to.unwrap_or(u64::MAX).min(self.end());
        let is_cut = self.ended && to.is_none_or(|to| to > self.end());
        let length = usize::try_from(end.saturating_sub(self.start)).unwrap_or(0);
        let is_there = from >= self.start && from < self.end();
        let part = |channel: &Vec<f32>| channel.get(..length).unwrap_or_default().to_vec();
        let channels = if is_there {
            self.buffer.iter().map(part).collect()
        } else {
            vec![Vec::new(); self.buffer.len()]
        };
        let damaged = self.reader.damage().samples - damaged_before;
        let samples = Samples {
            channels,
            start: self.start,
            rate_hz: self.rate_hz(),
            damaged: (damaged > 0).then_some(damaged),
            is_truncated: is_cut && self.reader.is_truncated(),
            warning: self.reader.warning().map(str::to_owned),
        };
        Ok((samples, is_cut))
    }

    /// Seconds of a segment that the recording does not have, if they matter.
    pub(crate) fn missing_seconds(&self, segment: Segment) -> Option<f64> {
        let wanted = segment.start_seconds + segment.duration_seconds?;
        let missing = wanted - self.end() as f64 / f64::from(self.rate_hz().max(1));
        (self.ended && missing > TOLERATED_SECONDS).then_some(missing)
    }

    fn end(&self) -> u64 {
        self.start + self.buffer.first().map_or(0, Vec::len) as u64
    }

    fn drop_before(&mut self, position: u64) {
        let dropped = position.min(self.end()).saturating_sub(self.start);
        let count = usize::try_from(dropped).unwrap_or(0);
        if count == 0 {
            return;
        }
        for channel in &mut self.buffer {
            channel.drain(..count.min(channel.len()));
        }
        self.start += dropped;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pieces_tile_a_segment_and_limits_drop_others() {
        let settings =
            SegmentSettings { piece_seconds: Some(2.0), min_seconds: Some(0.5), max_seconds: Some(2.0) };
        let segment = Some(Segment { start_seconds: 1.0, duration_seconds: Some(5.0) });
        let pieces: Vec<_> = (0..).map_while(|index| settings.piece(segment, index)).collect();
        let times: Vec<_> =
            pieces.iter().map(|piece| (piece.start_seconds, piece.duration_seconds.unwrap())).collect();
        assert_eq!(times, [(1.0, 2.0), (3.0, 2.0), (5.0, 1.0)]);
        assert!(settings.piece(None, 1000).is_some());
        assert!(settings.check(499, 1000).is_err() && settings.check(2001, 1000).is_err());
        assert!(settings.check(500, 1000).is_ok() && settings.check(2000, 1000).is_ok());
    }
}
