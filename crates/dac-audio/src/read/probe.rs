//! Detection of container, track and decoder of a file that symphonia reads.

use std::io::{ErrorKind, Read, Seek, SeekFrom};
use std::path::Path;

use symphonia::core::codecs::CodecInfo;
use symphonia::core::codecs::audio::well_known::*;
use symphonia::core::codecs::audio::{AudioCodecId, AudioCodecParameters, AudioDecoder, AudioDecoderOptions};
use symphonia::core::common::Limit;
use symphonia::core::errors::Error;
use symphonia::core::formats::probe::Hint;
use symphonia::core::formats::{FormatInfo, FormatOptions, FormatReader, TrackType};
use symphonia::core::io::{MediaSource, MediaSourceStream};
use symphonia::core::meta::MetadataOptions;

use super::mp4_edit_list::{self, Edit};
use super::spec::READABLE;
use super::{aiff_check, sniff};
use crate::AudioError;
use crate::check::check_channels;

/// Size limit of tags and pictures, which are not used.
const MAX_TAG_BYTES: usize = 1 << 16;

/// A file whose container is known.
pub(super) struct Probed {
    /// First bytes of the file.
    head: Vec<u8>,
    /// Edits of an MP4 file.
    pub(super) edits: Vec<Edit>,
    pub(super) format: Box<dyn FormatReader>,
}

/// The track to decode.
pub(super) struct Track {
    pub(super) id: u32,
    /// Number of channels in the header; 0 if unknown.
    pub(super) channels: usize,
    /// Samples per channel in the header.
    pub(super) samples: Option<u64>,
    pub(super) parameters: AudioCodecParameters,
}

impl Probed {
    /// Reads the headers of a container of `bytes` bytes.
    pub(super) fn new<R>(source: R, bytes: u64, path: &Path) -> Result<Self, AudioError>
    where
        R: Read + Seek + Send + Sync + 'static,
    {
        let mut source = SizedSource { source, bytes };
        let head = sniff::read_head(&mut source).map_err(|error| AudioError::read(path, error))?;
        if head.starts_with(b"FORM")
            && let Some(channels @ 1..) = aiff_check::channels(&mut source)
        {
            check_channels(path, channels)?;
        }
        let edits = match head.get(4..8) {
            Some(b"ftyp" | b"moov" | b"mdat" | b"free" | b"skip" | b"wide") => {
                mp4_edit_list::read(&mut source, bytes)
            }
            _ => Vec::new(),
        };
        source.seek(SeekFrom::Start(0)).map_err(|error| AudioError::read(path, error))?;
        let stream = MediaSourceStream::new(Box::new(source), Default::default());
        let mut hint = Hint::new();
        if let Some(extension) = path.extension().and_then(|text| text.to_str()) {
            hint.with_extension(extension);
        }
        let limit = Limit::Maximum(MAX_TAG_BYTES);
        let tags = MetadataOptions::default().limit_tag_bytes(limit).limit_visual_bytes(limit);
        match symphonia::default::get_probe().probe(&hint, stream, FormatOptions::default(), tags) {
            Ok(format) => Ok(Self { head, edits, format }),
            Err(error) => Err(open_error(path, &head, error)),
        }
    }

    /// Selects the default audio track.
    pub(super) fn select_track(&self, path: &Path) -> Result<Track, AudioError> {
        let Some(track) = self.format.default_track(TrackType::Audio) else {
            return Err(AudioError::malformed(path, "an audio track", "none"));
        };
        let parameters = track.codec_params.as_ref().and_then(|codec| codec.audio());
        let Some(parameters) = parameters.cloned() else {
            return Err(AudioError::malformed(path, "an audio track with codec parameters", "none"));
        };
        let channels = parameters.channels.as_ref().map_or(0, |channels| channels.count());
        if channels > 0 {
            // Before the decoder allocates memory for them.
            check_channels(path, channels)?;
        }
        Ok(Track { id: track.id, channels, samples: track.num_frames, parameters })
    }

