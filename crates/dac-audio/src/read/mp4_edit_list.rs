//! Parser of the edit list of an MP4/M4A file, which defines the part of the coded audio to play.
//!
//! AAC encoders insert about a thousand samples of delay, which the edit list skips. symphonia 0.6 reads the
//! list but does not apply it, so it is read here (ISO/IEC 14496-12, boxes `edts`, `elst`, `mdhd`, `mvhd`).

use std::io::{Read, Seek, SeekFrom};

/// Maximum number of boxes to visit, a limit for malicious files.
const MAX_BOXES: usize = 4_096;

/// Edit of one track.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Edit {
    /// Number of the track in the file.
    pub(super) track_id: u32,
    /// Start of the part to play, in units of `media_scale` per second.
    pub(super) start: u64,
    /// Length of the part to play, in units of `movie_scale` per second; 0 if unknown.
    pub(super) duration: u64,
    pub(super) media_scale: u32,
    pub(super) movie_scale: u32,
}

/// Reads the edits of all tracks that have exactly one. Ignores invalid data.
pub(super) fn read<R: Read + Seek>(source: &mut R, bytes: u64) -> Vec<Edit> {
    let mut walker =
        BoxWalker { source, boxes: 0, movie_scale: 0, track: Track::default(), edits: Vec::new() };
    // Ends at the first error, which symphonia reports later.
    let _ = walker.visit_boxes(0, bytes, 0);
    let movie_scale = walker.movie_scale;
    walker.edits.retain(|edit| edit.media_scale > 0 && movie_scale > 0);
    walker.edits.iter_mut().for_each(|edit| edit.movie_scale = movie_scale);
    walker.edits
}

#[derive(Default)]
struct Track {
    id: u32,
    media_scale: u32,
    edit: Option<(u64, u64)>,
}

struct BoxWalker<'a, R> {
    source: &'a mut R,
    boxes: usize,
    movie_scale: u32,
    track: Track,
    edits: Vec<Edit>,
}

impl<R: Read + Seek> BoxWalker<'_, R> {
    fn visit_boxes(&mut self, mut at: u64, end: u64, depth: usize) -> std::io::Result<()> {
        while at.saturating_add(8) <= end && self.boxes < MAX_BOXES {
            self.boxes += 1;
            self.source.seek(SeekFrom::Start(at))?;
            let mut header = [0; 8];
            self.source.read_exact(&mut header)?;
            let [a, b, c, d, name @ ..] = header;
            let (size, body) = match u32::from_be_bytes([a, b, c, d]) {
                0 => (end - at, at + 8),
                1 => {
                    let mut long = [0; 8];
                    self.source.read_exact(&mut long)?;
                    (u64::from_be_bytes(long), at + 16)
                }
                size => (u64::from(size), at + 8),
            };
            let next = at.saturating_add(size);
            if next > end || next < body {
                return Ok(());
            }
            match &name {
                b"trak" if depth < 4 => {
                    self.track = Track::default();
                    self.visit_boxes(body, next, depth + 1)?;
                    if let Some((start, duration)) = self.track.edit {
                        let Track { id: track_id, media_scale, .. } = self.track;
                        self.edits.push(Edit { track_id, start, duration, media_scale, movie_scale: 0 });
                    }
                }
                b"moov" | b"mdia" | b"edts" if depth < 4 => self.visit_boxes(body, next, depth + 1)?,
                b"mvhd" | b"mdhd" | b"tkhd" | b"elst" => self.read_leaf(&name, next - body)?,
                _ => {}
            }
            at = next;
        }
        Ok(())
    }

    /// Reads the needed numbers of a box whose body begins at the current position.
    fn read_leaf(&mut self, name: &[u8; 4], bytes: u64) -> std::io::Result<()> {
        let mut body = Vec::new();
        (&mut *self.source).take(bytes.min(64)).read_to_end(&mut body)?;
        let long = body.first() == Some(&1);
        let u32_at = |at: usize| body.get(at..)?.first_chunk().map(|b| u32::from_be_bytes(*b));
        let u64_at = |at: usize| body.get(at..)?.first_chunk().map(|b| u64::from_be_bytes(*b));
        match name {
            b"mvhd" => self.movie_scale = u32_at(if long { 20 } else { 12 }).unwrap_or(0),
            b"mdhd" => self.track.media_scale = u32_at(if long { 20 } else { 12 }).unwrap_or(0),
            b"tkhd" => self.track.id = u32_at(if long { 20 } else { 12 }).unwrap_or(0),
            _ => {
                // Only a single edit at normal speed is supported. An empty edit (start -1) delays other
                // tracks.
                let (duration, start) = match long {
                    true => (u64_at(8), u64_at(16)),
                    false => (u32_at(8).map(u64::from), u32_at(12).map(u64::from)),
                };
                let empty = if long { u64::MAX } else { u64::from(u32::MAX) };
                if u32_at(4) == Some(1) && start != Some(empty) {
                    self.track.edit = start.zip(duration);
                }
            }
        }
        Ok(())
    }
}

impl Edit {
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
