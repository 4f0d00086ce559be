//! Reader of FLAC, MP3, Ogg Vorbis, AAC/M4A, ALAC and AIFF through symphonia.
//!
//! Encoder delay and padding are removed if the container contains them: symphonia does so for MP3 with a
//! Xing/LAME header and Ogg, [`mp4_edit_list`] reads them for M4A. MP3 without that header, MP2 and AAC in
//! ADTS do not contain them, so the samples begin with the delay of the encoder, as in other players. A
//! damaged packet is an error; a truncated last packet only sets `truncated`.

use std::io::{ErrorKind, Read, Seek, SeekFrom};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};

use symphonia::core::audio::GenericAudioBufferRef;
use symphonia::core::codecs::CodecInfo;
use symphonia::core::codecs::audio::well_known::*;
use symphonia::core::codecs::audio::{AudioCodecId, AudioCodecParameters, AudioDecoder, AudioDecoderOptions};
use symphonia::core::common::Limit;
use symphonia::core::errors::Error;
use symphonia::core::formats::probe::Hint;
use symphonia::core::formats::{FormatInfo, FormatOptions, FormatReader, TrackType};
use symphonia::core::io::{MediaSource, MediaSourceStream};
use symphonia::core::meta::MetadataOptions;
use symphonia::core::packet::Packet;

use super::mp4_edit_list::{self, Edit};
use super::{AudioSpec, MAX_CHANNELS, READABLE, aiff_check, check_channels, check_format, sniff};
use crate::{AudioError, Planar};

/// Size limit of tags and pictures, which are not used.
const MAX_TAG_BYTES: usize = 1 << 16;

/// Demuxes and decodes a file.
pub(super) struct CompressedReader {
    path: PathBuf,
    spec: AudioSpec,
    format: Box<dyn FormatReader>,
    decoder: Box<dyn AudioDecoder>,
    track_id: u32,
    /// Samples of the current packet.
    pending: Planar,
    /// Samples of `pending` that were already returned.
    returned: usize,
    /// Samples per channel decoded so far, those before `first` included.
    decoded: u64,
    /// Range of decoded samples to return.
    first: u64,
    last: u64,
    ended: bool,
    truncated: bool,
}

/// Result of decoding a packet.
enum Step {
    Samples,
    /// The packet has no samples to return.
    Nothing,
    End,
}

impl CompressedReader {
    /// Probes the container and decodes up to the first samples, whose rate and channels replace those of the
    /// header.
    pub(super) fn open<R>(source: R, bytes: u64, path: &Path) -> Result<Self, AudioError>
    where
        R: Read + Seek + Send + Sync + 'static,
    {
        guarded(path, 0, || Self::open_unguarded(source, bytes, path))
    }

    fn open_unguarded<R>(source: R, bytes: u64, path: &Path) -> Result<Self, AudioError>
    where
        R: Read + Seek + Send + Sync + 'static,
    {
        let mut probed = probe(source, bytes, path)?;
        let track = select_track(probed.format.as_ref(), path)?;
        let (decoder, codec) = make_decoder(&probed, &track, path)?;
        let Trim { first, last, samples } = Trim::new(&probed.edits, &track);
        discard_metadata(probed.format.as_mut());
        let Track { id: track_id, parameters, channels, .. } = track;
        let sample_rate_hz = parameters.sample_rate.unwrap_or(0);
        let mut reader = Self {
            path: path.to_owned(),
            spec: AudioSpec { sample_rate_hz, channels, samples, codec },
            format: probed.format,
            decoder,
            track_id,
            pending: Vec::new(),
            returned: 0,
            decoded: 0,
            first,
            last,
            ended: false,
            truncated: false,
        };
        while matches!(reader.step_unguarded()?, Step::Nothing) {}
        if reader.decoded == 0 && reader.truncated {
            let reason = "the file is truncated inside the first packet".to_owned();
            return Err(AudioError::Corrupt { path: path.to_owned(), sample: 0, reason });
        }
        check_format(path, reader.spec.sample_rate_hz, reader.spec.channels)?;
        Ok(reader)
    }

    pub(super) fn spec(&self) -> &AudioSpec {
        &self.spec
    }

