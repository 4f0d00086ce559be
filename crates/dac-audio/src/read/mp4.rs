//! Demuxer of MP4, M4A and MOV, also fragmented (ISO/IEC 14496-12).

use std::collections::VecDeque;
use std::path::Path;

use super::byte_stream::{ByteStream, be32, be64};
use super::demuxer::{Demuxer, Event, Opened, StreamStart, is_padding, other_tracks_warning};
use super::mp4_edit_list;
use super::mp4_sample_entry::{self, Codec};
use super::mp4_samples::{Sample, SampleTable};
use super::mp4_track::{FragmentDefaults, Movie, Track, parse_fragment};
use super::tags;
use crate::AudioError;

/// Largest index box in bytes.
const MAX_INDEX_BYTES: u64 = 1 << 29;
/// Top-level boxes after the index that are inspected.
const MAX_TOP_BOXES: usize = 256;
/// Largest packet in bytes.
const MAX_PACKET_BYTES: u64 = 1 << 24;
/// Bytes that are searched at a time after damage.
const SEARCH_BYTES: usize = 1 << 16;
/// Packets that are inspected before decoding.
const PEEKED_PACKETS: usize = super::aac::SBR_TEST_FRAMES;

struct Mp4Demuxer {
    stream: ByteStream,
    track_id: u32,
    other_tracks: Vec<u32>,
    table: SampleTable,
    /// Samples of the current fragment.
    fragment: VecDeque<Sample>,
    /// Offset of the next top-level box to search for fragments.
    next_box: u64,
    is_fragmented: bool,
    defaults: FragmentDefaults,
    /// Position at the end of the last fragment, in ticks.
    next_time: Option<u64>,
    /// Number of the last fragment of any track.
    sequence: Option<u32>,
    /// True if fragments since `next_time` are missing, as far as their numbers tell.
    has_gap: bool,
    /// Offset of a fragment whose samples could not be read, if no fragment has followed it.
    without_samples: Option<u64>,
    rate_hz: u32,
    timescale: u32,
    events: VecDeque<Event>,
    truncated: bool,
}

/// Header of a box.
#[derive(Debug, Clone, Copy)]
struct TopBox {
    /// First bytes.
    start: [u8; 8],
    name: [u8; 4],
    body: u64,
    end: u64,
}

/// Opens a file.
pub(super) fn open(mut stream: ByteStream) -> Result<Opened, AudioError> {
    let path = stream.path().to_owned();
    let (moov, is_complete) = read_moov(&mut stream, &path)?;
    let after_moov = stream.position();
    let movie = Movie::parse(&moov);
    // The index of a long file is large.
    drop(moov);
    let track = movie.select_track(&path)?;
    if !is_complete && !track.has_complete_tables() {
        return Err(AudioError::malformed(&path, "a complete index (moov)", "a truncated one"));
    }
    let is_joined = !movie.is_fragmented && contains_moov(&mut stream, after_moov)?;
    let mut demuxer = Mp4Demuxer {
        stream,
        track_id: track.id,
        other_tracks: movie.other_tracks(track.id),
        table: SampleTable::new(track),
        fragment: VecDeque::new(),
        next_box: 0,
        is_fragmented: movie.is_fragmented,
        defaults: movie.defaults(track.id),
        next_time: None,
        sequence: None,
        has_gap: false,
        without_samples: None,
        rate_hz: 0,
        timescale: track.timescale.max(1),
        events: VecDeque::new(),
        truncated: !is_complete,
    };
    let frames = demuxer.peek_packets(track)?;
    let Codec { decoder, name, pre_skip, frame } = mp4_sample_entry::open(&path, track, &frames)?;
    demuxer.table.set_frame(frame);
    let (rate_hz, _) = decoder.format();
    demuxer.rate_hz = rate_hz;
    let coded = (!movie.is_fragmented).then(|| demuxer.table.total_samples(rate_hz, demuxer.timescale));
    let edit = mp4_edit_list::Edit::of(track, movie.scale);
    let (skip, samples) = match edit {
        Some(edit) if movie.is_fragmented => (edit.span(rate_hz, None).0, None),
        Some(edit) => edit.span(rate_hz, coded),
        None => (pre_skip, coded.map(|coded| coded.saturating_sub(pre_skip))),
    };
    Ok(Opened {
        demuxer: Box::new(demuxer),
        decoder,
        codec: format!("MP4, {name}"),
        samples,
        first: StreamStart { skip, ..StreamStart::default() },
        limit: if edit.is_some() { samples } else { None },
        // The durations of packets may be wrong by some ticks; the tables tell whether packets are missing.
        samples_are_promised: false,
        has_pages: false,
        warning: if is_joined {
            Some("a second file follows; it was not read".to_owned())
        } else {
            other_tracks_warning(movie.audio_tracks())
        },
    })
}

