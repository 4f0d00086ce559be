//! Reader of WAV, RF64 and BW64, forward only, from files and pipes.
//!
//! symphonia and hound also read WAV, but need a seekable file or a correct header. Of the files in
//! `tests/unusual_wav.rs`, symphonia 0.6.1 rejects RF64 and BW64, a RIFF size that is too small or 0, odd
//! chunks without a pad byte, A-law and µ-law with a 16-byte `fmt `, a `fmt ` of more than 40 bytes and
//! truncated data. It fails at the end of data of unknown size, finds no samples where a recorder left a data
//! size of 0, and reads 24 bits in 4 bytes as if packed. hound 3.5.1 rejects most of these and f64, A-law,
//! µ-law and padded odd chunks, and reads past the end of truncated data.

use std::io::{ErrorKind, Read};
use std::path::{Path, PathBuf};

use super::pcm::Encoding;
use super::spec::AudioSpec;
use super::wav_header::{self, Layout, WavHeader};
use crate::check::check_format;
use crate::{AudioError, Planar};

/// Maximum number of bytes per read.
const MAX_READ_BYTES: usize = 1 << 20;

/// Reads interleaved samples that follow a header.
pub(super) struct WavReader {
    source: Box<dyn Read + Send>,
    path: PathBuf,
    spec: AudioSpec,
    layout: Layout,
    /// Remaining bytes of samples by the header; `None` to read to the end.
    left_bytes: Option<u64>,
    /// Start of a frame whose remaining bytes are not read yet.
    partial: Vec<u8>,
    /// True for a file: return full blocks. False for a pipe: return the available samples.
    full_blocks: bool,
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
            left_bytes: data_bytes,
            partial: Vec::new(),
            full_blocks: file_bytes.is_some(),
            truncated: false,
        })
    }

    /// Reads interleaved `f32` samples without a header.
    pub(super) fn raw_f32(
        source: Box<dyn Read + Send>,
        path: &Path,
        sample_rate_hz: u32,
        channels: usize,
    ) -> Result<Self, AudioError> {
        check_format(path, sample_rate_hz, channels)?;
        let codec = "raw 32-bit float".to_owned();
        Ok(Self {
            source,
            path: path.to_owned(),
            spec: AudioSpec { sample_rate_hz, channels, samples: None, codec },
            layout: Layout::Known(Encoding::F32),
            left_bytes: None,
            partial: Vec::new(),
            full_blocks: false,
            truncated: false,
        })
    }

    pub(super) fn spec(&self) -> &AudioSpec {
        &self.spec
    }

    pub(super) fn is_truncated(&self) -> bool {
        self.truncated
    }

    /// Returns up to `max_samples` frames, or `None` at the end.
    pub(super) fn next_block(&mut self, max_samples: usize) -> Result<Option<Planar>, AudioError> {
        let frame_bytes = self.layout.bytes() * self.spec.channels;
        let wanted = max_samples.min(MAX_READ_BYTES / frame_bytes).max(1) * frame_bytes;
        let mut bytes = std::mem::take(&mut self.partial);
        while bytes.len() < frame_bytes || (self.full_blocks && bytes.len() < wanted) {
            if !self.read_more(&mut bytes, wanted)? {
                break;
            }
        }
        let whole = bytes.len() - bytes.len() % frame_bytes;
        self.partial = bytes.split_off(whole);
        if bytes.is_empty() {
            self.truncated |= !self.partial.is_empty() || self.left_bytes.is_some_and(|left| left > 0);
            return Ok(None);
        }
        let encoding = match self.layout {
            Layout::Known(encoding) => encoding,
            Layout::Int24In32 => {
                let encoding = detect_24_in_32(&bytes);
                self.layout = Layout::Known(encoding);
                encoding
            }
        };
        Ok(Some(encoding.decode(&bytes, self.spec.channels)))
    }

    /// Reads once and appends to `bytes`, up to a total of `wanted` bytes. Returns false at the end.
    fn read_more(&mut self, bytes: &mut Vec<u8>, wanted: usize) -> Result<bool, AudioError> {
        let left = self.left_bytes.map_or(usize::MAX, |left| usize::try_from(left).unwrap_or(usize::MAX));
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
        if let Some(left) = &mut self.left_bytes {
            *left -= read as u64;
        }
        Ok(read > 0)
    }
}

/// Detects from the first block whether 24-bit samples are in the lower or upper 3 of 4 bytes: in the lower
/// if the top byte only repeats the sign and the bottom byte is used, otherwise in the upper, as the format
/// requires.
fn detect_24_in_32(bytes: &[u8]) -> Encoding {
    let sign_only =
        |word: &[u8]| matches!(word, [_, _, high, top] if *top == (if *high < 0x80 { 0 } else { 0xff }));
    let low_used = bytes.chunks_exact(4).any(|word| word.first() != Some(&0));
    if low_used && bytes.chunks_exact(4).all(sign_only) {
        Encoding::Int24Low
    } else {
        Encoding::Int { bytes: 4 }
    }
}
