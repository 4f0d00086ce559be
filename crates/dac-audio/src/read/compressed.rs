//! FLAC, MP3, Ogg Vorbis, AAC/M4A, ALAC and AIFF through symphonia.
//!
//! Encoder delay and padding are cut where the container tells them: MP3 with a Xing/LAME header and Ogg by symphonia, M4A
//! by its edit list in [`mp4_edit`]. MP3 without that header, MP2 and bare AAC (ADTS) tell nothing, so they come with
//! the delay of their encoder in front, as other players give them.
//! A damaged packet in the middle is an error, a cut last packet is only noted: what was whole is given.

use std::io::{ErrorKind, Read, Seek, SeekFrom};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};

use symphonia::core::audio::GenericAudioBufferRef;
use symphonia::core::codecs::CodecInfo;
use symphonia::core::codecs::audio::well_known::*;
use symphonia::core::codecs::audio::{AudioCodecId, AudioDecoder, AudioDecoderOptions};
use symphonia::core::common::Limit;
use symphonia::core::errors::Error;
use symphonia::core::formats::probe::Hint;
use symphonia::core::formats::{FormatInfo, FormatOptions, FormatReader, TrackType};
use symphonia::core::io::{MediaSource, MediaSourceStream};
use symphonia::core::meta::MetadataOptions;
use symphonia::core::packet::Packet;

use super::{AudioSpec, MAX_CHANNELS, READABLE, aiff_check, mp4_edit, sniff};
use crate::{AudioError, Planar};

/// Tags and pictures are of no use here; what is larger than this is skipped.
const MAX_TAG_BYTES: usize = 1 << 16;

/// A demuxer, a decoder, and the samples of the packet in hand.
pub(super) struct CompressedReader {
    path: PathBuf,
    spec: AudioSpec,
    format: Box<dyn FormatReader>,
    decoder: Box<dyn AudioDecoder>,
    track_id: u32,
    pending: Planar,
    /// Samples of `pending` that were given already.
    given: usize,
    /// Samples per channel decoded so far, those before `first` included.
    decoded: u64,
    /// The first decoded sample that is given, and the end of what is given.
    first: u64,
    last: u64,
    ended: bool,
    truncated: bool,
}

/// What became of one attempt to decode.
enum Step {
    Samples,
    Nothing,
    End,
}

