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
/// Maximum number of chunks after the samples that are searched.
const MAX_TRAILING_CHUNKS: usize = 64;

/// Uncompressed samples at the current position of a source.
pub(super) struct PcmStream {
    pub(super) source: Box<dyn Read + Send>,
    pub(super) spec: AudioSpec,
    pub(super) encoding: Encoding,
    /// Bytes of samples by the header; `None` to read to the end.
    pub(super) data_bytes: Option<u64>,
}

/// Audio after the samples of a file, which is not read but warned of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Trailer {
    Ignored,
    /// Chunks of WAV.
    Chunks,
    /// Another file.
    File,
}

/// Signatures of files that may be joined to another one.
const SIGNATURES: [&[u8]; 5] = [b".snd", b"FORM", b"caff", b"riff", b"RIFF"];
/// Padding of samples at most.
const MAX_PADDING_BYTES: usize = 8;

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
    /// What may follow the samples.
    trailer: Trailer,
    warning: Option<String>,
}

impl WavReader {
    /// Reads the header. `file_bytes` is the length of a file, `None` for a pipe.
    pub(super) fn open(
        mut source: Box<dyn Read + Send>,
        path: &Path,
        file_bytes: Option<u64>,
    ) -> Result<Self, AudioError> {
        let WavHeader { spec, layout, data_bytes, ahead, warning } =
            wav_header::read(&mut source, path, file_bytes)?;
        Ok(Self {
            source: Box::new(std::io::Cursor::new(ahead).chain(source)),
            path: path.to_owned(),
            spec,
            layout,
            left_bytes: data_bytes,
            partial: Vec::new(),
            full_blocks: file_bytes.is_some(),
            truncated: false,
            trailer: Trailer::Chunks,
            warning,
        })
    }

    /// Reads samples from a file with another header.
    pub(super) fn from_pcm(pcm: PcmStream, path: &Path) -> Self {
        Self {
            source: pcm.source,
            path: path.to_owned(),
            spec: pcm.spec,
            layout: Layout::Known(pcm.encoding),
            left_bytes: pcm.data_bytes,
            partial: Vec::new(),
            full_blocks: true,
            truncated: false,
            trailer: Trailer::File,
            warning: None,
        }
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
            trailer: Trailer::Ignored,
            warning: None,
        })
    }

    pub(super) fn spec(&self) -> &AudioSpec {
        &self.spec
    }

    pub(super) fn is_truncated(&self) -> bool {
        self.truncated
    }

    /// Reads to the end of the source, whatever size the header contains: errors at its end are reported.
    pub(super) fn read_to_end_of_source(&mut self) {
        self.left_bytes = None;
        self.trailer = Trailer::Ignored;
    }

    pub(super) fn set_warning(&mut self, warning: String) {
        self.warning = Some(warning);
    }

    pub(super) fn warning(&self) -> Option<&str> {
        self.warning.as_deref()
    }

    /// Searches what follows the samples for more samples, which are not read.
    fn check_trailer(&mut self) {
        let trailer = std::mem::replace(&mut self.trailer, Trailer::Ignored);
        if self.left_bytes == Some(0) {
            match trailer {
                Trailer::Ignored => {}
                Trailer::Chunks => self.check_trailing_chunks(),
                Trailer::File => self.check_trailing_file(),
            }
        }
    }

    fn check_trailing_file(&mut self) {
        let mut head = Vec::new();
        let wanted = (MAX_PADDING_BYTES + 4) as u64;
        if (&mut self.source).take(wanted).read_to_end(&mut head).is_ok()
            && head.windows(4).any(|name| SIGNATURES.contains(&name))
        {
            self.warning = Some("a second file follows the samples; it was not read".to_owned());
        }
    }

    /// Searches the chunks after the samples of WAV.
    fn check_trailing_chunks(&mut self) {
        let mut skipped = 0_u64;
        for _ in 0..MAX_TRAILING_CHUNKS {
            let mut header = [0; 8];
            if self.source.read_exact(&mut header).is_err() {
                return;
            }
            let [a, b, c, d, size @ ..] = header;
            if matches!(&[a, b, c, d], b"data" | b"RIFF" | b"RF64") {
                let name = String::from_utf8_lossy(&header[..4]).into_owned();
                self.warning = Some(format!(
                    "a second {name} chunk follows {skipped} bytes after the samples; it was not read"
                ));
                return;
            }
            let size = u64::from(u32::from_le_bytes(size));
            let size = size + size % 2;
            let read = std::io::copy(&mut (&mut self.source).take(size), &mut std::io::sink());
            if read.is_err() {
                return;
            }
            skipped += 8 + size;
        }
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
            self.check_trailer();
            return Ok(None);
        }
        let encoding = match self.layout {
            Layout::Known(encoding) => encoding,
            Layout::Int24In32 { is_big_endian } => {
                let found = detect_24_in_32(&bytes, is_big_endian);
                let encoding = found.unwrap_or(Encoding::Int { bytes: 4 });
                let encoding = if is_big_endian { encoding.big_endian() } else { encoding };
                if found.is_some() {
                    self.layout = Layout::Known(encoding);
                }
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

/// Detects whether 24-bit samples are in the lower or upper 3 of 4 bytes: in the lower if the top byte only
/// repeats the sign and the bottom byte is used, otherwise in the upper, as the format requires. `None` if
/// the samples are silent or too quiet to tell.
fn detect_24_in_32(bytes: &[u8], is_big_endian: bool) -> Option<Encoding> {
    let mut low_used = false;
    for word in bytes.as_chunks::<4>().0 {
        let [low, _, high, top] = if is_big_endian { [word[3], word[2], word[1], word[0]] } else { *word };
        if top != (if high < 0x80 { 0 } else { 0xff }) {
            return Some(Encoding::Int { bytes: 4 });
        }
        low_used |= low != 0;
    }
    low_used.then_some(Encoding::Int24Low)
}
