//! Reader of packets: decodes what a demuxer finds, places it on the timeline and removes delay and padding.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};

use super::DamagePolicy;
use super::decoder::PacketDecoder;
use super::demuxer::{Demuxer, Event, Opened, StreamStart};
use super::spec::AudioSpec;
use crate::check::check_format;
use crate::{AudioError, Planar};

/// Longest silence that replaces one damaged place, in samples per channel.
const MAX_LOST_SAMPLES: u64 = 1 << 22;
/// Samples before position 0 that encoders use for a stream that starts inside a block.
const MAX_EARLY_SAMPLES: u64 = 8_192;
/// Number of returned samples that are kept before they are removed from the queue.
const MAX_RETURNED: usize = 1 << 16;

/// Demuxes and decodes a file.
pub(super) struct CodedReader {
    path: PathBuf,
    spec: AudioSpec,
    demuxer: Box<dyn Demuxer>,
    decoder: Box<dyn PacketDecoder>,
    policy: DamagePolicy,
    queue: Queue,
    /// True once rate and channels are known from a packet.
    has_format: bool,
    /// Remaining samples to skip at the start of the stream.
    skip: u64,
    /// Last samples of the queue that may be padding.
    hold_back: u64,
    /// Number of samples after which the file ends.
    limit: u64,
    promised: Option<u64>,
    warning: Option<String>,
    timeline: Option<Timeline>,
    /// Samples of the packet that was decoded last.
    packet: Planar,
    damage: Damage,
    /// Error of the last packet and its length: damage, unless the file ends after it.
    failed_packet: Option<(String, Option<u64>)>,
    /// True if streams were joined without a header between them.
    is_joined: bool,
    ended: bool,
    truncated: bool,
}

/// Damage that was replaced by silence.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Damage {
    /// Number of places.
    pub places: u64,
    /// Samples per channel of silence.
    pub samples: u64,
}

/// Decoded samples, those that were returned first.
struct Queue {
    planes: Planar,
    /// Samples of `planes` that were returned already; removed from time to time.
    returned: usize,
    /// Samples of `planes` that may be returned.
    ready: usize,
    /// Samples removed so far.
    removed: u64,
}

/// Positions of the pages of a stream.
#[derive(Default)]
struct Timeline {
    /// Position of the last page end, once known.
    last_end: Option<u64>,
    /// Samples decoded since then.
    decoded: u64,
    /// Position of a gap of unknown length among all samples.
    gap: Option<u64>,
    /// Position of the first sample after the last page end.
    page_start: u64,
}

impl Queue {
    fn len(&self) -> usize {
        self.planes.first().map_or(0, Vec::len)
    }

    /// Number of samples so far, those that were removed included.
    fn total(&self) -> u64 {
        self.removed + self.len() as u64
    }

    /// Inserts silence before the sample at `position`.
    fn insert_silence(&mut self, position: u64, samples: usize) {
        let at = usize::try_from(position.saturating_sub(self.removed)).unwrap_or(usize::MAX).min(self.len());
        for plane in &mut self.planes {
            plane.splice(at..at, std::iter::repeat_n(0.0, samples));
        }
    }

    /// Removes up to `samples` samples from `position` on.
    fn remove(&mut self, position: u64, samples: u64) {
        let at = usize::try_from(position.saturating_sub(self.removed)).unwrap_or(usize::MAX);
        let at = at.max(self.ready).min(self.len());
        let end = at.saturating_add(usize::try_from(samples).unwrap_or(usize::MAX)).min(self.len());
        self.planes.iter_mut().for_each(|plane| drop(plane.drain(at..end)));
    }

    fn drop_returned(&mut self) {
        if self.returned >= MAX_RETURNED {
            self.planes.iter_mut().for_each(|plane| drop(plane.drain(..self.returned)));
            self.removed += self.returned as u64;
            self.ready -= self.returned;
            self.returned = 0;
        }
    }
}

