//! The header of a `.dacp` stream.

use std::io::{self, Read};

use crate::arrays::MAX_CHANNELS;
use crate::error::TokenError;
use crate::meta::TokenMeta;
use crate::options::DEFAULT_BLOCK_FRAMES;

pub(super) const NAME: &str = "dacp";

/// First bytes of a stream. A transfer in text mode changes the line ends or the high bit and thereby breaks
/// them.
pub(super) const MAGIC: [u8; 8] = [0x89, b'D', b'A', b'C', b'P', 0x0d, 0x0a, 0x1a];

const VERSION: u16 = 1;

/// Length of the fixed part, which ends before the model's name.
const FIXED_BYTES: usize = 77;

/// Shortest header: the fixed part and the checksum.
const MIN_BYTES: usize = FIXED_BYTES + 4;

/// Longest header read; the longest that version 1 writes has 336 bytes.
const MAX_BYTES: usize = 4096;

/// Value of an unknown codebook size: every code fits.
const UNKNOWN_SIZE: usize = 1 << 16;

/// Largest size of the packed codes in a block.
const MAX_PAYLOAD_BYTES: u64 = 1 << 24;

/// Bytes of a block in addition to its packed codes: the frame count and the checksum.
const BLOCK_OVERHEAD_BYTES: u64 = 8;

const HAS_DB: u16 = 1;
const HAS_HASH: u16 = 2;

/// Header of a `.dacp` stream.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct DacpHeader {
    /// Number of channels.
    pub channels: u16,
    /// Codebooks, that is, codes per channel and frame.
    pub codebooks: u16,
    /// Entries per codebook, from 1 to 65536; determines the bits per code.
    pub codebook_size: u32,
    /// Frames per block; the last block may have fewer.
    pub block_frames: u32,
    /// Metadata. The header stores the model, the weights, both rates, the codebook size, the hop and the
    /// loudness.
    pub meta: TokenMeta,
}

impl DacpHeader {
    /// Creates the header of a stream. The codebook size comes from `meta`, or else is 65536.
    ///
    /// # Errors
    /// Fails if a count is 0 or too large, the model's name is longer than 255 bytes, or the hash of the
    /// weights is not a SHA-256.
    pub fn new(channels: usize, codebooks: usize, meta: TokenMeta) -> Result<Self, TokenError> {
        let header = Self::with_counts(channels, codebooks, meta)?;
        header.to_bytes()?;
        header.with_block_frames(DEFAULT_BLOCK_FRAMES)
    }

    /// Checks the counts, including the codebook size in `meta`.
    fn with_counts(channels: usize, codebooks: usize, meta: TokenMeta) -> Result<Self, TokenError> {
        let size = meta.codebook_size.unwrap_or(UNKNOWN_SIZE);
        for (what, count, most) in [
            ("channels", channels, MAX_CHANNELS),
            ("codebooks", codebooks, u16::MAX.into()),
            ("entries per codebook", size, UNKNOWN_SIZE),
        ] {
            if !(1..=most).contains(&count) {
                return Err(invalid(format!("{count} {what}, expected 1 to {most}")));
            }
        }
        let (channels, codebooks) = (channels as u16, codebooks as u16);
        Ok(Self { channels, codebooks, codebook_size: size as u32, block_frames: DEFAULT_BLOCK_FRAMES, meta })
    }

    /// Sets the frames per block.
    ///
    /// # Errors
    /// Fails if the number is 0 or a block would exceed 16 MiB.
    pub fn with_block_frames(mut self, block_frames: u32) -> Result<Self, TokenError> {
        self.block_frames = block_frames;
        let declared = self.payload_bytes(block_frames);
        if block_frames == 0 {
            return Err(invalid("blocks of 0 frames, expected at least 1"));
        }
        if declared > MAX_PAYLOAD_BYTES {
            let (format, what) = (NAME, "a block");
            return Err(TokenError::TooLarge { format, what, declared, available: MAX_PAYLOAD_BYTES });
        }
        Ok(self)
    }

    /// Bits per code: ⌈log2(codebook size)⌉, at least 1.
    pub fn bits(&self) -> u32 {
        (u32::BITS - self.codebook_size.saturating_sub(1).leading_zeros()).max(1)
    }

    /// Codes per frame, over all channels.
    pub(super) fn frame_codes(&self) -> usize {
        usize::from(self.channels) * usize::from(self.codebooks)
    }

    /// Bytes of the packed codes of `frames` frames.
    pub(super) fn payload_bytes(&self, frames: u32) -> u64 {
        let codes = u64::from(frames) * self.frame_codes() as u64;
        codes.saturating_mul(self.bits().into()).div_ceil(8)
    }

    /// Bytes of a block of `frames` frames, with its overhead.
    pub(super) fn block_bytes(&self, frames: u32) -> u64 {
        self.payload_bytes(frames) + BLOCK_OVERHEAD_BYTES
    }