    pub(super) fn is_truncated(&self) -> bool {
        self.truncated
    }

    /// Returns up to `max_samples` samples, or `None` at the end.
    pub(super) fn next_block(&mut self, max_samples: usize) -> Result<Option<Planar>, AudioError> {
        let mut block = vec![Vec::new(); self.spec.channels];
        loop {
            let have = block.first().map_or(0, Vec::len);
            let ready = self.pending.first().map_or(0, Vec::len).saturating_sub(self.returned);
            let take = ready.min(max_samples - have);
            for (plane, pending) in block.iter_mut().zip(&self.pending) {
                plane.extend_from_slice(pending.get(self.returned..self.returned + take).unwrap_or_default());
            }
            self.returned += take;
            if have + take == max_samples {
                return Ok(Some(block));
            }
            if self.ended || matches!(self.step()?, Step::End) {
                return Ok((have + take > 0).then_some(block));
            }
        }
    }

    fn step(&mut self) -> Result<Step, AudioError> {
        let (path, decoded) = (self.path.clone(), self.decoded);
        guarded(&path, decoded, || self.step_unguarded())
    }

    /// Decodes the next packet into `pending`, whose samples must all have been returned.
    fn step_unguarded(&mut self) -> Result<Step, AudioError> {
        let packet = match self.format.next_packet() {
            Ok(Some(packet)) => packet,
            Ok(None) => {
                let step = self.end(false);
                return self.verify().map(|()| step);
            }
            Err(Error::IoError(error)) if error.kind() == ErrorKind::UnexpectedEof => {
                return Ok(self.end(true));
            }
            Err(error) => return Err(self.damaged(error)),
        };
        discard_metadata(self.format.as_mut());
        if packet.track_id != self.track_id {
            return Ok(Step::Nothing);
        }
        self.check_gap(&packet)?;
        match self.decoder.decode(&packet) {
            Ok(buffer) => {
                take_samples(&buffer, &mut self.pending, &mut self.spec, self.decoded).map_err(|reason| {
                    AudioError::Corrupt { path: self.path.clone(), sample: self.decoded, reason }
                })?
            }
            Err(error) => {
                // Only a truncated last packet is accepted.
                let last = match self.format.next_packet() {
                    Ok(next) => next.is_none(),
                    Err(Error::IoError(error)) => error.kind() == ErrorKind::UnexpectedEof,
                    Err(_) => false,
                };
                return if last { Ok(self.end(true)) } else { Err(self.damaged(error)) };
            }
        }
        let samples = self.pending.first().map_or(0, Vec::len);
        let start = self.decoded;
        self.decoded += samples as u64;
        let end = self.last.saturating_sub(start).min(samples as u64) as usize;
        self.returned = self.first.saturating_sub(start).min(end as u64) as usize;
        self.pending.iter_mut().for_each(|plane| plane.truncate(end));
        Ok(if self.returned == end { Step::Nothing } else { Step::Samples })
    }

    fn end(&mut self, in_packet: bool) -> Step {
        self.ended = true;
        let expected = self.spec.samples.map(|samples| self.first.saturating_add(samples));
        self.truncated = in_packet || expected.is_some_and(|expected| self.decoded < expected);
        Step::End
    }

    /// Checks that the demuxer did not silently skip a damaged FLAC frame. FLAC frames are numbered.
    fn check_gap(&self, packet: &Packet) -> Result<(), AudioError> {
        let start = u64::try_from(packet.pts.get()).unwrap_or(0);
        if self.decoder.codec_params().codec == CODEC_ID_FLAC && start > self.decoded {
            return Err(AudioError::Corrupt {
                path: self.path.clone(),
                sample: self.decoded,
                reason: format!("the next valid frame begins at sample {start}"),
            });
        }
        Ok(())
    }

    /// Verifies the checksum of all samples, if the container has one (FLAC).
    fn verify(&mut self) -> Result<(), AudioError> {
        let wrong = self.decoder.finalize().verify_ok == Some(false);
        if wrong && !self.truncated {
            return Err(AudioError::Corrupt {
                path: self.path.clone(),
                sample: self.decoded,
                reason: "the checksum of all samples does not match".to_owned(),
            });
        }
        Ok(())
    }