    /// Creates the decoder of a track. Also returns the names of its container and codec.
    pub(super) fn make_decoder(
        &self,
        track: &Track,
        path: &Path,
    ) -> Result<(Box<dyn AudioDecoder>, String), AudioError> {
        let container = container_name(self.format.format_info());
        let options = AudioDecoderOptions::default().verify(true);
        match symphonia::default::get_codecs().make_audio_decoder(&track.parameters, &options) {
            Ok(decoder) => {
                let codec = match decoder_name(decoder.codec_info()) {
                    codec if codec == container => codec.to_owned(),
                    codec => format!("{container}, {codec}"),
                };
                Ok((decoder, codec))
            }
            Err(Error::Unsupported(detail)) => Err(AudioError::UnsupportedCodec {
                path: path.to_owned(),
                codec: format!("{} in {container} ({detail})", codec_name(track.parameters.codec)),
            }),
            Err(error) => Err(open_error(path, &self.head, error)),
        }
    }
}

fn open_error(path: &Path, head: &[u8], error: Error) -> AudioError {
    let path = path.to_owned();
    match error {
        Error::IoError(source) if source.kind() != ErrorKind::UnexpectedEof => {
            AudioError::Read { path, source }
        }
        Error::Unsupported(_) if !sniff::has_signature(head) => {
            AudioError::NotAudio { path, expected: READABLE, found: sniff::describe(head) }
        }
        error => AudioError::malformed(&path, format!("a complete header of {READABLE}"), error.to_string()),
    }
}

/// Short name for display; symphonia's name if there is no better one.
fn container_name(info: &FormatInfo) -> &'static str {
    match info.short_name {
        "flac" => "FLAC",
        "mp1" => "MP1",
        "mp2" => "MP2",
        "mp3" => "MP3",
        "ogg" => "Ogg",
        "aac" => "ADTS",
        "isomp4" => "MP4",
        "aiff" => "AIFF",
        _ => info.long_name,
    }
}

fn decoder_name(info: &CodecInfo) -> &'static str {
    match info.short_name {
        "flac" => "FLAC",
        "mp1" => "MP1",
        "mp2" => "MP2",
        "mp3" => "MP3",
        "vorbis" => "Vorbis",
        "aac" => "AAC",
        "alac" => "ALAC",
        _ => info.long_name,
    }
}

fn codec_name(codec: AudioCodecId) -> String {
    let name = match codec {
        CODEC_ID_OPUS => "Opus",
        CODEC_ID_SPEEX => "Speex",
        CODEC_ID_AC3 => "AC-3",
        CODEC_ID_EAC3 => "E-AC-3",
        CODEC_ID_AAC => "AAC",
        CODEC_ID_WMA => "Windows Media Audio",
        CODEC_ID_DCA => "DTS",
        CODEC_ID_TRUEHD => "TrueHD",
        CODEC_ID_ADPCM_MS | CODEC_ID_ADPCM_IMA_WAV | CODEC_ID_ADPCM_IMA_QT => "ADPCM",
        CODEC_ID_ADPCM_G722 => "G.722",
        CODEC_ID_ADPCM_G726 | CODEC_ID_ADPCM_G726LE => "G.726",
        _ => return format!("codec {codec}"),
    };
    name.to_owned()
}

/// Seekable source of known length, for symphonia.
struct SizedSource<R> {
    source: R,
    bytes: u64,
}

impl<R: Read> Read for SizedSource<R> {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        self.source.read(buffer)
    }
}

impl<R: Seek> Seek for SizedSource<R> {
    fn seek(&mut self, to: SeekFrom) -> std::io::Result<u64> {
        self.source.seek(to)
    }
}

impl<R: Read + Seek + Send + Sync> MediaSource for SizedSource<R> {
    fn is_seekable(&self) -> bool {
        true
    }

    fn byte_len(&self) -> Option<u64> {
        Some(self.bytes)
    }
}
