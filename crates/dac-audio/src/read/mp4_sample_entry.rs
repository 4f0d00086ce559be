//! Codec of an MP4 track, from its sample entry.

use std::path::Path;

use symphonia::core::codecs::audio::well_known::{CODEC_ID_AAC, CODEC_ID_ALAC, CODEC_ID_FLAC, CODEC_ID_MP3};

use super::aac::{self, AudioConfig};
use super::adpcm::AdpcmDecoder;
use super::byte_stream::{be16, be32, be64};
use super::decoder::{PacketDecoder, Parameters, PcmDecoder, SymphoniaDecoder};
use super::flac_frame::StreamInfo;
use super::mp4_samples::RawFrame;
use super::mp4_track::{Track, boxes, find};
use super::opus::OpusPacketDecoder;
use super::pcm::Encoding;
use crate::AudioError;
use crate::check::check_format;

/// Decoder of a track.
pub(super) struct Codec {
    pub(super) decoder: Box<dyn PacketDecoder>,
    pub(super) name: String,
    /// Samples to skip if there is no edit list.
    pub(super) pre_skip: u64,
    /// Unit of uncompressed audio.
    pub(super) frame: Option<RawFrame>,
}

/// Fields of a sample entry.
struct Entry<'a> {
    name: [u8; 4],
    channels: usize,
    bits: u16,
    rate_hz: u32,
    /// Flags of `lpcm` in entries of version 2.
    lpcm_flags: u32,
    /// Bytes of the boxes in the entry.
    children: &'a [u8],
}

impl<'a> Entry<'a> {
    fn parse(name: [u8; 4], body: &'a [u8]) -> Option<Self> {
        let version = be16(body, 8)?;
        let mut entry = Self {
            name,
            channels: usize::from(be16(body, 16)?),
            bits: be16(body, 18)?,
            rate_hz: be32(body, 24)? >> 16,
            lpcm_flags: 0,
            children: body.get(28..)?,
        };
        match version {
            1 if boxes(entry.children).next().is_none_or(|(name, _)| !is_box_name(name)) => {
                entry.children = body.get(44..).unwrap_or_default();
            }
            2 => {
                entry.rate_hz = f64::from_bits(be64(body, 32)?) as u32;
                entry.channels = be32(body, 40)? as usize;
                entry.bits = be32(body, 48)? as u16;
                entry.lpcm_flags = be32(body, 52)?;
                entry.children = body.get(64..).unwrap_or_default();
            }
            _ => {}
        }
        Some(entry)
    }

    /// Finds a box in the entry or in its `wave` box.
    fn find(&self, name: &[u8; 4]) -> Option<&'a [u8]> {
        find(self.children, name).or_else(|| find(self.children, b"wave").and_then(|wave| find(wave, name)))
    }

    /// True if the `enda` box marks little-endian samples.
    fn is_little_endian(&self) -> bool {
        self.find(b"enda").and_then(|body| be16(body, 0)) == Some(1)
    }
}

fn is_box_name(name: [u8; 4]) -> bool {
    name.iter().all(|byte| byte.is_ascii_alphanumeric() || *byte == b' ')
}

/// Creates the decoder of a track. `packets` are its first packets.
pub(super) fn open(path: &Path, track: &Track, packets: &[Vec<u8>]) -> Result<Codec, AudioError> {
    let malformed = || AudioError::malformed(path, "a valid sample entry of an audio track", "none");
    let (name, body) = track.entry.as_ref().ok_or_else(malformed)?;
    let entry = Entry::parse(*name, body).ok_or_else(malformed)?;
    match name {
        b"mp4a" => open_esds(path, &entry, packets),
        b".mp3" | [b'm', b's', 0, 0x55] => open_mp3(path, packets),
        b"alac" => {
            let cookie = entry.find(b"alac").and_then(|body| body.get(4..)).ok_or_else(malformed)?;
            let parameters = parameters(CODEC_ID_ALAC, &entry, cookie);
            symphonia_codec(path, parameters, "ALAC")
        }
        b"fLaC" => {
            let info = entry.find(b"dfLa").and_then(|body| body.get(8..42)).ok_or_else(malformed)?;
            let parsed = StreamInfo::parse(info).ok_or_else(malformed)?;
            let extra_data = Some(info.to_vec());
            let (rate_hz, channels) = (parsed.rate_hz, parsed.channels);
            symphonia_codec(path, Parameters { codec: CODEC_ID_FLAC, rate_hz, channels, extra_data }, "FLAC")
        }
        b"Opus" => open_opus(path, &entry),
        b"ima4" => {
            let decoder = AdpcmDecoder::ima_qt(entry.rate_hz, entry.channels);
            check_format(path, entry.rate_hz, entry.channels)?;
            let frame = RawFrame { bytes: 34 * entry.channels as u64, samples: 64 };
            // A sample of the index is a packet or, in old files, a sample of audio.
            let frame = Some(frame)
                .filter(|frame| u64::from(track.fixed_bytes) < frame.bytes && track.bytes.is_empty());
            Ok(Codec { decoder: Box::new(decoder), name: "IMA ADPCM".to_owned(), pre_skip: 0, frame })
        }
        _ => open_pcm(path, &entry),
    }
}

