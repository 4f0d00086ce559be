//! MPEG audio (MP1, MP2, MP3) and AAC in ADTS.
//!
//! Neither contains its length, except for the tag of an MP3 encoder in the first frame. All frames of a file
//! are read, also those of files that were joined.

use symphonia::core::codecs::audio::well_known::{CODEC_ID_AAC, CODEC_ID_MP1, CODEC_ID_MP2, CODEC_ID_MP3};

use super::aac;
use super::byte_stream::ByteStream;
use super::decoder::{Parameters, SymphoniaDecoder};
use super::demuxer::{Opened, StreamStart};
use super::framed::{FrameDemuxer, FrameFormat};
use super::mpeg_header::{FrameHeader, StreamTag};
use crate::AudioError;

/// Frames of MPEG audio.
struct Mpeg;

impl FrameFormat for Mpeg {
    type Header = FrameHeader;

    fn parse(head: &[u8]) -> Option<FrameHeader> {
        FrameHeader::parse(head)
    }

    fn can_precede(header: &FrameHeader, next: &FrameHeader) -> bool {
        header.can_precede(next)
    }

    fn bytes(header: &FrameHeader) -> usize {
        header.bytes
    }

    fn samples(header: &FrameHeader) -> u64 {
        header.samples
    }

    fn payload(_: &FrameHeader, frame: Vec<u8>) -> Vec<u8> {
        frame
    }

    fn tag(header: &FrameHeader, frame: &[u8]) -> Option<StreamTag> {
        StreamTag::parse(header, frame)
    }
}

/// Opens a file of MPEG audio; `None` if it contains no frame.
pub(super) fn open_mpeg(stream: ByteStream) -> Result<Option<Opened>, AudioError> {
    let path = stream.path().to_owned();
    let Some(demuxer) = FrameDemuxer::<Mpeg>::open(stream)? else {
        return Ok(None);
    };
    let header = demuxer.header();
    let (codec, name) = match header.layer {
        1 => (CODEC_ID_MP1, "MP1"),
        2 => (CODEC_ID_MP2, "MP2"),
        _ => (CODEC_ID_MP3, "MP3"),
    };
    if !header.has_valid_bitrate() {
        let codec =
            format!("MP2 in {} at {} kbit/s", if header.is_mono { "mono" } else { "stereo" }, header.kbps);
        return Err(AudioError::UnsupportedCodec { path, codec: aac::with_way_out(&codec) });
    }
    let channels = if header.is_mono { 1 } else { 2 };
    let parameters = Parameters { codec, rate_hz: header.rate_hz, channels, extra_data: None };
    let tag = demuxer.tag().unwrap_or_default();
    Ok(Some(Opened {
        demuxer: Box::new(demuxer),
        decoder: SymphoniaDecoder::open(&path, parameters, name)?,
        codec: name.to_owned(),
        samples: tag.frames.map(|frames| (frames * header.samples).saturating_sub(tag.delay + tag.padding)),
        first: StreamStart { skip: tag.delay, hold_back: tag.padding, decoder: None },
        limit: None,
        samples_are_promised: false,
        has_pages: false,
        warning: None,
    }))
}

/// Frames of AAC.
struct Adts;

/// Header of an ADTS frame.
#[derive(Debug, Clone, Copy)]
struct AdtsHeader {
    object_type: u8,
    rate_hz: u32,
    channel_configuration: u8,
    bytes: usize,
    header_bytes: usize,
    blocks: u64,
}

impl FrameFormat for Adts {
    type Header = AdtsHeader;

    fn parse(head: &[u8]) -> Option<AdtsHeader> {
        let [0xff, second, third, fourth, fifth, sixth, seventh, ..] = head else {
            return None;
        };
        let rate_hz = aac::rate_hz((third >> 2) & 15)?;
        let bytes = (usize::from(fourth & 3) << 11) | (usize::from(*fifth) << 3) | usize::from(sixth >> 5);
        let header_bytes = if second & 1 == 0 { 9 } else { 7 };
        let channel_configuration = ((third & 1) << 2) | (fourth >> 6);
        let is_valid = second & 0xf6 == 0xf0 && bytes > header_bytes;
        is_valid.then_some(AdtsHeader {
            object_type: (third >> 6) + 1,
            rate_hz,
            channel_configuration,
            bytes,
            header_bytes,
            blocks: u64::from(seventh & 3) + 1,
        })
    }

    fn can_precede(header: &AdtsHeader, next: &AdtsHeader) -> bool {
        let key = |header: &AdtsHeader| (header.object_type, header.rate_hz, header.channel_configuration);
        key(header) == key(next)
    }

    fn bytes(header: &AdtsHeader) -> usize {
        header.bytes
    }

    fn samples(header: &AdtsHeader) -> u64 {
        1_024 * header.blocks
    }

    fn payload(header: &AdtsHeader, mut frame: Vec<u8>) -> Vec<u8> {
        frame.drain(..header.header_bytes.min(frame.len()));
        frame
    }

    fn tag(_: &AdtsHeader, _: &[u8]) -> Option<StreamTag> {
        None
    }
}

/// Opens AAC in ADTS; `None` if the file contains no frame.
pub(super) fn open_adts(stream: ByteStream) -> Result<Option<Opened>, AudioError> {
    let path = stream.path().to_owned();
    let Some(mut demuxer) = FrameDemuxer::<Adts>::open(stream)? else {
        return Ok(None);
    };
    let header = demuxer.header();
    let unsupported =
        |codec: &str| AudioError::UnsupportedCodec { path: path.clone(), codec: codec.to_owned() };
    if header.object_type != 2 {
        return Err(unsupported(&aac::object_type_name(header.object_type, "ADTS")));
    }
    if header.blocks > 1 {
        return Err(unsupported("AAC in ADTS with several blocks per frame"));
    }
    aac::check_channels(&path, header.channel_configuration, "ADTS")?;
    let frames = demuxer.peek_payloads(aac::SBR_TEST_FRAMES)?;
    aac::check_no_sbr(&path, &frames, "ADTS")?;
    let channels = usize::from(header.channel_configuration);
    let parameters = Parameters { codec: CODEC_ID_AAC, rate_hz: header.rate_hz, channels, extra_data: None };
    Ok(Some(Opened {
        demuxer: Box::new(demuxer),
        decoder: SymphoniaDecoder::open(&path, parameters, "AAC in ADTS")?,
        codec: "ADTS, AAC".to_owned(),
        samples: None,
        first: StreamStart::default(),
        limit: None,
        samples_are_promised: false,
        has_pages: false,
        warning: None,
    }))
}
