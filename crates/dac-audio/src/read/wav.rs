//! WAV, RF64 and BW64 read forward only, from files and pipes alike.
//!
//! Why not through symphonia or hound, which read WAV too: they need a seekable file or a truthful header. Of the
//! files in `tests/wav_oddities.rs`, symphonia 0.6.1 refuses RF64 and BW64, a RIFF size that is short or 0, odd chunks
//! without pad, A-law and µ-law with a plain 16-byte `fmt `, a `fmt ` of more than 40 bytes and data cut short, fails at
//! the end of data of unknown size, finds no samples where a recorder left a data size of 0, and takes 24 bits in 4
//! bytes for packed ones. hound 3.5.1 refuses most of these and f64, A-law, µ-law and padded odd chunks, and goes on past
//! the end of data cut short.

use std::io::{ErrorKind, Read};
use std::path::{Path, PathBuf};

use super::pcm::Encoding;
use super::wav_header::{self, Layout, WavHeader};
use super::{AudioSpec, MAX_CHANNELS};
use crate::{AudioError, Planar};

/// Bytes read at once at most, whatever the caller asks for.
const MAX_READ_BYTES: usize = 1 << 20;

/// A stream of interleaved samples behind a header.
pub(super) struct WavReader {
    source: Box<dyn Read + Send>,
    path: PathBuf,
    spec: AudioSpec,
    layout: Layout,
    /// Bytes of samples left by the header.
    left: Option<u64>,
    /// Bytes read that are not a whole frame yet.
    partial: Vec<u8>,
    /// Wait for a full block (a file) or hand over what there is (a pipe).
    fill: bool,
    truncated: bool,
}

impl WavReader {
    /// Reads the header. `file_bytes` is the length of a file, `None` for a pipe.
    pub(super) fn open(
        mut source: Box<dyn Read + Send>,
        path: &Path,
        file_bytes: Option<u64>,
    ) -> Result<Self, AudioError> {
        let WavHeader { spec, layout, data_bytes, ahead } = wav_header::read(&mut source, path, file_bytes)?;
        Ok(Self {
            source: Box::new(std::io::Cursor::new(ahead).chain(source)),
            path: path.to_owned(),
            spec,
            layout,
            left: data_bytes,
            partial: Vec::new(),
            fill: file_bytes.is_some(),
            truncated: false,
        })
    }

    /// Interleaved `f32` without a header.
    pub(super) fn raw_f32(
        source: Box<dyn Read + Send>,
        path: &Path,
        sample_rate_hz: u32,
        channels: usize,
    ) -> Result<Self, AudioError> {
        if channels == 0 || channels > MAX_CHANNELS {
            let expected = format!("1 to {MAX_CHANNELS} channels");
            return Err(AudioError::malformed(path, expected, channels.to_string()));
        }
        if sample_rate_hz == 0 {
            return Err(AudioError::malformed(path, "a sample rate above 0", "0 Hz"));
        }
        let codec = "raw 32-bit float".to_owned();
        Ok(Self {
            source,
            path: path.to_owned(),
            spec: AudioSpec { sample_rate_hz, channels, samples: None, codec },
            layout: Layout::Known(Encoding::F32),
            left: None,
            partial: Vec::new(),
            fill: false,
            truncated: false,
        })
    }

    pub(super) fn spec(&self) -> &AudioSpec {
        &self.spec
    }

    pub(super) fn is_truncated(&self) -> bool {
        self.truncated
    }

    /// Up to `max_samples` whole frames, `None` at the end.
    pub(super) fn next_block(&mut self, max_samples: usize) -> Result<Option<Planar>, AudioError> {
        let frame_bytes = self.layout.bytes() * self.spec.channels;
        let wanted = max_samples.min(MAX_READ_BYTES / frame_bytes).max(1) * frame_bytes;
        let mut bytes = std::mem::take(&mut self.partial);
        while bytes.len() < frame_bytes || (self.fill && bytes.len() < wanted) {
            if !self.read_more(&mut bytes, wanted)? {
                break;
            }
        }
        let whole = bytes.len() - bytes.len() % frame_bytes;
        self.partial = bytes.split_off(whole);
        if bytes.is_empty() {
            self.truncated |= !self.partial.is_empty() || self.left.is_some_and(|left| left > 0);
            return Ok(None);
        }
        let encoding = match self.layout {
            Layout::Known(encoding) => encoding,
            Layout::Int24In32 => {
                let encoding = place_of_24_bits(&bytes);
                self.layout = Layout::Known(encoding);
                encoding
            }
        };
        Ok(Some(encoding.decode(&bytes, self.spec.channels)))
    }

    /// Appends what one read gives, at most up to `wanted` bytes in all; false at the end.
    fn read_more(&mut self, bytes: &mut Vec<u8>, wanted: usize) -> Result<bool, AudioError> {
        let left = self.left.map_or(usize::MAX, |left| usize::try_from(left).unwrap_or(usize::MAX));
        let start = bytes.len();
        bytes.resize(start + (wanted - start).min(left), 0);
        let read = loop {
            match self.source.read(bytes.get_mut(start..).unwrap_or_default()) {
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => return Err(AudioError::read(&self.path, error)),
                Ok(read) => break read,
            }
        };
        bytes.truncate(start + read);
        if let Some(left) = &mut self.left {
            *left -= read as u64;
        }
        Ok(read > 0)
    }
}

/// Where 24 bits lie in 4 bytes, by the first block: at the bottom if the top byte only repeats the sign while the bottom
/// byte is in use, else at the top as the format demands.
fn place_of_24_bits(bytes: &[u8]) -> Encoding {
    let sign_only =
        |word: &[u8]| matches!(word, [_, _, high, top] if *top == (if *high < 0x80 { 0 } else { 0xff }));
    let low_used = bytes.chunks_exact(4).any(|word| word.first() != Some(&0));
    if low_used && bytes.chunks_exact(4).all(sign_only) {
        Encoding::Int24Low
    } else {
        Encoding::Int { bytes: 4 }
    }
}
