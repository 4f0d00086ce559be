//! Iterator over the samples of the index of an MP4 track.

use std::sync::Arc;

use super::mp4_track::Track;

/// Bytes of uncompressed audio that are read at a time.
const RAW_BYTES: u64 = 1 << 16;

/// Position of a packet in the file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Sample {
    pub(super) offset: u64,
    pub(super) bytes: u64,
    /// Duration in ticks of the track.
    pub(super) duration: u64,
}

/// Bytes and samples of the smallest unit of a codec without index: a frame of PCM, a packet of ADPCM.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct RawFrame {
    pub(super) bytes: u64,
    pub(super) samples: u64,
}

/// Tables of a track and the position in them.
pub(super) struct SampleTable {
    /// `(first chunk, samples per chunk)`.
    chunk_runs: Arc<[(u32, u32)]>,
    chunk_offsets: Arc<[u64]>,
    /// Size of all samples, or 0.
    fixed_bytes: u32,
    bytes: Arc<[u32]>,
    count: u64,
    /// `(count, duration)`.
    durations: Arc<[(u32, u32)]>,
    raw: Option<RawFrame>,
    chunk: usize,
    run: usize,
    /// Samples of the current chunk that were returned, and their bytes.
    in_chunk: u64,
    chunk_bytes: u64,
    sample: u64,
    duration_run: usize,
    in_duration_run: u32,
}

impl SampleTable {
    pub(super) fn new(track: &Track) -> Self {
        Self {
            chunk_runs: track.chunk_runs.clone(),
            chunk_offsets: track.chunk_offsets.clone(),
            fixed_bytes: track.fixed_bytes,
            bytes: track.bytes.clone(),
            count: u64::from(track.count),
            durations: track.durations.clone(),
            raw: None,
            chunk: 0,
            run: 0,
            in_chunk: 0,
            chunk_bytes: 0,
            sample: 0,
            duration_run: 0,
            in_duration_run: 0,
        }
    }

    /// Sets the unit of a codec whose samples are read in bulk.
    pub(super) fn set_frame(&mut self, raw: Option<RawFrame>) {
        self.raw = raw;
    }

    /// Computes the samples per channel of the track.
    pub(super) fn total_samples(&self, rate_hz: u32, timescale: u32) -> u64 {
        let ticks: u128 =
            self.durations.iter().map(|&(count, duration)| u128::from(count) * u128::from(duration)).sum();
        match self.raw {
            Some(raw) if raw.samples == 1 => self.count,
            _ => u64::try_from(ticks * u128::from(rate_hz) / u128::from(timescale)).unwrap_or(u64::MAX),
        }
    }

    /// True if all samples were returned; false at the end of an incomplete index.
    pub(super) fn is_at_end(&self) -> bool {
        self.sample >= self.count
    }

    /// Samples in the current chunk.
    fn chunk_samples(&mut self) -> u64 {
        let number = self.chunk as u32 + 1;
        while self.chunk_runs.get(self.run + 1).is_some_and(|&(first, _)| first <= number) {
            self.run += 1;
        }
        self.chunk_runs.get(self.run).map_or(0, |&(_, samples)| u64::from(samples))
    }

    /// Returns the next sample, or many of uncompressed audio.
    pub(super) fn next(&mut self) -> Option<Sample> {
        if self.sample >= self.count {
            return None;
        }
        let mut in_chunk = self.chunk_samples();
        while self.in_chunk >= in_chunk {
            self.chunk += 1;
            (self.in_chunk, self.chunk_bytes) = (0, 0);
            if self.chunk >= self.chunk_offsets.len() {
                return None;
            }
            in_chunk = self.chunk_samples();
        }
        let start = *self.chunk_offsets.get(self.chunk)?;
        let left = (in_chunk - self.in_chunk).min(self.count - self.sample);
        let (count, bytes, duration) = match self.raw {
            Some(RawFrame { bytes, samples }) => {
                // A sample of the index is a sample of audio, also if it belongs to a larger unit.
                let units = (RAW_BYTES / bytes).max(1).min(left.div_ceil(samples));
                let count = (units * samples).min(left);
                (count, units * bytes, count)
            }
            None => {
                let bytes = match self.fixed_bytes {
                    0 => self.bytes.get(self.sample as usize).copied()?,
                    bytes => bytes,
                };
                (1, u64::from(bytes), self.next_duration())
            }
        };
        let sample = Sample { offset: start.saturating_add(self.chunk_bytes), bytes, duration };
        self.in_chunk += count;
        self.chunk_bytes += bytes;
        self.sample += count;
        Some(sample)
    }

    fn next_duration(&mut self) -> u64 {
        while self.durations.get(self.duration_run).is_some_and(|&(count, _)| self.in_duration_run >= count) {
            self.duration_run += 1;
            self.in_duration_run = 0;
        }
        self.in_duration_run += 1;
        self.durations.get(self.duration_run).map_or(0, |&(_, duration)| u64::from(duration))
    }
}
