//! Headers of MPEG audio frames and the Xing, Info, LAME and VBRI tags in the first frame.

use super::byte_stream::{be16, be32};

/// Header of an MPEG audio frame.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct FrameHeader {
    /// Layer 1 to 3.
    pub(super) layer: u8,
    pub(super) rate_hz: u32,
    pub(super) is_mono: bool,
    pub(super) kbps: u32,
    /// Bytes of the frame with its header.
    pub(super) bytes: usize,
    /// Samples per channel.
    pub(super) samples: u64,
    is_mpeg1: bool,
}

const BITRATES_MPEG1: [[u32; 14]; 3] = [
    [32, 64, 96, 128, 160, 192, 224, 256, 288, 320, 352, 384, 416, 448],
    [32, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320, 384],
    [32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320],
];
const BITRATES_MPEG2: [[u32; 14]; 2] = [
    [32, 48, 56, 64, 80, 96, 112, 128, 144, 160, 176, 192, 224, 256],
    [8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160],
];

impl FrameHeader {
    /// Parses the first 4 bytes of a frame. Free-format frames are not supported.
    pub(super) fn parse(bytes: &[u8]) -> Option<Self> {
        let word = be32(bytes, 0)?;
        if word >> 21 != 0x7ff {
            return None;
        }
        let (version, layer) = ((word >> 19) & 3, 4 - ((word >> 17) & 3));
        if version == 1 || layer == 4 {
            return None;
        }
        let is_mpeg1 = version == 3;
        let index = ((word >> 12) & 15).checked_sub(1)? as usize;
        let table = match (is_mpeg1, layer) {
            (true, _) => BITRATES_MPEG1.get(layer as usize - 1)?,
            (false, 1) => &BITRATES_MPEG2[0],
            (false, _) => &BITRATES_MPEG2[1],
        };
        let kbps = *table.get(index)?;
        let bitrate = 1_000 * kbps;
        let rate_hz =
            [44_100, 48_000, 32_000].get(((word >> 10) & 3) as usize)? >> [2, 0, 1, 0][version as usize];
        if word & 3 == 2 {
            return None;
        }
        let padding = ((word >> 9) & 1) as usize;
        let (samples, bytes) = match (layer, is_mpeg1) {
            (1, _) => (384, ((12 * bitrate / rate_hz) as usize + padding) * 4),
            (3, false) => (576, (72 * bitrate / rate_hz) as usize + padding),
            _ => (1_152, (144 * bitrate / rate_hz) as usize + padding),
        };
        let is_mono = (word >> 6) & 3 == 3;
        Some(Self { layer: layer as u8, rate_hz, is_mono, kbps, bytes, samples, is_mpeg1 })
    }

    /// True if layer 2 has the frame's bitrate for its number of channels (ISO/IEC 11172-3, 2.4.2.3). Some
    /// encoders write other combinations.
    pub(super) fn has_valid_bitrate(&self) -> bool {
        let invalid: &[u32] = if self.is_mono { &[224, 256, 320, 384] } else { &[32, 48, 56, 80] };
        self.layer != 2 || !self.is_mpeg1 || !invalid.contains(&self.kbps)
    }

    /// True if a frame with header `next` can follow in the same stream.
    pub(super) fn can_precede(&self, next: &Self) -> bool {
        self.layer == next.layer
            && self.rate_hz == next.rate_hz
            && self.is_mpeg1 == next.is_mpeg1
            && self.is_mono == next.is_mono
    }

    fn side_info_bytes(&self) -> usize {
        match (self.is_mpeg1, self.is_mono) {
            (true, false) => 32,
            (true, true) | (false, false) => 17,
            (false, true) => 9,
        }
    }
}

/// Tag in the first frame of a stream, a frame without audio.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct StreamTag {
    /// Number of frames that follow.
    pub(super) frames: Option<u64>,
    /// Samples to skip: delay of encoder and decoder.
    pub(super) delay: u64,
    /// Samples of padding at the end.
    pub(super) padding: u64,
}

/// Delay of the decoder in samples.
const DECODER_DELAY: u64 = 529;

