//! Headers of FLAC: STREAMINFO and frames (RFC 9639).

/// Stream parameters.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct StreamInfo {
    pub(super) max_block: u64,
    pub(super) rate_hz: u32,
    pub(super) channels: usize,
    pub(super) bits: u32,
    /// Samples per channel; 0 if unknown.
    pub(super) samples: u64,
}

/// Bytes of STREAMINFO.
pub(super) const STREAM_INFO_BYTES: usize = 34;

impl StreamInfo {
    pub(super) fn parse(body: &[u8]) -> Option<Self> {
        let word = u64::from_be_bytes(*body.get(10..18)?.first_chunk()?);
        Some(Self {
            max_block: u64::from(u16::from_be_bytes(*body.get(2..4)?.first_chunk()?)),
            rate_hz: (word >> 44) as u32,
            channels: ((word >> 41) & 7) as usize + 1,
            bits: ((word >> 36) & 31) as u32 + 1,
            samples: word & 0xf_ffff_ffff,
        })
    }
}

/// Header of a frame.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct FrameHeader {
    /// Samples per channel.
    pub(super) block: u64,
    /// Number of the frame, or of its first sample if blocks vary in size.
    pub(super) number: u64,
    pub(super) is_variable: bool,
}

/// Longest header in bytes.
pub(super) const MAX_HEADER_BYTES: usize = 16;

impl FrameHeader {
    /// Parses a header and checks its CRC-8.
    pub(super) fn parse(bytes: &[u8]) -> Option<Self> {
        let &[0xff, second @ (0xf8 | 0xf9), third, fourth, first, ..] = bytes else {
            return None;
        };
        if fourth >> 4 > 10 || fourth & 1 == 1 || matches!((fourth >> 1) & 7, 3) || third & 15 == 15 {
            return None;
        }
        let (mut number, more) = match first.leading_ones() {
            0 => (u64::from(first), 0),
            ones @ 2..=7 => (u64::from(first) & ((1 << (7 - ones)) - 1), ones as usize - 1),
            _ => return None,
        };
        let mut at = 5;
        for _ in 0..more {
            let byte = *bytes.get(at)?;
            if byte >> 6 != 2 {
                return None;
            }
            number = (number << 6) | u64::from(byte & 0x3f);
            at += 1;
        }
        let block = match third >> 4 {
            0 => return None,
            1 => 192,
            code @ 2..=5 => 576 << (code - 2),
            6 => {
                at += 1;
                u64::from(*bytes.get(at - 1)?) + 1
            }
            7 => {
                at += 2;
                u64::from(u16::from_be_bytes(*bytes.get(at - 2..at)?.first_chunk()?)) + 1
            }
            code => 256 << (code - 8),
        };
        at += match third & 15 {
            12 => 1,
            13 | 14 => 2,
            _ => 0,
        };
        let crc = bytes.get(..at)?.iter().fold(0_u8, |crc, &byte| {
            (0..8).fold(crc ^ byte, |crc, _| if crc & 0x80 == 0 { crc << 1 } else { (crc << 1) ^ 0x07 })
        });
        (crc == *bytes.get(at)?).then_some(Self { block, number, is_variable: second & 1 == 1 })
    }
}

/// Table of the CRC-16 of frames.
const CRC16: [u16; 256] = {
    let mut table = [0; 256];
    let mut index = 0;
    while index < 256 {
        let mut crc = (index as u16) << 8;
        let mut bit = 0;
        while bit < 8 {
            crc = if crc & 0x8000 == 0 { crc << 1 } else { (crc << 1) ^ 0x8005 };
            bit += 1;
        }
        table[index] = crc;
        index += 1;
    }
    table
};

/// Appends a byte to the CRC-16 of a frame.
pub(super) fn crc16(crc: u16, byte: u8) -> u16 {
    (crc << 8) ^ CRC16[usize::from((crc >> 8) as u8 ^ byte)]
}