impl CompressedReader {
    /// Probes the container and decodes up to the first samples, which tell rate and channels for sure.
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
        let mut source = Sized { source, bytes };
        let head = sniff::read_head(&mut source).map_err(|error| AudioError::read(path, error))?;
        if head.starts_with(b"FORM")
            && let Some(channels) = aiff_check::channels(&mut source)
        {
            check_channels(path, channels)?;
        }
        let edits = match head.get(4..8) {
            Some(b"ftyp" | b"moov" | b"mdat" | b"free" | b"skip" | b"wide") => {
                mp4_edit::read(&mut source, bytes)
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
        let mut format = symphonia::default::get_probe()
            .probe(&hint, stream, FormatOptions::default(), tags)
            .map_err(|error| open_error(path, &head, error))?;

        let container = container_name(format.format_info());
        let Some(track) = format.default_track(TrackType::Audio) else {
            return Err(AudioError::malformed(path, "an audio track", "none"));
        };
        let (track_id, promised) = (track.id, track.num_frames);
        let parameters = track.codec_params.as_ref().and_then(|codec| codec.audio());
        let Some(parameters) = parameters.cloned() else {
            return Err(AudioError::malformed(path, "an audio track with codec parameters", "none"));
        };
        // Before the decoder makes room for them.
        let claimed = parameters.channels.as_ref().map_or(0, |channels| channels.count());
        check_channels(path, claimed)?;
        let decoder = symphonia::default::get_codecs()
            .make_audio_decoder(&parameters, &AudioDecoderOptions::default().verify(true))
            .map_err(|error| match error {
                Error::Unsupported(detail) => AudioError::UnsupportedCodec {
                    path: path.to_owned(),
                    codec: format!("{} in {container} ({detail})", codec_name(parameters.codec)),
                },
                other => open_error(path, &head, other),
            })?;
        let codec = match decoder_name(decoder.codec_info()) {
            codec if codec == container => codec.to_owned(),
            codec => format!("{container}, {codec}"),
        };
        let edit = edits.iter().find(|edit| edit.track_id == track_id);
        let (first, samples) = match (edit, parameters.sample_rate) {
            (Some(edit), Some(rate_hz)) => edit.span(rate_hz, promised),
            _ => (0, promised),
        };
        let last = match edit {
            Some(_) => samples.map_or(u64::MAX, |samples| first.saturating_add(samples)),
            None => u64::MAX,
        };
        while !format.metadata().is_latest() {
            format.metadata().pop();
        }
        let mut reader = Self {
            path: path.to_owned(),
            spec: AudioSpec {
                sample_rate_hz: parameters.sample_rate.unwrap_or(0),
                channels: claimed,
                samples,
                codec,
            },
            format,
            decoder,
            track_id,
            pending: Vec::new(),
            given: 0,
            decoded: 0,
            first,
            last,
            ended: false,
            truncated: false,
        };
        while matches!(reader.step_unguarded()?, Step::Nothing) {}
        if reader.decoded == 0 && reader.truncated {
            let reason = "the data is cut inside the first packet".to_owned();
            return Err(AudioError::Corrupt { path: path.to_owned(), sample: 0, reason });
        }
        let AudioSpec { sample_rate_hz, channels, .. } = reader.spec;
        if channels == 0 || channels > MAX_CHANNELS || sample_rate_hz == 0 {
            return Err(AudioError::malformed(
                path,
                format!("1 to {MAX_CHANNELS} channels at a rate above 0 Hz"),
                format!("{channels} channels at {sample_rate_hz} Hz"),
            ));
        }
        Ok(reader)
    }

    pub(super) fn spec(&self) -> &AudioSpec {
        &self.spec
    }

    pub(super) fn is_truncated(&self) -> bool {
        self.truncated
    }

    /// Up to `max_samples` samples, `None` at the end.
    pub(super) fn next_block(&mut self, max_samples: usize) -> Result<Option<Planar>, AudioError> {
        let mut block = vec![Vec::new(); self.spec.channels];
        loop {
            let have = block.first().map_or(0, Vec::len);
            let ready = self.pending.first().map_or(0, Vec::len).saturating_sub(self.given);
            let take = ready.min(max_samples - have);
            for (plane, pending) in block.iter_mut().zip(&self.pending) {
                plane.extend_from_slice(pending.get(self.given..self.given + take).unwrap_or_default());
            }
            self.given += take;
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

    /// Decodes the next packet into `pending`, which must be used up.
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
        while !self.format.metadata().is_latest() {
            self.format.metadata().pop();
        }
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
                // Only a cut last packet is forgiven.
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
        self.given = self.first.saturating_sub(start).min(end as u64) as usize;
        self.pending.iter_mut().for_each(|plane| plane.truncate(end));
        Ok(if self.given == end { Step::Nothing } else { Step::Samples })
    }

    fn end(&mut self, cut: bool) -> Step {
        self.ended = true;
        let promised = self.spec.samples.map(|samples| self.first.saturating_add(samples));
        self.truncated = cut || promised.is_some_and(|promised| self.decoded < promised);
        Step::End
    }

    /// FLAC frames are numbered: a jump means that the demuxer has skipped a damaged one without a word.
    fn check_gap(&self, packet: &Packet) -> Result<(), AudioError> {
        let start = u64::try_from(packet.pts.get()).unwrap_or(0);
        if self.decoder.codec_params().codec == CODEC_ID_FLAC && start > self.decoded {
            return Err(AudioError::Corrupt {
                path: self.path.clone(),
                sample: self.decoded,
                reason: format!("the next whole frame begins at sample {start}"),
            });
        }
        Ok(())
    }

    /// Compares the whole with the checksum of its container, where there is one (FLAC).
    fn verify(&mut self) -> Result<(), AudioError> {
        let wrong = self.decoder.finalize().verify_ok == Some(false);
        if wrong && !self.truncated {
            return Err(AudioError::Corrupt {
                path: self.path.clone(),
                sample: self.decoded,
                reason: "the checksum of all samples is wrong".to_owned(),
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
                reason: "another stream with its own parameters follows in the same file".to_owned(),
            },
            error => AudioError::Corrupt {
                path: self.path.clone(),
                sample: self.decoded,
                reason: error.to_string(),
            },
        }
    }
}

/// Turns a panic of a decoder on damaged data into an error. None is known; the promise that no input panics should
/// not hang on every version of every decoder.
fn guarded<T>(
    path: &Path,
    sample: u64,
    work: impl FnOnce() -> Result<T, AudioError>,
) -> Result<T, AudioError> {
    // After an error the reader is given up, so nothing looks at state that a panic has left half done.
    catch_unwind(AssertUnwindSafe(work)).unwrap_or_else(|_| {
        let reason = "the decoder panicked".to_owned();
        Err(AudioError::Corrupt { path: path.to_owned(), sample, reason })
    })
}

fn check_channels(path: &Path, found: usize) -> Result<(), AudioError> {
    if found > MAX_CHANNELS {
        return Err(AudioError::malformed(path, format!("1 to {MAX_CHANNELS} channels"), found.to_string()));
    }
    Ok(())
}

/// Copies a decoded buffer and checks that it is of the stream's kind; the first one decides what that is.
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
        error => AudioError::malformed(&path, format!("a whole header of {READABLE}"), error.to_string()),
    }
}

/// Short names for people; symphonia's own where there is no better one.
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

/// Any seekable source of known length for symphonia.
struct Sized<R> {
    source: R,
    bytes: u64,
}

impl<R: Read> Read for Sized<R> {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        self.source.read(buffer)
    }
}

impl<R: Seek> Seek for Sized<R> {
    fn seek(&mut self, to: SeekFrom) -> std::io::Result<u64> {
        self.source.seek(to)
    }
}

impl<R: Read + Seek + Send + Sync> MediaSource for Sized<R> {
    fn is_seekable(&self) -> bool {
        true
    }

    fn byte_len(&self) -> Option<u64> {
        Some(self.bytes)
    }
}