fn parameters(
    codec: symphonia::core::codecs::audio::AudioCodecId,
    entry: &Entry<'_>,
    extra: &[u8],
) -> Parameters {
    Parameters { codec, rate_hz: entry.rate_hz, channels: 0, extra_data: Some(extra.to_vec()) }
}

fn symphonia_codec(path: &Path, parameters: Parameters, name: &str) -> Result<Codec, AudioError> {
    let decoder = SymphoniaDecoder::open(path, parameters, &format!("{name} in MP4"))?;
    Ok(Codec { decoder, name: name.to_owned(), pre_skip: 0, frame: None })
}

/// Opens AAC or MP3 by the object type in the `esds` box.
fn open_esds(path: &Path, entry: &Entry<'_>, packets: &[Vec<u8>]) -> Result<Codec, AudioError> {
    let malformed = |found: &str| AudioError::malformed(path, "a valid esds box", found);
    let esds = entry.find(b"esds").and_then(|body| body.get(4..)).ok_or_else(|| malformed("none"))?;
    let (kind, config) = parse_esds(esds).ok_or_else(|| malformed("an invalid one"))?;
    match kind {
        0x40 | 0x66..=0x68 => open_aac(path, config, packets, "MP4"),
        0x69 | 0x6b => open_mp3(path, packets),
        _ => {
            let name = match kind {
                0xa5 => "AC-3".to_owned(),
                0xa6 => "E-AC-3".to_owned(),
                0xa9 => "DTS".to_owned(),
                0xdd => "Vorbis".to_owned(),
                _ => format!("object type {kind:#04x}"),
            };
            let codec = aac::with_way_out(&format!("{name} in MP4"));
            Err(AudioError::UnsupportedCodec { path: path.to_owned(), codec })
        }
    }
}

/// Creates an AAC decoder from an AudioSpecificConfig.
pub(super) fn open_aac(
    path: &Path,
    config: &[u8],
    packets: &[Vec<u8>],
    container: &str,
) -> Result<Codec, AudioError> {
    let invalid = || AudioError::malformed(path, "a valid AudioSpecificConfig", format!("{config:02x?}"));
    let parsed = AudioConfig::parse(config).ok_or_else(invalid)?;
    if parsed.object_type != 2 {
        let codec = aac::object_type_name(parsed.object_type, container);
        return Err(AudioError::UnsupportedCodec { path: path.to_owned(), codec });
    }
    aac::check_channels(path, parsed.channel_configuration, container)?;
    aac::check_no_sbr(path, packets, container)?;
    let parameters = Parameters {
        codec: CODEC_ID_AAC,
        rate_hz: parsed.rate_hz,
        channels: usize::from(parsed.channel_configuration),
        extra_data: Some(config.to_vec()),
    };
    let decoder = SymphoniaDecoder::open(path, parameters, &format!("AAC in {container}"))?;
    Ok(Codec { decoder, name: "AAC".to_owned(), pre_skip: 0, frame: None })
}

fn open_mp3(path: &Path, packets: &[Vec<u8>]) -> Result<Codec, AudioError> {
    let header = packets.first().and_then(|packet| super::mpeg_header::FrameHeader::parse(packet));
    let header = header.ok_or_else(|| AudioError::malformed(path, "a frame of MP3", "none"))?;
    let channels = if header.is_mono { 1 } else { 2 };
    let parameters = Parameters { codec: CODEC_ID_MP3, rate_hz: header.rate_hz, channels, extra_data: None };
    symphonia_codec(path, parameters, "MP3")
}

/// Reads the object type and the decoder's configuration from the descriptors of an `esds` box.
pub(super) fn parse_esds(bytes: &[u8]) -> Option<(u8, &[u8])> {
    let (3, body, _) = descriptor(bytes)? else {
        return None;
    };
    let flags = *body.get(2)?;
    let mut at = 3;
    at += if flags & 0x80 != 0 { 2 } else { 0 };
    at += if flags & 0x40 != 0 { 1 + usize::from(*body.get(at)?) } else { 0 };
    at += if flags & 0x20 != 0 { 2 } else { 0 };
    let (4, config, _) = descriptor(body.get(at..)?)? else {
        return None;
    };
    let kind = *config.first()?;
    match config.get(13..).and_then(descriptor) {
        Some((5, specific, _)) => Some((kind, specific)),
        _ => Some((kind, &[])),
    }
}

