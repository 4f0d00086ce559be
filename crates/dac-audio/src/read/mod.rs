//! Reader of audio files and pipes in all supported formats.
//!
//! [`sniff`] detects the format from the first bytes. [`wav`] reads uncompressed samples. [`coded`] reads
//! packets: a [`demuxer`] per container finds them, a [`decoder`] per codec decodes them.

mod aac;
mod adpcm;
mod aiff;
mod au;
mod blocks;
mod byte_stream;
mod caf;
mod coded;
mod damage;
mod decoder;
mod demuxer;
mod ebml;
mod ffmpeg;
mod flac;
mod flac_frame;
mod framed;
mod g711;
mod matroska;
mod mp4;
mod mp4_edit_list;
mod mp4_sample_entry;
mod mp4_samples;
mod mp4_track;
mod mpeg;
mod mpeg_header;
mod ogg;
mod ogg_page;
mod opened;
mod opus;
mod pcm;
mod sniff;
mod spec;
mod tags;
mod wav;
mod wav_header;
mod wave_coded;

use std::fmt;
use std::fs::File;
use std::io::{self, BufReader, Cursor, Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};

use crate::{AudioError, NonFinitePolicy, Planar};
use byte_stream::ByteStream;
use coded::CodedReader;
pub use coded::Damage;
pub use damage::DamagePolicy;
use ffmpeg::FfmpegOutput;
use opened::OpenedFile;
use sniff::Container;
pub use spec::AudioSpec;
use wav::WavReader;

/// Extensions of audio files in lower case, for selecting files of a folder. [`AudioReader`] detects formats
/// from the content.
pub const AUDIO_EXTENSIONS: [&str; 18] = [
    "wav", "wave", "bwf", "rf64", "flac", "mp1", "mp2", "mp3", "aac", "adts", "m4a", "m4b", "mp4", "ogg",
    "oga", "aif", "aiff", "aifc",
];

/// Reads a supported audio file or pipe block by block.
pub struct AudioReader {
    path: PathBuf,
    spec: AudioSpec,
    source: Source,
    policy: NonFinitePolicy,
    position: u64,
    replaced: u64,
}

enum Source {
    Wav(WavReader),
    Coded(Box<CodedReader>),
}

/// Options of reading.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct ReadOptions {
    /// Treatment of NaN and infinity.
    pub non_finite: NonFinitePolicy,
    /// Treatment of damage inside the file.
    pub damage: DamagePolicy,
    /// Program that reads the file.
    pub backend: ReadBackend,
}

/// Program that reads a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum ReadBackend {
    /// The built-in readers, and ffmpeg for formats that they refuse, if it is installed.
    Auto,
    /// The built-in readers.
    #[default]
    Builtin,
    /// ffmpeg.
    Ffmpeg,
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
        let open_error = |source| AudioError::Open { path: path.to_owned(), source };
        let file = File::open(path).map_err(open_error)?;
        let metadata = file.metadata().map_err(open_error)?;
        if metadata.is_dir() {
            return Err(open_error(io::ErrorKind::IsADirectory.into()));
        }
        if !metadata.is_file() {
            return Self::from_stream_with(file, path, options);
        }
        if options.backend == ReadBackend::Ffmpeg {
            return Self::from_ffmpeg(path, options);
        }
        let reader = Self::from_seekable_with(file, path, options);
        match reader {
            Err(error @ (AudioError::UnsupportedCodec { .. } | AudioError::NotAudio { .. }))
                if options.backend == ReadBackend::Auto =>
            {
                // The reason of the built-in reader is more useful than ffmpeg's.
                Self::from_ffmpeg(path, options).map_err(|_| error)
            }
            other => other,
        }
    }

    /// Reads a file through ffmpeg.
    fn from_ffmpeg(path: &Path, options: ReadOptions) -> Result<Self, AudioError> {
        let output = FfmpegOutput::start(path)?;
        let mut wav = WavReader::open(Box::new(output), path, None)?;
        wav.set_warning("read by ffmpeg".to_owned());
        let mut spec = wav.spec().clone();
        spec.codec = "read by ffmpeg".to_owned();
        Ok(Self::new(path.to_owned(), spec, Source::Wav(wav)).with_non_finite(options.non_finite))
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

    /// Reads a seekable source with options.
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
        let reader = match open_container(container, stream)? {
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
        let mut joined = Cursor::new(head).chain(source);
        if is_wav {
            let wav = WavReader::open(Box::new(joined), &path, None)?;
            let reader = Self::new(path, wav.spec().clone(), Source::Wav(wav));
            return Ok(reader.with_non_finite(options.non_finite));
        }
        let mut spool = tempfile::tempfile().map_err(read_error)?;
        io::copy(&mut joined, &mut spool).map_err(read_error)?;
        Self::from_seekable_with(spool, path, options)
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
        Self { path, spec, source, policy: NonFinitePolicy::Error, position: 0, replaced: 0 }
    }

    /// Sets the treatment of NaN and infinity, [`NonFinitePolicy::Error`] by default.
    #[must_use]
    pub fn with_non_finite(mut self, policy: NonFinitePolicy) -> Self {
        self.policy = policy;
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
            Source::Coded(_) => None,
        }
    }

    /// Damage that [`DamagePolicy::Silence`] has replaced so far.
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
        self.replaced += self.policy.apply(&mut block, &self.path, self.position)?;
        self.position += block.first().map_or(0, Vec::len) as u64;
        Ok(Some(block))
    }
}

/// Opens a container other than WAV with uncompressed samples.
fn open_container(container: Container, stream: ByteStream) -> Result<OpenedFile, AudioError> {
    let path = stream.path().to_owned();
    let found = match container {
        Container::Aiff => return aiff::open(stream),
        Container::Au => return au::open(stream),
        Container::Caf => return caf::open(stream),
        Container::Wave64 => return wave_coded::open_wave64(stream),
        Container::Flac => Some(flac::open(stream)?),
        Container::Ogg => Some(ogg::open(stream)?),
        Container::Mp4 => Some(mp4::open(stream)?),
        Container::Matroska => Some(matroska::open(stream)?),
        Container::Wav => wave_coded::open_wav(stream)?,
        Container::Adts => mpeg::open_adts(stream)?,
        Container::Mpeg => mpeg::open_mpeg(stream)?,
    };
    let found =
        found.ok_or_else(|| AudioError::malformed(&path, "a frame of MP3, MP2, AAC or ADPCM", "none"))?;
    Ok(OpenedFile::Coded(found))
}

/// True for a WAV header with ADPCM or MP3.
fn is_coded_wav(head: &[u8]) -> bool {
    let is_first = head.get(12..16) == Some(b"fmt ") && head.starts_with(b"RIFF");
    let tag = match byte_stream::le16(head, 20) {
        // An extensible header contains the tag in its sub-format.
        Some(0xfffe) => byte_stream::le16(head, 44),
        tag => tag,
    };
    is_first && matches!(tag, Some(0x02 | 0x11 | 0x50 | 0x55))
}
