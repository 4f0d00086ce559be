//! Parser of the index of MP4 files: `moov` and `moof`.

use std::path::Path;
use std::sync::Arc;

use super::aac::with_way_out;
use super::byte_stream::{be32, be64};
use super::mp4_samples::Sample;
use crate::AudioError;

/// Samples of a fragment that are read at most.
const MAX_FRAGMENT_SAMPLES: usize = 1 << 22;
/// Flag of `tfhd`: the fragment has a duration and no samples.
const DURATION_IS_EMPTY: u32 = 0x01_0000;

/// Boxes inside `bytes`: name and body. Ends at the first invalid box.
pub(super) fn boxes(bytes: &[u8]) -> impl Iterator<Item = ([u8; 4], &[u8])> {
    let mut rest = bytes;
    std::iter::from_fn(move || {
        let size = be32(rest, 0)?;
        let name = *rest.get(4..)?.first_chunk()?;
        let (size, header) = match size {
            0 => (rest.len(), 8),
            1 => (usize::try_from(be64(rest, 8)?).ok()?, 16),
            size => (size as usize, 8),
        };
        // The body of a truncated box is what is left of it.
        let body = rest.get(header..size.min(rest.len()))?;
        rest = rest.get(size..).unwrap_or_default();
        Some((name, body))
    })
}

/// Finds the first box of a name.
pub(super) fn find<'a>(bytes: &'a [u8], name: &[u8; 4]) -> Option<&'a [u8]> {
    boxes(bytes).find(|(found, _)| found == name).map(|(_, body)| body)
}

/// Content of `moov`.
#[derive(Debug, Default)]
pub(super) struct Movie {
    pub(super) scale: u32,
    tracks: Vec<Track>,
    pub(super) is_fragmented: bool,
    defaults: Vec<(u32, FragmentDefaults)>,
}

/// Content of `trak`.
#[derive(Debug, Default)]
pub(super) struct Track {
    pub(super) id: u32,
    pub(super) timescale: u32,
    is_audio: bool,
    /// Sample entry: name and body.
    pub(super) entry: Option<([u8; 4], Vec<u8>)>,
    /// Start in ticks of the track and duration in ticks of the movie, if there is exactly one edit.
    pub(super) edit: Option<(u64, u64)>,
    pub(super) chunk_runs: Arc<[(u32, u32)]>,
    pub(super) chunk_offsets: Arc<[u64]>,
    pub(super) fixed_bytes: u32,
    pub(super) bytes: Arc<[u32]>,
    pub(super) count: u32,
    pub(super) durations: Arc<[(u32, u32)]>,
    /// True if some samples have another sample entry than the first.
    changes_format: bool,
}

/// Defaults of the samples of fragments.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct FragmentDefaults {
    duration: u32,
    bytes: u32,
}

impl Movie {
    pub(super) fn parse(moov: &[u8]) -> Self {
        let mut movie = Self::default();
        for (name, body) in boxes(moov) {
            match &name {
                b"mvhd" => movie.scale = be32(body, timescale_offset(body)).unwrap_or(0),
                b"trak" => movie.tracks.push(Track::parse(body)),
                b"mvex" => {
                    movie.is_fragmented = true;
                    for (_, trex) in boxes(body).filter(|(name, _)| name == b"trex") {
                        let number = |at| be32(trex, at).unwrap_or(0);
                        let defaults = FragmentDefaults { duration: number(12), bytes: number(16) };
                        movie.defaults.push((number(4), defaults));
                    }
                }
                _ => {}
            }
        }
        movie
    }

    /// Selects the first audio track.
    pub(super) fn select_track(&self, path: &Path) -> Result<&Track, AudioError> {
        let track = self.tracks.iter().find(|track| track.is_audio);
        let track = track.ok_or_else(|| AudioError::NoAudioTrack { path: path.to_owned() })?;
        if track.changes_format {
            let codec = with_way_out("an MP4 track whose format changes");
            return Err(AudioError::UnsupportedCodec { path: path.to_owned(), codec });
        }
        Ok(track)
    }

    /// Number of audio tracks.
    pub(super) fn audio_tracks(&self) -> usize {
        self.tracks.iter().filter(|track| track.is_audio).count()
    }

    /// Numbers of the tracks other than `track_id`.
    pub(super) fn other_tracks(&self, track_id: u32) -> Vec<u32> {
        self.tracks.iter().map(|track| track.id).filter(|&id| id != track_id).collect()
    }