/// Finds and reads the index; false if its end is missing.
fn read_moov(stream: &mut ByteStream, path: &Path) -> Result<(Vec<u8>, bool), AudioError> {
    let mut at = 0;
    let mut last = None;
    while let Some(found) = read_box_header(stream, at)? {
        if &found.name == b"moov" {
            let bytes = found.end - found.body;
            if bytes > MAX_INDEX_BYTES {
                let limit = "an index (moov) of at most 512 MiB";
                return Err(AudioError::malformed(path, limit, format!("{bytes} bytes")));
            }
            let moov = stream.take(bytes as usize)?;
            let is_complete = moov.len() as u64 == bytes;
            return Ok((moov, is_complete));
        }
        last = Some(found);
        at = found.end;
    }
    let found = match last {
        Some(last) if last.end > stream.length() => "no index, and the file is truncated before it",
        _ => "none",
    };
    Err(AudioError::malformed(path, "an index (moov)", found))
}

/// True if there is an index among the top-level boxes from `at` on: that of a file that was joined.
fn contains_moov(stream: &mut ByteStream, mut at: u64) -> Result<bool, AudioError> {
    for _ in 0..MAX_TOP_BOXES {
        match read_box_header(stream, at)? {
            Some(found) if &found.name == b"moov" => return Ok(true),
            Some(found) => at = found.end,
            None => break,
        }
    }
    Ok(false)
}

/// Reads the header of the top-level box at `at`; the stream is then at its body.
fn read_box_header(stream: &mut ByteStream, at: u64) -> Result<Option<TopBox>, AudioError> {
    stream.seek(at)?;
    if stream.position() < at {
        return Ok(None);
    }
    let header = stream.peek(16)?;
    let (Some(size), Some(name)) = (be32(header, 0), header.get(4..8).and_then(|name| name.first_chunk()))
    else {
        return Ok(None);
    };
    let (name, start) = (*name, header.first_chunk().copied().unwrap_or_default());
    let (size, header_bytes) = match size {
        0 => (stream.length() - at, 8),
        1 => match be64(header, 8) {
            Some(size) => (size, 16),
            None => return Ok(None),
        },
        size => (u64::from(size), 8),
    };
    if size < header_bytes as u64 {
        return Ok(None);
    }
    stream.consume(header_bytes);
    Ok(Some(TopBox { start, name, body: at + header_bytes as u64, end: at.saturating_add(size) }))
}

impl Mp4Demuxer {
    /// Reads the first packets without consuming them.
    fn peek_packets(&mut self, track: &Track) -> Result<Vec<Vec<u8>>, AudioError> {
        let mut table = SampleTable::new(track);
        let mut packets = Vec::new();
        while packets.len() < PEEKED_PACKETS {
            let sample = match table.next() {
                Some(sample) => sample,
                None if self.is_fragmented && self.fragment.is_empty() && self.read_fragment()? => continue,
                None => match self.fragment.get(packets.len()) {
                    Some(sample) => sample.clone(),
                    None => break,
                },
            };
            if sample.bytes > MAX_PACKET_BYTES || sample.offset + sample.bytes > self.stream.length() {
                break;
            }
            self.stream.seek(sample.offset)?;
            packets.push(self.stream.take(sample.bytes as usize)?);
        }
        Ok(packets)
    }

    /// Reads the next fragment with samples of the track into `fragment`. Returns false at the end.
    fn read_fragment(&mut self) -> Result<bool, AudioError> {
        while self.fragment.is_empty() {
            let start = self.next_box;
            let Some(found) = read_box_header(&mut self.stream, start)? else {
                let rest = self.stream.peek(8)?;
                self.truncated |= !rest.iter().all(is_padding);
                return Ok(false);
            };
            if tags::is_tag(&found.start) {
                return Ok(false);
            }
            // Only media data can extend to the end of the file.
            let is_endless = found.start[..4] == [0; 4] && &found.name != b"mdat";
            if is_endless || !found.name.iter().all(u8::is_ascii_alphanumeric) {
                self.resynchronize(start)?;
                continue;
            }
            self.truncated |= found.end > self.stream.length();
            self.next_box = found.end;
            if &found.name == b"moof" && found.end <= self.stream.length() {
                let bytes = (found.end - found.body).min(MAX_INDEX_BYTES);
                let body = self.stream.take(bytes as usize)?;
                let fragment = parse_fragment(&body, start, self.track_id, self.defaults);
                let next = self.sequence.and_then(|sequence| sequence.checked_add(1));
                self.has_gap |= next.is_none() || next != fragment.sequence;
                // A fragment without samples of a known track may be damaged.
                let is_foreign = fragment.tracks.iter().all(|id| self.other_tracks.contains(id));
                let is_damaged = !is_foreign || fragment.tracks.is_empty();
                if fragment.samples.is_empty() && is_damaged && !fragment.is_empty_by_declaration {
                    self.has_gap = true;
                    self.without_samples = Some(start);
                }
                self.sequence = fragment.sequence;
                self.fragment = fragment.samples.into();
                if !self.fragment.is_empty() {
                    self.check_time(fragment.time);
                }
            }
        }
        Ok(true)
    }