/// Splits off a descriptor: tag, body and the bytes after it.
fn descriptor(bytes: &[u8]) -> Option<(u8, &[u8], &[u8])> {
    let tag = *bytes.first()?;
    let mut size = 0;
    for at in 1..5 {
        let byte = *bytes.get(at)?;
        size = (size << 7) | usize::from(byte & 0x7f);
        if byte & 0x80 == 0 {
            let body = bytes.get(at + 1..)?;
            let size = size.min(body.len());
            return Some((tag, body.get(..size)?, body.get(size..)?));
        }
    }
    None
}

fn open_opus(path: &Path, entry: &Entry<'_>) -> Result<Codec, AudioError> {
    let malformed = || AudioError::malformed(path, "a valid dOps box", "none");
    let dops = entry.find(b"dOps").ok_or_else(malformed)?;
    let pre_skip = be16(dops, 2).ok_or_else(malformed)?;
    let gain = be16(dops, 8).ok_or_else(malformed)?;
    let mut head = b"OpusHead\x01".to_vec();
    head.push(*dops.get(1).ok_or_else(malformed)?);
    head.extend(pre_skip.to_le_bytes());
    head.extend(be32(dops, 4).ok_or_else(malformed)?.to_le_bytes());
    head.extend(gain.to_le_bytes());
    head.extend(dops.get(10..).ok_or_else(malformed)?);
    let decoder = Box::new(OpusPacketDecoder::open(path, &head)?);
    Ok(Codec { decoder, name: "Opus".to_owned(), pre_skip: u64::from(pre_skip), frame: None })
}

fn open_pcm(path: &Path, entry: &Entry<'_>) -> Result<Codec, AudioError> {
    let little = entry.is_little_endian();
    let integer = |bytes: u16, little: bool| match (bytes, little) {
        (1, _) => Some(Encoding::I8),
        (bytes @ (2 | 3 | 4 | 8), true) => Some(Encoding::Int { bytes: bytes as u8 }),
        (bytes @ (2 | 3 | 4 | 8), false) => Some(Encoding::IntBe { bytes: bytes as u8 }),
        _ => None,
    };
    let float = |bits: u16, little: bool| match (bits, little) {
        (32, true) => Some(Encoding::F32),
        (32, false) => Some(Encoding::F32Be),
        (64, true) => Some(Encoding::F64),
        (64, false) => Some(Encoding::F64Be),
        _ => None,
    };
    let flags = entry.lpcm_flags;
    let iso = entry.find(b"pcmC");
    let iso_bits = iso.and_then(|body| body.get(5)).map_or(entry.bits, |&bits| u16::from(bits));
    let iso_little = iso.and_then(|body| body.get(4)).is_some_and(|flags| flags & 1 != 0);
    let encoding = match &entry.name {
        b"sowt" => integer(entry.bits / 8, true),
        b"twos" | b"NONE" => integer(entry.bits / 8, false),
        b"raw " if entry.bits <= 8 => Some(Encoding::U8),
        b"raw " => integer(entry.bits / 8, false),
        b"in24" => integer(3, little),
        b"in32" => integer(4, little),
        b"fl32" => float(32, little),
        b"fl64" => float(64, little),
        b"lpcm" if flags & 1 != 0 => float(entry.bits, flags & 2 == 0),
        b"lpcm" => integer(entry.bits / 8, flags & 2 == 0),
        b"ipcm" => integer(iso_bits / 8, iso_little),
        b"fpcm" => float(iso_bits, iso_little),
        b"ulaw" => Some(Encoding::MuLaw),
        b"alaw" => Some(Encoding::ALaw),
        _ => None,
    };
    let Some(encoding) = encoding else {
        let name = String::from_utf8_lossy(&entry.name).into_owned();
        let name = match &entry.name {
            b"ac-3" => "AC-3",
            b"ec-3" => "E-AC-3",
            b"samr" | b"sawb" => "AMR",
            b"dtsc" | b"dtse" | b"dtsh" | b"dtsl" => "DTS",
            b"drms" | b"enca" => "encrypted audio",
            b"QDM2" | b"QDMC" => "QDesign Music",
            b"MAC3" | b"MAC6" => "MACE",
            b"Qclp" => "Qualcomm PureVoice",
            // QuickTime's names for the numbers of codecs in WAV files.
            b"ms\0\x02" => "Microsoft ADPCM",
            b"ms\0\x11" => "IMA ADPCM of WAV files",
            _ => name.as_str(),
        };
        let codec = aac::with_way_out(&format!("{name} in MP4"));
        return Err(AudioError::UnsupportedCodec { path: path.to_owned(), codec });
    };
    let (rate_hz, channels) = (entry.rate_hz, entry.channels);
    check_format(path, rate_hz, channels)?;
    let frame = Some(RawFrame { bytes: (encoding.bytes() * channels) as u64, samples: 1 });
    let decoder = Box::new(PcmDecoder { encoding, rate_hz, channels });
    Ok(Codec { decoder, name: encoding.name(), pre_skip: 0, frame })
}