impl CodedReader {
    /// Decodes up to the first samples, whose rate and channels replace those of the header.
    pub(super) fn open(path: &Path, opened: Opened, policy: DamagePolicy) -> Result<Self, AudioError> {
        let Opened {
            demuxer,
            decoder,
            codec,
            samples,
            first,
            limit,
            samples_are_promised,
            has_pages,
            warning,
        } = opened;
        let (sample_rate_hz, channels) = decoder.format();
        let mut reader = Self {
            path: path.to_owned(),
            spec: AudioSpec { sample_rate_hz, channels, samples, codec },
            demuxer,
            decoder,
            policy,
            queue: Queue { planes: vec![Vec::new(); channels], returned: 0, ready: 0, removed: 0 },
            has_format: false,
            skip: first.skip,
            hold_back: first.hold_back,
            limit: limit.unwrap_or(u64::MAX),
            promised: samples.filter(|_| samples_are_promised),
            warning,
            timeline: has_pages.then(Timeline::default),
            packet: Vec::new(),
            damage: Damage::default(),
            failed_packet: None,
            is_joined: false,
            ended: false,
            truncated: false,
        };
        while reader.queue.ready == 0 && !reader.ended {
            reader.step()?;
        }
        if !reader.has_format && reader.truncated {
            let reason = "the file is truncated inside the first packet".to_owned();
            return Err(AudioError::Corrupt { path: path.to_owned(), sample: 0, reason });
        }
        check_format(path, reader.spec.sample_rate_hz, reader.spec.channels)?;
        Ok(reader)
    }

    pub(super) fn spec(&self) -> &AudioSpec {
        &self.spec
    }

    pub(super) fn is_truncated(&self) -> bool {
        self.truncated
    }

    pub(super) fn warning(&self) -> Option<&str> {
        self.warning.as_deref()
    }

    pub(super) fn damage(&self) -> Damage {
        self.damage
    }

    /// Returns up to `max_samples` samples, or `None` at the end.
    pub(super) fn next_block(&mut self, max_samples: usize) -> Result<Option<Planar>, AudioError> {
        while self.queue.ready - self.queue.returned < max_samples && !self.ended {
            self.step()?;
        }
        let queue = &mut self.queue;
        let take = (queue.ready - queue.returned).min(max_samples);
        if take == 0 {
            return Ok(None);
        }
        let range = queue.returned..queue.returned + take;
        let part = |plane: &Vec<f32>| plane.get(range.clone()).unwrap_or_default().to_vec();
        let block = queue.planes.iter().map(part).collect();
        queue.returned += take;
        queue.drop_returned();
        Ok(Some(block))
    }

    /// Handles one event of the demuxer.
    fn step(&mut self) -> Result<(), AudioError> {
        let event = self.demuxer.next_event()?;
        if let Some((reason, lost)) = self.failed_packet.take() {
            if matches!(event, Event::End { .. } | Event::PageEnd { is_last: true, .. }) {
                self.truncated = true;
            } else {
                self.add_damage(reason, lost)?;
            }
        }
        match event {
            Event::Packet { data, samples } => self.decode_packet(&data, samples)?,
            Event::Damage { reason, lost } => {
                self.add_damage(reason, lost)?;
                self.decoder.reset();
            }
            Event::Warning(warning) => {
                self.warning.get_or_insert(warning);
            }
            Event::PageEnd { end, is_last } => self.end_page(end, is_last)?,
            Event::StreamStart(start) => self.start_stream(start),
            Event::StreamEnd { drop } => {
                let drop = drop.min(self.hold_back);
                self.queue.remove(self.queue.total().saturating_sub(drop), drop);
                self.hold_back = 0;
            }
            Event::End { truncated } => return self.end_file(truncated),
        }
        self.update_ready();
        Ok(())
    }

    fn update_ready(&mut self) {
        let ready = match &self.timeline {
            Some(timeline) => timeline.page_start.saturating_sub(self.queue.removed),
            None => (self.queue.len() as u64).saturating_sub(self.hold_back),
        };
        let limit = self.limit.saturating_sub(self.queue.removed);
        self.queue.ready = self.queue.ready.max(usize::try_from(ready.min(limit)).unwrap_or(usize::MAX));
        self.ended |= ready >= limit;
    }

    fn decode_packet(&mut self, data: &[u8], samples: Option<u64>) -> Result<(), AudioError> {
        // A panic of a decoder becomes an error. Unwind safety: the decoder is not used after an error.
        let decode = AssertUnwindSafe(|| self.decoder.decode(data, &mut self.packet));
        let Ok(outcome) = catch_unwind(decode) else {
            return Err(self.corrupt("the decoder panicked".to_owned()));
        };
        if let Err(reason) = outcome {
            self.failed_packet = Some((reason, samples));
            return Ok(());
        }
        let decoded = self.packet.first().map_or(0, Vec::len);
        if decoded == 0 {
            return Ok(());
        }
        let (rate_hz, channels) = self.decoder.format();
        if !self.has_format {
            check_format(&self.path, rate_hz, channels)?;
            (self.spec.sample_rate_hz, self.spec.channels) = (rate_hz, channels);
            let silence = self.queue.len();
            self.queue.planes.resize(channels, vec![0.0; silence]);
            self.has_format = true;
        } else if (rate_hz, channels) != (self.spec.sample_rate_hz, self.spec.channels) {
            return Err(self.corrupt(format!(
                "expected {} channels at {} Hz as before, found {channels} at {rate_hz} Hz",
                self.spec.channels, self.spec.sample_rate_hz
            )));
        }
        if let Some(timeline) = &mut self.timeline {
            timeline.decoded += decoded as u64;
        }
        let skipped = self.take_skip(decoded as u64) as usize;
        for (plane, packet) in self.queue.planes.iter_mut().zip(&self.packet) {
            plane.extend_from_slice(packet.get(skipped..).unwrap_or_default());
        }
        Ok(())
    }