    /// Searches the next fragment after bytes at `start` that are not a box.
    fn resynchronize(&mut self, start: u64) -> Result<(), AudioError> {
        let length = self.stream.length();
        self.stream.seek(start)?;
        let mut is_empty = self.stream.peek(1)?.iter().all(is_padding);
        // The box at `start` itself is damaged, whatever its name.
        self.stream.consume(1);
        loop {
            let position = self.stream.position();
            let window = self.stream.peek(SEARCH_BYTES)?;
            is_empty &= window.iter().all(is_padding);
            let is_last = window.len() < SEARCH_BYTES;
            let found = window.windows(4).skip(4).position(|name| name == b"moof");
            let at = position + found.unwrap_or(window.len().saturating_sub(7)) as u64;
            if found.is_some()
                && read_box_header(&mut self.stream, at)?.is_some_and(|found| found.end <= length)
            {
                let reason = format!("{} bytes at offset {start} are not a box", at - start);
                self.events.push_back(Event::Damage { reason, lost: Some(0) });
                self.next_box = at;
                return Ok(());
            }
            if is_last && found.is_none() {
                break;
            }
            self.stream.seek(at + if found.is_some() { 1 } else { 0 })?;
        }
        if !is_empty {
            let bytes = length - start;
            let warning = format!("{bytes} bytes at offset {start} are not a box; audio may be missing");
            self.events.push_back(Event::Warning(warning));
        }
        self.next_box = length;
        Ok(())
    }

    /// Compares the position of a fragment with the end of the one before.
    fn check_time(&mut self, time: Option<u64>) {
        let duration: u64 = self.fragment.iter().map(|sample| sample.duration).sum();
        let expected = self.next_time.unwrap_or(0);
        let has_gap = std::mem::take(&mut self.has_gap);
        if let (Some(start), None) = (self.without_samples.take(), self.next_time) {
            self.warn_of_empty_fragment(start);
        }
        // Times of fragments that follow each other by their numbers may be wrong; nothing is missing.
        if let (Some(time), Some(_), true) = (time, self.next_time, has_gap)
            && time > expected + u64::from(self.timescale / 1_000)
        {
            let reason = format!("a fragment at tick {expected} is missing");
            self.events.push_back(Event::Damage { reason, lost: Some(self.samples(time - expected)) });
        }
        self.next_time = Some(time.unwrap_or(expected).saturating_add(duration));
    }

    fn warn_of_empty_fragment(&mut self, start: u64) {
        let warning = format!("the fragment at offset {start} has no samples; audio may be missing");
        self.events.push_back(Event::Warning(warning));
    }

    fn samples(&self, ticks: u64) -> u64 {
        let samples = u128::from(ticks) * u128::from(self.rate_hz) / u128::from(self.timescale);
        u64::try_from(samples).unwrap_or(u64::MAX)
    }

    fn read_sample(&mut self, sample: &Sample) -> Result<Event, AudioError> {
        let end = sample.offset.saturating_add(sample.bytes);
        if sample.bytes > MAX_PACKET_BYTES {
            let reason = format!("a packet of {} bytes at offset {}", sample.bytes, sample.offset);
            return Ok(Event::Damage { reason, lost: Some(self.samples(sample.duration)) });
        }
        if end > self.stream.length() {
            return Ok(Event::End { truncated: true });
        }
        self.stream.seek(sample.offset)?;
        let data = self.stream.take(sample.bytes as usize)?;
        Ok(Event::Packet { data, samples: Some(self.samples(sample.duration)) })
    }
}

impl Demuxer for Mp4Demuxer {
    fn next_event(&mut self) -> Result<Event, AudioError> {
        loop {
            if let Some(event) = self.events.pop_front() {
                return Ok(event);
            }
            if let Some(sample) = self.table.next() {
                return self.read_sample(&sample);
            }
            self.truncated |= !self.table.is_at_end();
            if let Some(sample) = self.fragment.pop_front() {
                return self.read_sample(&sample);
            }
            let has_more = self.is_fragmented && self.read_fragment()?;
            if !has_more && let Some(start) = self.without_samples.take() {
                self.warn_of_empty_fragment(start);
            }
            if !has_more && self.events.is_empty() {
                return Ok(Event::End { truncated: self.truncated });
            }
        }
    }
}