    fn damaged(&self, error: Error) -> AudioError {
        match error {
            Error::IoError(source) if source.kind() != ErrorKind::UnexpectedEof => {
                AudioError::read(&self.path, source)
            }
            Error::ResetRequired => AudioError::Corrupt {
                path: self.path.clone(),
                sample: self.decoded,
                reason: "a second stream with other parameters follows in the same file".to_owned(),
            },
            error => AudioError::Corrupt {
                path: self.path.clone(),
                sample: self.decoded,
                reason: error.to_string(),
            },
        }
    }
}

/// Turns a panic of a decoder into an error. No such panic is known, but future decoder versions may have
/// one.
fn guarded<T>(
    path: &Path,
    sample: u64,
    work: impl FnOnce() -> Result<T, AudioError>,
) -> Result<T, AudioError> {
    // Unwind safety: the reader is not used after an error.
    catch_unwind(AssertUnwindSafe(work)).unwrap_or_else(|_| {
        let reason = "the decoder panicked".to_owned();
        Err(AudioError::Corrupt { path: path.to_owned(), sample, reason })
    })
}

/// A container that symphonia reads.
struct Probed {
    /// First bytes of the file.
    head: Vec<u8>,
    /// Edits of an MP4 file.
    edits: Vec<Edit>,
    format: Box<dyn FormatReader>,
}

fn probe<R>(source: R, bytes: u64, path: &Path) -> Result<Probed, AudioError>
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
        Ok(format) => Ok(Probed { head, edits, format }),
        Err(error) => Err(open_error(path, &head, error)),
    }
}

/// The track to decode.
struct Track {
    id: u32,
    /// Number of channels in the header; 0 if unknown.
    channels: usize,
    /// Samples per channel in the header.
    samples: Option<u64>,
    parameters: AudioCodecParameters,
}

fn select_track(format: &dyn FormatReader, path: &Path) -> Result<Track, AudioError> {
    let Some(track) = format.default_track(TrackType::Audio) else {
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

/// Creates the decoder of a track and names its container and codec.
fn make_decoder(
    probed: &Probed,
    track: &Track,
    path: &Path,
) -> Result<(Box<dyn AudioDecoder>, String), AudioError> {
    let container = container_name(probed.format.format_info());
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
        Err(error) => Err(open_error(path, &probed.head, error)),
    }
}

/// Part of the decoded samples that is returned.
struct Trim {
    first: u64,
    last: u64,
    /// Expected samples per channel.
    samples: Option<u64>,
}

impl Trim {
    fn new(edits: &[Edit], track: &Track) -> Self {
        let edit = edits.iter().find(|edit| edit.track_id == track.id);
        let (first, samples) = match (edit, track.parameters.sample_rate) {
            (Some(edit), Some(rate_hz)) => edit.span(rate_hz, track.samples),
            _ => (0, track.samples),
        };
        let end = samples.map_or(u64::MAX, |samples| first.saturating_add(samples));
        Self { first, last: if edit.is_some() { end } else { u64::MAX }, samples }
    }
}

fn discard_metadata(format: &mut dyn FormatReader) {
    while !format.metadata().is_latest() {
        format.metadata().pop();
    }
}

/// Copies a decoded buffer into `pending`. The first buffer sets rate and channels, all others must match.
fn take_samples(
    buffer: &GenericAudioBufferRef<'_>,
    pending: &mut Planar,
    spec: &mut AudioSpec,
    decoded: u64,
) -> Result<(), String> {
    let (rate_hz, channels) = (buffer.spec().rate(), buffer.num_planes());
    if decoded == 0 && buffer.frames() > 0 {
        if channels > MAX_CHANNELS {
            return Err(format!("expected at most {MAX_CHANNELS} channels, found {channels}"));
        }
        (spec.sample_rate_hz, spec.channels) = (rate_hz, channels);
    } else if buffer.frames() > 0 && (rate_hz, channels) != (spec.sample_rate_hz, spec.channels) {
        return Err(format!(
            "expected {} channels at {} Hz, found {channels} at {rate_hz} Hz",
            spec.channels, spec.sample_rate_hz
        ));
    }
    buffer.copy_to_vecs_planar::<f32>(pending);
    Ok(())
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
