//! Reader of any source.

use std::fmt;
use std::fs::File;
use std::io::{self, BufReader, Cursor, Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};

use dac_atomic::TemporaryCopy;

use super::byte_stream::{ByteStream, InnerFile};
use super::coded::{CodedReader, Damage};
use super::containers::{self, is_coded_wav};
use super::ffmpeg::FfmpegOutput;
use super::opened::OpenedFile;
use super::options::{ReadBackend, ReadOptions};
use super::pipe_copy::copy_audio;
use super::sniff::{self, Container};
use super::spec::AudioSpec;
use super::wav::WavReader;
use crate::{AudioError, NonFinitePolicy, Planar};

/// Reads a supported audio file or pipe block by block.
pub struct AudioReader {
    path: PathBuf,
    spec: AudioSpec,
    source: Source,
    /// `None` returns NaN and infinity unchanged.
    policy: Option<NonFinitePolicy>,
    position: u64,
    replaced: u64,
}

enum Source {
    Wav(WavReader),
    Coded(Box<CodedReader>),
}

impl fmt::Debug for AudioReader {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AudioReader")
            .field("path", &self.path)
            .field("spec", &self.spec)
            .field("position", &self.position)
            .finish_non_exhaustive()
    }
}

impl AudioReader {
    /// Opens a file.
    ///
    /// # Errors
    /// [`AudioError::Open`], or as [`from_seekable`](Self::from_seekable).
    pub fn open(path: impl AsRef<Path>) -> Result<Self, AudioError> {
        Self::open_with(path, ReadOptions::default())
    }

    /// Opens a file with options.
    ///
    /// # Errors
    /// As [`open`](Self::open).
    pub fn open_with(path: impl AsRef<Path>, options: ReadOptions) -> Result<Self, AudioError> {
        let path = path.as_ref();
        let (file, is_regular) = open_file(path)?;
        if !is_regular {
            return Self::from_stream_with(file, path, options);
        }
        let builtin = || Self::from_seekable_with(file, path, options);
        Self::with_backend(path, options, builtin, || FfmpegOutput::of_file(path))
    }

    /// Reads a copied pipe.
    pub(super) fn from_copy(
        copy: TemporaryCopy,
        path: &Path,
        options: ReadOptions,
    ) -> Result<Self, AudioError> {
        let builtin = || Self::from_seekable_with(copy.clone(), path, options);
        Self::with_backend(path, options, builtin, || FfmpegOutput::of_copy(&copy, path))
    }

    /// Reads a file inside another. For ffmpeg it is copied first.
    pub(super) fn from_inner(
        open: &dyn Fn() -> Box<dyn InnerFile>,
        path: &Path,
        options: ReadOptions,
    ) -> Result<Self, AudioError> {
        let builtin = || Self::from_seekable_with(open(), path, options);
        let ffmpeg = || FfmpegOutput::of_copy(&copy_audio(open(), path, ReadBackend::Ffmpeg)?, path);
        Self::with_backend(path, options, builtin, ffmpeg)
    }

    /// Reads with the program of `options`.
    fn with_backend(
        path: &Path,
        options: ReadOptions,
        builtin: impl FnOnce() -> Result<Self, AudioError>,
        ffmpeg: impl FnOnce() -> Result<FfmpegOutput, AudioError>,
    ) -> Result<Self, AudioError> {
        let ffmpeg = || {
            let mut wav = WavReader::open(Box::new(ffmpeg()?), path, None)?;
            wav.read_to_end_of_source();
            wav.set_warning("read by ffmpeg".to_owned());
            let mut spec = wav.spec().clone();
            spec.codec = "read by ffmpeg".to_owned();
            Ok(Self::new(path.to_owned(), spec, Source::Wav(wav)).with_non_finite(options.non_finite))
        };
        match options.backend {
            ReadBackend::Builtin => builtin(),
            ReadBackend::Ffmpeg => ffmpeg(),
            ReadBackend::Auto => builtin().or_else(|error| match error {
                // The reason of the built-in reader is more useful than ffmpeg's.
                AudioError::UnsupportedCodec { .. } | AudioError::NotAudio { .. } => {
                    ffmpeg().map_err(|_: AudioError| error)
                }
                other => Err(other),
            }),
        }
    }