    pub(super) fn defaults(&self, track_id: u32) -> FragmentDefaults {
        let found = self.defaults.iter().find(|(id, _)| *id == track_id);
        found.map_or_else(FragmentDefaults::default, |(_, defaults)| *defaults)
    }
}

/// Offset of the time scale in `mvhd` and `mdhd`, and of the number in `tkhd`, by the version.
fn timescale_offset(body: &[u8]) -> usize {
    if body.first() == Some(&1) { 20 } else { 12 }
}

impl Track {
    fn parse(trak: &[u8]) -> Self {
        let mut track = Self::default();
        for (name, body) in boxes(trak) {
            match &name {
                b"tkhd" => track.id = be32(body, timescale_offset(body)).unwrap_or(0),
                b"edts" => track.edit = find(body, b"elst").and_then(parse_edit),
                b"mdia" => track.parse_media(body),
                _ => {}
            }
        }
        track
    }

    fn parse_media(&mut self, mdia: &[u8]) {
        for (name, body) in boxes(mdia) {
            match &name {
                b"mdhd" => self.timescale = be32(body, timescale_offset(body)).unwrap_or(0),
                b"hdlr" => self.is_audio = body.get(8..12) == Some(b"soun"),
                b"minf" => {
                    if let Some(stbl) = find(body, b"stbl") {
                        self.parse_table(stbl);
                    }
                }
                _ => {}
            }
        }
    }

    fn parse_table(&mut self, stbl: &[u8]) {
        for (name, body) in boxes(stbl) {
            let entries = |at: usize, width: usize| {
                let count = be32(body, at - 4).unwrap_or(0) as usize;
                body.get(at..).unwrap_or_default().chunks_exact(width).take(count)
            };
            let number = |entry: &[u8], at| be32(entry, at).unwrap_or(0);
            match &name {
                b"stsd" => {
                    let first = boxes(body.get(8..).unwrap_or_default()).next();
                    self.entry = first.map(|(name, body)| (name, body.to_vec()));
                }
                b"stts" => self.durations = entries(8, 8).map(|e| (number(e, 0), number(e, 4))).collect(),
                b"stsc" => {
                    self.chunk_runs = entries(8, 12).map(|e| (number(e, 0), number(e, 4))).collect();
                    self.changes_format = entries(8, 12).any(|entry| number(entry, 8) > 1);
                }
                b"stco" => self.chunk_offsets = entries(8, 4).map(|e| u64::from(number(e, 0))).collect(),
                b"co64" => self.chunk_offsets = entries(8, 8).filter_map(|e| be64(e, 0)).collect(),
                b"stsz" => {
                    self.fixed_bytes = be32(body, 4).unwrap_or(0);
                    self.count = be32(body, 8).unwrap_or(0);
                    self.bytes = entries(12, 4).map(|entry| number(entry, 0)).collect();
                }
                b"stz2" => self.parse_compact_sizes(body),
                _ => {}
            }
        }
    }

    /// True if the tables describe as many samples as they promise.
    pub(super) fn has_complete_tables(&self) -> bool {
        let has_sizes = self.fixed_bytes > 0 || self.bytes.len() >= self.count as usize;
        let last_first = self.chunk_runs.last().map_or(0, |&(first, _)| first as usize);
        let has_chunks = self.chunk_offsets.len() >= last_first && !self.chunk_offsets.is_empty();
        self.count > 0 && has_sizes && has_chunks && !self.durations.is_empty()
    }

    fn parse_compact_sizes(&mut self, stz2: &[u8]) {
        self.count = be32(stz2, 8).unwrap_or(0);
        let body = stz2.get(12..).unwrap_or_default();
        self.bytes = match stz2.get(7) {
            Some(4) => body.iter().flat_map(|b| [u32::from(b >> 4), u32::from(b & 15)]).collect(),
            Some(8) => body.iter().map(|&b| u32::from(b)).collect(),
            _ => body.as_chunks().0.iter().map(|&pair| u32::from(u16::from_be_bytes(pair))).collect(),
        };
    }
}