impl StreamTag {
    /// Finds the tag of a frame.
    pub(super) fn parse(header: &FrameHeader, frame: &[u8]) -> Option<Self> {
        if header.layer != 3 {
            return None;
        }
        let at = 4 + header.side_info_bytes();
        match frame.get(at..at + 4)? {
            b"Xing" | b"Info" if is_silent(frame.get(6..at)?) => Self::parse_xing(frame, at),
            _ if frame.get(36..40) == Some(b"VBRI") && is_silent(frame.get(6..36)?) => {
                Some(Self { frames: be32(frame, 36 + 14).map(u64::from), ..Self::default() })
            }
            _ => None,
        }
    }

    fn parse_xing(frame: &[u8], start: usize) -> Option<Self> {
        let flags = be32(frame, start + 4)?;
        let mut at = start + 8;
        let mut frames = None;
        if flags & 1 != 0 {
            frames = Some(u64::from(be32(frame, at)?));
            at += 4;
        }
        for (flag, bytes) in [(2, 4), (4, 100), (8, 4)] {
            at += if flags & flag != 0 { bytes } else { 0 };
        }
        let mut tag = Self { frames, ..Self::default() };
        let encoder = frame.get(at..at + 4);
        if let Some(b"LAME" | b"Lavf" | b"Lavc") = encoder
            && let Some(trim) = be32(frame, at + 20).map(|word| word & 0xff_ffff)
            && has_valid_crc(frame, at, encoder == Some(b"LAME"))
        {
            tag.delay = DECODER_DELAY + u64::from(trim >> 12);
            tag.padding = u64::from(trim & 0xfff).saturating_sub(DECODER_DELAY);
        }
        Some(tag)
    }
}

/// True if the side information of a frame is empty.
fn is_silent(side_info: &[u8]) -> bool {
    side_info.iter().all(|&byte| byte == 0)
}

/// Checks the CRC-16 of a tag whose encoder name is at `at`. A CRC of 0 is not checked.
fn has_valid_crc(frame: &[u8], at: usize, always_present: bool) -> bool {
    let is_protected = frame.get(1).is_some_and(|byte| byte & 1 == 0);
    let (Some(found), true) = (be16(frame, at + 34), always_present || is_protected) else {
        return true;
    };
    let crc = frame.iter().take(at + 34).fold(0_u16, |crc, &byte| {
        (0..8).fold(crc ^ u16::from(byte), |crc, _| if crc & 1 == 1 { (crc >> 1) ^ 0xa001 } else { crc >> 1 })
    });
    found == 0 || found == crc
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn layer_2_has_some_bitrates_for_mono_only() {
        let is_valid = |word: u32| FrameHeader::parse(&word.to_be_bytes()).map(|h| h.has_valid_bitrate());
        // 192 and 384 kbit/s in mono, 32 and 384 kbit/s in stereo; 32 kbit/s in stereo of layer 3.
        let found = [0xfffd_a0c4, 0xfffd_e0c4, 0xfffd_1004, 0xfffd_e004, 0xfffb_1004].map(is_valid);
        assert_eq!(found, [Some(true), Some(false), Some(false), Some(true), Some(true)]);
    }

    #[test]
    fn frame_lengths_follow_bitrate_rate_and_padding() {
        let parse = |word: u32| FrameHeader::parse(&word.to_be_bytes());
        let frame = parse(0xfffb_9064).map(|h| (h.layer, h.rate_hz, h.bytes, h.samples, h.is_mono));
        assert_eq!(frame, Some((3, 44_100, 417, 1_152, false)));
        assert_eq!(parse(0xfffb_9264).map(|h| h.bytes), Some(418));
        assert_eq!(
            parse(0xfff3_84c4).map(|h| (h.rate_hz, h.bytes, h.samples, h.is_mono)),
            Some((24_000, 192, 576, true))
        );
        assert_eq!(parse(0xffe3_18c4).map(|h| (h.rate_hz, h.bytes)), Some((8_000, 72)));
        for invalid in
            [0xfffb_0064, 0xfffb_f064, 0xfffb_9c64, 0xffeb_9064, 0xfff9_9066, 0xfff1_9064, 0x7ffb_9064]
        {
            assert_eq!(parse(invalid), None, "{invalid:#x}");
        }
    }
}
