//! Reader of FLAC, MP3, Ogg Vorbis, AAC/M4A, ALAC and AIFF through symphonia.
//!
//! Encoder delay and padding are removed if the container contains them: symphonia does so for MP3 with a
//! Xing/LAME header and Ogg, [`mp4_edit_list`](super::mp4_edit_list) reads them for M4A. MP3 without that
//! header, MP2 and AAC in ADTS do not contain them, so the samples begin with the delay of the encoder, as in
//! other players. A damaged packet is an error; a truncated last packet only sets `truncated`.

use std::io::{ErrorKind, Read, Seek};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};

use symphonia::core::audio::GenericAudioBufferRef;
use symphonia::core::codecs::audio::AudioDecoder;
use symphonia::core::codecs::audio::well_known::CODEC_ID_FLAC;
use symphonia::core::errors::Error;
use symphonia::core::formats::FormatReader;
use symphonia::core::packet::Packet;

use super::mp4_edit_list::Edit;
use super::probe::{Probed, Track};
use super::spec::AudioSpec;
use crate::check::check_format;
use crate::{AudioError, MAX_CHANNELS, Planar};

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
        catch_panic(path, 0, || Self::open_inner(source, bytes, path))
    }

    fn open_inner<R>(source: R, bytes: u64, path: &Path) -> Result<Self, AudioError>
    where
        R: Read + Seek + Send + Sync + 'static,
    {
        let mut probed = Probed::new(source, bytes, path)?;
        let track = probed.select_track(path)?;
        let (decoder, codec) = probed.make_decoder(&track, path)?;
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
        while matches!(reader.decode_packet()?, Step::Nothing) {}
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
        catch_panic(&path, decoded, || self.decode_packet())
    }

    /// Decodes the next packet into `pending`, whose samples must all have been returned.
    fn decode_packet(&mut self) -> Result<Step, AudioError> {
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
fn catch_panic<T>(
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