    pub(super) fn to_bytes(&self) -> Result<Vec<u8>, TokenError> {
        let meta = &self.meta;
        let model = meta.model.as_deref().unwrap_or_default();
        let model_length =
            u8::try_from(model.len()).map_err(|_| invalid("the model's name is longer than 255 bytes"))?;
        let no_hash = || invalid("weights_sha256 is not a SHA-256 in hexadecimal digits");
        let hash = meta.weights_sha256.as_deref().map(|text| parse_hash(text).ok_or_else(no_hash));
        let hash = hash.transpose()?;
        let hop = meta.hop_samples.unwrap_or(0);
        let hop = u32::try_from(hop)
            .map_err(|_| invalid(format!("a hop of {hop} samples, expected less than 2^32")))?;
        let flags = if meta.input_db.is_some() { HAS_DB } else { 0 };
        let flags = flags | if hash.is_some() { HAS_HASH } else { 0 };

        let mut out = MAGIC.to_vec();
        out.extend(VERSION.to_le_bytes());
        out.extend(((MIN_BYTES + model.len()) as u16).to_le_bytes());
        out.extend(flags.to_le_bytes());
        out.extend(self.channels.to_le_bytes());
        out.extend(self.codebooks.to_le_bytes());
        out.extend([0; 2]);
        out.extend(self.codebook_size.to_le_bytes());
        out.extend(self.block_frames.to_le_bytes());
        out.extend(hop.to_le_bytes());
        out.extend(meta.model_rate_hz.unwrap_or(0).to_le_bytes());
        out.extend(meta.input_rate_hz.unwrap_or(0).to_le_bytes());
        out.extend(meta.input_db.unwrap_or(0.0).to_le_bytes());
        out.extend(hash.unwrap_or_default());
        out.push(model_length);
        out.extend(model.as_bytes());
        out.extend(crc32fast::hash(&out).to_le_bytes());
        Ok(out)
    }

    /// Reads a header. Returns it and its length in bytes.
    pub(super) fn read<R: Read>(reader: &mut R) -> Result<(Self, u64), TokenError> {
        let mut bytes = vec![0; 12];
        read_exact(reader, &mut bytes)?;
        if !bytes.starts_with(&MAGIC) {
            return Err(invalid("it does not begin with the signature of .dacp files"));
        }
        let version = u16::from_le_bytes(array(&bytes, 8));
        if version != VERSION {
            return Err(invalid(format!("unknown version {version}, expected {VERSION}")));
        }
        let length = usize::from(u16::from_le_bytes(array(&bytes, 10)));
        if !(MIN_BYTES..=MAX_BYTES).contains(&length) {
            return Err(invalid(format!("a header of {length} bytes, expected {MIN_BYTES} to {MAX_BYTES}")));
        }
        bytes.resize(length, 0);
        read_exact(reader, bytes.get_mut(12..).unwrap_or_default())?;
        let (body, stored) = bytes.split_at(length - 4);
        if crc32fast::hash(body) != u32::from_le_bytes(array(stored, 0)) {
            return Err(invalid("its header is damaged: wrong checksum"));
        }
        let channels = u16::from_le_bytes(array(body, 14));
        let codebooks = u16::from_le_bytes(array(body, 16));
        let header = Self::with_counts(channels.into(), codebooks.into(), read_meta(body)?)?;
        let block_frames = u32::from_le_bytes(array(body, 24));
        Ok((header.with_block_frames(block_frames)?, length as u64))
    }
}

/// Reads the metadata from the bytes of a header.
fn read_meta(header: &[u8]) -> Result<TokenMeta, TokenError> {
    let u32_at = |at| u32::from_le_bytes(array(header, at));
    let known = |value: u32| Some(value).filter(|&value| value != 0);
    let flags = u16::from_le_bytes(array(header, 12));
    let hash: [u8; 32] = array(header, 44);
    let [model_length] = array(header, 76);
    let model = header.get(FIXED_BYTES..FIXED_BYTES + usize::from(model_length));
    let model = model.ok_or_else(|| invalid("the model's name exceeds the header"))?;
    let model = std::str::from_utf8(model).map_err(|_| invalid("the model's name is not UTF-8 text"))?;
    Ok(TokenMeta {
        model: Some(model).filter(|model| !model.is_empty()).map(str::to_owned),
        weights_sha256: (flags & HAS_HASH != 0)
            .then(|| hash.iter().map(|byte| format!("{byte:02x}")).collect()),
        model_rate_hz: known(u32_at(32)),
        input_rate_hz: known(u32_at(36)),
        codebook_size: Some(u32_at(20) as usize).filter(|&size| size != UNKNOWN_SIZE),
        hop_samples: known(u32_at(28)).map(|hop| hop as usize),
        input_db: (flags & HAS_DB != 0).then(|| f32::from_le_bytes(array(header, 40))),
        ..TokenMeta::default()
    })
}

fn invalid(reason: impl Into<String>) -> TokenError {
    TokenError::malformed(NAME, reason)
}

/// Fills `bytes`; an early end is a malformed header.
fn read_exact<R: Read>(reader: &mut R, bytes: &mut [u8]) -> Result<(), TokenError> {
    reader.read_exact(bytes).map_err(|e| match e.kind() {
        io::ErrorKind::UnexpectedEof => invalid("it ends within its header; download or copy it again"),
        _ => e.into(),
    })
}

/// Copies `N` bytes from position `at`, or zeros if there are too few.
pub(super) fn array<const N: usize>(bytes: &[u8], at: usize) -> [u8; N] {
    bytes.get(at..).and_then(<[u8]>::first_chunk).copied().unwrap_or([0; N])
}

/// Parses exactly 64 hexadecimal digits.
fn parse_hash(text: &str) -> Option<[u8; 32]> {
    let digits = text.chars().map(|c| c.to_digit(16)).collect::<Option<Vec<_>>>()?;
    let (pairs, odd) = digits.as_chunks();
    let bytes = pairs.iter().map(|[high, low]| (high * 16 + low) as u8).collect::<Vec<_>>();
    bytes.try_into().ok().filter(|_| odd.is_empty())
}