    /// Reads a seekable source from its beginning. Errors contain `name`, whose extension helps to detect
    /// formats without a signature (MP3, AAC).
    ///
    /// # Errors
    /// [`AudioError::EmptyFile`], [`AudioError::NotAudio`], [`AudioError::UnsupportedCodec`],
    /// [`AudioError::Malformed`], or [`AudioError::Corrupt`] if the first packet cannot be decoded.
    pub fn from_seekable<R>(source: R, name: impl AsRef<Path>) -> Result<Self, AudioError>
    where
        R: Read + Seek + Send + Sync + 'static,
    {
        Self::from_seekable_with(source, name, ReadOptions::default())
    }

    /// Reads a seekable source with options. It has no path, so that the built-in readers read it.
    ///
    /// # Errors
    /// As [`from_seekable`](Self::from_seekable).
    pub fn from_seekable_with<R>(
        mut source: R,
        name: impl AsRef<Path>,
        options: ReadOptions,
    ) -> Result<Self, AudioError>
    where
        R: Read + Seek + Send + Sync + 'static,
    {
        let path = name.as_ref().to_owned();
        let read_error = |error| AudioError::read(&path, error);
        let length = source.seek(SeekFrom::End(0)).map_err(read_error)?;
        source.seek(SeekFrom::Start(0)).map_err(read_error)?;
        let (head, has_tags) = sniff::read_head_after_tags(&mut source).map_err(read_error)?;
        let container = sniff::container(&path, &mut source, &head, has_tags)?;
        source.seek(SeekFrom::Start(0)).map_err(read_error)?;
        if container == Container::Wav && !is_coded_wav(&head) {
            let reader = BufReader::with_capacity(1 << 16, source);
            let wav = WavReader::open(Box::new(reader), &path, Some(length))?;
            let reader = Self::new(path, wav.spec().clone(), Source::Wav(wav));
            return Ok(reader.with_non_finite(options.non_finite));
        }
        let stream = ByteStream::new(Box::new(source), &path, length);
        let reader = match containers::open(container, stream)? {
            OpenedFile::Pcm(pcm) => {
                let wav = WavReader::from_pcm(pcm, &path);
                Self::new(path, wav.spec().clone(), Source::Wav(wav))
            }
            OpenedFile::Coded(opened) => {
                let coded = CodedReader::open(&path, opened, options.damage)?;
                let spec = coded.spec().clone();
                Self::new(path, spec, Source::Coded(Box::new(coded)))
            }
        };
        Ok(reader.with_non_finite(options.non_finite))
    }

    /// Reads a pipe. WAV with uncompressed samples returns blocks as soon as data arrives; other formats are
    /// first copied to a temporary file.
    ///
    /// # Errors
    /// As [`from_seekable`](Self::from_seekable).
    pub fn from_stream<R>(source: R, name: impl AsRef<Path>) -> Result<Self, AudioError>
    where
        R: Read + Send + 'static,
    {
        Self::from_stream_with(source, name, ReadOptions::default())
    }

    /// Reads a pipe with options.
    ///
    /// # Errors
    /// As [`from_stream`](Self::from_stream).
    pub fn from_stream_with<R>(
        mut source: R,
        name: impl AsRef<Path>,
        options: ReadOptions,
    ) -> Result<Self, AudioError>
    where
        R: Read + Send + 'static,
    {
        let path = name.as_ref().to_owned();
        let read_error = |error| AudioError::read(&path, error);
        let head = sniff::read_head(&mut source).map_err(read_error)?;
        let is_wav = sniff::is_wav(&head) && !is_coded_wav(&head);
        let joined = Cursor::new(head).chain(source);
        if is_wav && options.backend != ReadBackend::Ffmpeg {
            let wav = WavReader::open(Box::new(joined), &path, None)?;
            let reader = Self::new(path, wav.spec().clone(), Source::Wav(wav));
            return Ok(reader.with_non_finite(options.non_finite));
        }
        Self::from_copy(copy_audio(joined, &path, options.backend)?, &path, options)
    }