/// Reads a single edit at normal speed. An empty edit (start -1) delays the track and is ignored.
fn parse_edit(elst: &[u8]) -> Option<(u64, u64)> {
    let is_long = elst.first() == Some(&1);
    let count = be32(elst, 4)?.min(16) as usize;
    let mut edits = (0..count).filter_map(|index| {
        let at = 8 + index * if is_long { 20 } else { 12 };
        let (duration, start) = match is_long {
            true => (be64(elst, at)?, be64(elst, at + 8)? as i64),
            false => (u64::from(be32(elst, at)?), i64::from(be32(elst, at + 4)? as i32)),
        };
        Some((u64::try_from(start).ok()?, duration))
    });
    let edit = edits.next()?;
    edits.next().is_none().then_some(edit)
}

/// Samples of a track in a fragment.
#[derive(Debug, Default)]
pub(super) struct Fragment {
    pub(super) samples: Vec<Sample>,
    /// Position of the first sample in ticks.
    pub(super) time: Option<u64>,
    /// Number of the fragment among those of all tracks.
    pub(super) sequence: Option<u32>,
    /// Tracks with samples in the fragment.
    pub(super) tracks: Vec<u32>,
    /// True if the fragment says that it has no samples of the track.
    pub(super) is_empty_by_declaration: bool,
}

/// Parses a `moof` box that begins at `start` in the file.
pub(super) fn parse_fragment(moof: &[u8], start: u64, track_id: u32, defaults: FragmentDefaults) -> Fragment {
    let sequence = find(moof, b"mfhd").and_then(|mfhd| be32(mfhd, 4));
    let mut fragment = Fragment { sequence, ..Fragment::default() };
    for (_, traf) in boxes(moof).filter(|(name, _)| name == b"traf") {
        let Some(tfhd) = find(traf, b"tfhd") else {
            continue;
        };
        fragment.tracks.extend(be32(tfhd, 4));
        if be32(tfhd, 4) != Some(track_id) {
            continue;
        }
        let flags = be32(tfhd, 0).unwrap_or(0);
        fragment.is_empty_by_declaration |= flags & DURATION_IS_EMPTY != 0;
        let mut at = 8;
        let mut base = start;
        if flags & 1 != 0 {
            base = be64(tfhd, at).unwrap_or(start);
            at += 8;
        }
        at += if flags & 2 != 0 { 4 } else { 0 };
        let mut optional = |flag: u32, default: u32| {
            if flags & flag == 0 {
                return default;
            }
            at += 4;
            be32(tfhd, at - 4).unwrap_or(default)
        };
        let defaults = FragmentDefaults {
            duration: optional(8, defaults.duration),
            bytes: optional(0x10, defaults.bytes),
        };
        if let Some(tfdt) = find(traf, b"tfdt") {
            let time = if tfdt.first() == Some(&1) { be64(tfdt, 4) } else { be32(tfdt, 4).map(u64::from) };
            fragment.time = fragment.time.or(time);
        }
        let mut offset = base;
        for (_, trun) in boxes(traf).filter(|(name, _)| name == b"trun") {
            offset = parse_run(trun, base, offset, defaults, &mut fragment.samples);
        }
    }
    fragment
}

/// Appends the samples of a `trun` box and returns the offset after them.
fn parse_run(
    trun: &[u8],
    base: u64,
    next_offset: u64,
    defaults: FragmentDefaults,
    samples: &mut Vec<Sample>,
) -> u64 {
    let flags = be32(trun, 0).unwrap_or(0);
    let count = be32(trun, 4).unwrap_or(0);
    let mut at = 8;
    let mut offset = next_offset;
    if flags & 1 != 0 {
        let relative = i64::from(be32(trun, at).unwrap_or(0) as i32);
        offset = base.saturating_add_signed(relative);
        at += 4;
    }
    at += if flags & 4 != 0 { 4 } else { 0 };
    let width: usize = [0x100, 0x200, 0x400, 0x800].iter().filter(|&&flag| flags & flag != 0).count() * 4;
    for _ in 0..count {
        if samples.len() >= MAX_FRAGMENT_SAMPLES || at + width > trun.len() {
            break;
        }
        let (mut duration, mut bytes) = (defaults.duration, defaults.bytes);
        let mut field = at;
        if flags & 0x100 != 0 {
            duration = be32(trun, field).unwrap_or(0);
            field += 4;
        }
        if flags & 0x200 != 0 {
            bytes = be32(trun, field).unwrap_or(0);
        }
        at += width;
        samples.push(Sample { offset, bytes: u64::from(bytes), duration: u64::from(duration) });
        offset = offset.saturating_add(u64::from(bytes));
    }
    offset
}
