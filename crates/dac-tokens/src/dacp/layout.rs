//! Constants and checksums of the `.dacp` layout.

pub(super) const NAME: &str = "dacp";

/// First bytes of a stream. A transfer in text mode changes the line ends or the high bit and thereby breaks
/// them.
pub(super) const MAGIC: [u8; 8] = [0x89, b'D', b'A', b'C', b'P', 0x0d, 0x0a, 0x1a];

/// Largest size of the packed codes in a block.
pub(super) const MAX_PAYLOAD_BYTES: u64 = 1 << 24;

/// Bytes of a block in addition to its packed codes: the frame count and the checksum.
pub(super) const BLOCK_OVERHEAD_BYTES: u64 = 8;

/// Bytes of the end block: a frame count of 0, the total of frames, the length of the input, the checksum.
pub(super) const END_BYTES: u64 = 24;

/// Value of an unknown length in the end block.
pub(super) const UNKNOWN_SAMPLES: u64 = u64::MAX;

/// Computes the checksum of block number `index`: CRC-32 of the number and of the bytes before the checksum.
pub(super) fn checksum(index: u64, parts: &[&[u8]]) -> u32 {
    let mut hasher = crc32fast::Hasher::new();
    hasher.update(&index.to_le_bytes());
    parts.iter().for_each(|part| hasher.update(part));
    hasher.finalize()
}