    /// Reads headerless little-endian `f32` samples, channels interleaved, from a pipe.
    ///
    /// # Errors
    /// [`AudioError::Malformed`] for a rate of 0, or 0 or more than [`MAX_CHANNELS`](crate::MAX_CHANNELS)
    /// channels.
    pub fn from_raw_f32<R>(
        source: R,
        name: impl AsRef<Path>,
        sample_rate_hz: u32,
        channels: usize,
    ) -> Result<Self, AudioError>
    where
        R: Read + Send + 'static,
    {
        let path = name.as_ref().to_owned();
        let wav = WavReader::raw_f32(Box::new(source), &path, sample_rate_hz, channels)?;
        Ok(Self::new(path, wav.spec().clone(), Source::Wav(wav)))
    }

    fn new(path: PathBuf, spec: AudioSpec, source: Source) -> Self {
        Self { path, spec, source, policy: Some(NonFinitePolicy::Error), position: 0, replaced: 0 }
    }

    /// Sets the treatment of NaN and infinity, [`NonFinitePolicy::Error`] by default.
    #[must_use]
    pub fn with_non_finite(mut self, policy: NonFinitePolicy) -> Self {
        self.policy = Some(policy);
        self
    }

    /// Returns NaN and infinity unchanged, for callers that check parts of the signal by themselves.
    #[must_use]
    pub fn without_non_finite_check(mut self) -> Self {
        self.policy = None;
        self
    }

    /// Properties of the stream.
    #[must_use]
    pub fn spec(&self) -> &AudioSpec {
        &self.spec
    }

    /// Path of the file, or name of the stream.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Samples per channel returned so far; at the end, the true length.
    #[must_use]
    pub fn position(&self) -> u64 {
        self.position
    }

    /// Samples replaced by [`NonFinitePolicy::Zero`] so far, over all channels.
    #[must_use]
    pub fn replaced_samples(&self) -> u64 {
        self.replaced
    }

    /// True at the end of a truncated input: its data ended before the length in its header, or inside a
    /// packet. All available samples were returned.
    #[must_use]
    pub fn is_truncated(&self) -> bool {
        match &self.source {
            Source::Wav(wav) => wav.is_truncated(),
            Source::Coded(coded) => coded.is_truncated(),
        }
    }

    /// Describes audio in the file that was not read, or a header that had to be corrected; complete at the
    /// end of the file.
    #[must_use]
    pub fn warning(&self) -> Option<&str> {
        match &self.source {
            Source::Wav(wav) => wav.warning(),
            Source::Coded(coded) => coded.warning(),
        }
    }

    /// Damage that [`DamagePolicy::Silence`](crate::DamagePolicy::Silence) has replaced so far.
    #[must_use]
    pub fn damage(&self) -> Damage {
        match &self.source {
            Source::Coded(coded) => coded.damage(),
            Source::Wav(_) => Damage::default(),
        }
    }

    /// Returns the next samples, `[channels][1..=max_samples]`, or `None` at the end. Blocks from files are
    /// full except for the last; pipes return the available samples. A `max_samples` of 0 counts as 1.
    ///
    /// # Errors
    /// [`AudioError::Read`], [`AudioError::Corrupt`], [`AudioError::NonFinite`]. Do not read on after an
    /// error.
    pub fn next_block(&mut self, max_samples: usize) -> Result<Option<Planar>, AudioError> {
        let max_samples = max_samples.max(1);
        let block = match &mut self.source {
            Source::Wav(wav) => wav.next_block(max_samples)?,
            Source::Coded(coded) => coded.next_block(max_samples)?,
        };
        let Some(mut block) = block else {
            return Ok(None);
        };
        if let Some(policy) = self.policy {
            self.replaced += policy.apply(&mut block, &self.path, self.position)?;
        }
        self.position += block.first().map_or(0, Vec::len) as u64;
        Ok(Some(block))
    }
}

/// Opens a file or pipe for reading; true for a regular file.
pub(super) fn open_file(path: &Path) -> Result<(File, bool), AudioError> {
    let open_error = |source| AudioError::Open { path: path.to_owned(), source };
    let file = File::open(path).map_err(open_error)?;
    let metadata = file.metadata().map_err(open_error)?;
    if metadata.is_dir() {
        return Err(open_error(io::ErrorKind::IsADirectory.into()));
    }
    Ok((file, metadata.is_file()))
}
