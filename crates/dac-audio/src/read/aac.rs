//! Parameters of AAC, and detection of what its decoder does not support.

use std::path::Path;

use crate::AudioError;

/// Number of frames that are searched for spectral band replication.
pub(super) const SBR_TEST_FRAMES: usize = 16;

/// Sample rate in Hz of a sampling frequency index.
pub(super) fn rate_hz(index: u8) -> Option<u32> {
    let rates = [
        96_000, 88_200, 64_000, 48_000, 44_100, 32_000, 24_000, 22_050, 16_000, 12_000, 11_025, 8_000, 7_350,
    ];
    rates.get(usize::from(index)).copied()
}

/// Names an audio object type that is not AAC-LC.
pub(super) fn object_type_name(object_type: u8, container: &str) -> String {
    let name = match object_type {
        1 => "AAC Main",
        3 => "AAC SSR",
        4 => "AAC LTP",
        5 => "HE-AAC",
        23 => "AAC-LD",
        29 => "HE-AAC v2",
        39 => "AAC-ELD",
        42 => "xHE-AAC",
        _ => return with_way_out(&format!("AAC of object type {object_type} in {container}")),
    };
    with_way_out(&format!("{name} in {container}"))
}

/// Adds how to convert an unsupported format.
pub(super) fn with_way_out(codec: &str) -> String {
    format!("{codec}; convert it to WAV or FLAC first, for example `ffmpeg -i INPUT OUTPUT.wav`")
}

/// Checks a channel configuration: 1 or 2 channels.
pub(super) fn check_channels(path: &Path, configuration: u8, container: &str) -> Result<(), AudioError> {
    let found = match configuration {
        1 | 2 => return Ok(()),
        0 => "channels in a program configuration element".to_owned(),
        7 => "8 channels".to_owned(),
        count => format!("{count} channels"),
    };
    let codec = with_way_out(&format!("AAC in {container} with {found}"));
    Err(AudioError::UnsupportedCodec { path: path.to_owned(), codec })
}

/// Fails if `frames` contain spectral band replication: an AAC-LC decoder would return half of the band.
pub(super) fn check_no_sbr(path: &Path, frames: &[Vec<u8>], container: &str) -> Result<(), AudioError> {
    let frames: Vec<&Vec<u8>> = frames.iter().filter(|frame| frame.len() > 12).collect();
    let with_sbr = frames.iter().filter(|frame| ends_with_sbr(frame)).count();
    if with_sbr >= 3 && with_sbr * 10 >= frames.len() * 9 {
        return Err(AudioError::UnsupportedCodec {
            path: path.to_owned(),
            codec: object_type_name(5, container),
        });
    }
    Ok(())
}

/// True if a raw data block can end with a fill element with an SBR payload, other fill elements and the end
/// mark. Elements have no length, so that this looks for a chain that ends exactly with the frame.
fn ends_with_sbr(frame: &[u8]) -> bool {
    let bit = |at: usize| frame.get(at / 8).map_or(0, |byte| usize::from(byte >> (7 - at % 8)) & 1);
    let number = |at: usize, bits: usize| (0..bits).fold(0, |value, index| (value << 1) | bit(at + index));
    let total = 8 * frame.len();
    // Start of the payload of the fill element at a position, and its end.
    let fill = |at: usize| match (number(at, 3), number(at + 3, 4)) {
        (6, 15) => Some((at + 15, at + 15 + 8 * (14 + number(at + 7, 8)))),
        (6, count) => Some((at + 7, at + 7 + 8 * count)),
        _ => None,
    };
    (0..total.saturating_sub(20)).any(|at| {
        let Some((start, mut end)) = fill(at) else {
            return false;
        };
        if end < start + 16 || !matches!(number(start, 4), 13 | 14) {
            return false;
        }
        while let Some((_, next)) = fill(end).filter(|_| end + 7 < total) {
            end = next;
        }
        let is_last = end + 3 <= total && total - (end + 3) < 8 && number(end, 3) == 7;
        is_last && (end + 3..total).all(|at| bit(at) == 0)
    })
}

/// An AudioSpecificConfig (ISO/IEC 14496-3).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct AudioConfig {
    pub(super) object_type: u8,
    pub(super) rate_hz: u32,
    pub(super) channel_configuration: u8,
}

impl AudioConfig {
    pub(super) fn parse(bytes: &[u8]) -> Option<Self> {
        let mut at = 0;
        let mut take = |bits: usize| {
            let value = (0..bits).try_fold(0_u32, |value, index| {
                let at = at + index;
                Some((value << 1) | u32::from(bytes.get(at / 8)? >> (7 - at % 8) & 1))
            });
            at += bits;
            value
        };
        let object_type = match take(5)? {
            31 => 32 + take(6)?,
            object_type => object_type,
        };
        let rate_hz = match take(4)? {
            15 => take(24)?,
            index => rate_hz(index as u8)?,
        };
        let channel_configuration = take(4)? as u8;
        Some(Self { object_type: object_type as u8, rate_hz, channel_configuration })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Packs numbers of the given widths, zeros at the end.
    fn pack(fields: &[(u32, usize)]) -> Vec<u8> {
        let bits: Vec<u8> = fields
            .iter()
            .flat_map(|&(value, width)| (0..width).rev().map(move |bit| (value >> bit & 1) as u8))
            .collect();
        bits.chunks(8).map(|byte| byte.iter().enumerate().map(|(at, bit)| bit << (7 - at)).sum()).collect()
    }

    #[test]
    fn sbr_is_found_in_the_last_fill_element() {
        let body = [(0b001, 3), (0x5a5a_5a5a, 32), (0x1234_5678, 32), (0x5a5a, 13)];
        let frame = |extension: u32| {
            let fill = [(6, 3), (9, 4), (extension, 4), (0x0f0f_0f0f, 32), (0x3333_3333, 32), (5, 4), (7, 3)];
            pack(&[&body[..], &fill].concat())
        };
        let path = Path::new("a.aac");
        assert!(check_no_sbr(path, &vec![frame(13); 8], "ADTS").is_err());
        assert!(check_no_sbr(path, &vec![frame(14); 8], "ADTS").is_err());
        assert!(check_no_sbr(path, &vec![frame(11); 8], "ADTS").is_ok());
        assert!(check_no_sbr(path, &vec![pack(&[&body[..], &[(7, 3)]].concat()); 8], "ADTS").is_ok());
    }

    #[test]
    fn audio_specific_config_is_parsed() {
        let parse = |bytes: &[u8]| {
            AudioConfig::parse(bytes).map(|c| (c.object_type, c.rate_hz, c.channel_configuration))
        };
        assert_eq!(parse(&[0x12, 0x10]), Some((2, 44_100, 2)));
        assert_eq!(parse(&[0x10, 0x08]), Some((2, 96_000, 1)));
        assert_eq!(parse(&[0x12]), None);
    }
}