    /// Returns the number of the next `samples` samples to skip.
    fn take_skip(&mut self, samples: u64) -> u64 {
        let skipped = self.skip.min(samples);
        self.skip -= skipped;
        skipped
    }

    /// Reports damage, or replaces what was lost by silence.
    fn add_damage(&mut self, reason: String, lost: Option<u64>) -> Result<(), AudioError> {
        if self.policy == DamagePolicy::Error {
            return Err(self.corrupt(reason));
        }
        self.damage.places += 1;
        match (lost, &mut self.timeline) {
            (Some(samples), _) => self.insert_silence(self.queue.total(), samples),
            (None, Some(timeline)) => {
                timeline.gap.get_or_insert(self.queue.total());
                Ok(())
            }
            (None, None) => Ok(()),
        }
    }

    fn insert_silence(&mut self, position: u64, samples: u64) -> Result<(), AudioError> {
        if samples > MAX_LOST_SAMPLES {
            return Err(self.corrupt(format!("{samples} samples are missing, which is too many to replace")));
        }
        let skipped = self.take_skip(samples);
        self.queue.insert_silence(position, (samples - skipped) as usize);
        self.damage.samples += samples - skipped;
        Ok(())
    }

    /// Compares the samples decoded since the last page end with the positions of the pages.
    fn end_page(&mut self, end: u64, is_last: bool) -> Result<(), AudioError> {
        let Some(Timeline { last_end, decoded, gap, page_start }) = self.timeline.take() else {
            return Ok(());
        };
        let expected = match last_end {
            Some(last) => end.checked_sub(last),
            // A stream that was recorded from a running one starts late.
            None if gap.is_none() => Some(end.min(decoded)),
            None => Some(end),
        };
        let expected = expected.unwrap_or(decoded);
        if let Some(gap) = gap
            && expected > decoded
        {
            self.insert_silence(gap, expected - decoded)?;
        } else if decoded > expected && is_last {
            let drop = (decoded - expected).min(self.queue.total() - page_start);
            self.queue.remove(self.queue.total() - drop, drop);
        } else if decoded > expected && last_end.is_none() {
            let early = decoded - expected;
            self.queue.remove(page_start, early);
            if early > MAX_EARLY_SAMPLES {
                let text = format!("{early} samples before the first position of the stream were not read");
                self.warning.get_or_insert(text);
            }
        }
        self.timeline =
            Some(Timeline { last_end: Some(end), decoded: 0, gap: None, page_start: self.queue.total() });
        Ok(())
    }

    fn start_stream(&mut self, start: StreamStart) {
        self.skip = start.skip;
        self.hold_back = start.hold_back;
        match start.decoder {
            Some(decoder) => self.decoder = decoder,
            None => {
                self.decoder.reset();
                // The checksum is that of the first stream only.
                self.is_joined = true;
            }
        }
        if let Some(timeline) = &mut self.timeline {
            *timeline = Timeline { page_start: self.queue.total(), ..Timeline::default() };
        }
    }

    fn end_file(&mut self, truncated: bool) -> Result<(), AudioError> {
        self.ended = true;
        let total = self.queue.total().min(self.limit);
        self.truncated |= truncated || self.promised.is_some_and(|promised| total < promised);
        self.queue.ready = usize::try_from(total.saturating_sub(self.queue.removed)).unwrap_or(usize::MAX);
        if !self.truncated && !self.is_joined && self.damage.places == 0 && !self.decoder.verify() {
            return Err(self.corrupt("the checksum of all samples does not match".to_owned()));
        }
        Ok(())
    }

    fn corrupt(&self, reason: String) -> AudioError {
        AudioError::Corrupt { path: self.path.clone(), sample: self.queue.total(), reason }
    }
}
