//! Reading audio: one reader for files and pipes of every kind.
//!
//! WAV (RIFF, RF64, BW64) is read by [`wav`], everything else by symphonia in [`compressed`]; [`sniff`] decides by
//! the first bytes, never by the file's name alone.

mod aiff_check;
mod compressed;
mod g711;
mod mp4_edit;
mod pcm;
mod sniff;
mod wav;
mod wav_header;

use std::fmt;
use std::fs::File;
use std::io::{BufReader, Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};

use crate::{AudioError, NonFinitePolicy, Planar};
use compressed::CompressedReader;
use sniff::Container;
use wav::WavReader;

/// The most channels that are read.
pub const MAX_CHANNELS: usize = 64;

/// Extensions of the files that [`AudioReader`] reads, in lower case: which files of a folder are audio. The reader itself goes by
/// content.
pub const AUDIO_EXTENSIONS: [&str; 18] = [
    "wav", "wave", "bwf", "rf64", "flac", "mp1", "mp2", "mp3", "aac", "adts", "m4a", "m4b", "mp4", "ogg",
    "oga", "aif", "aiff", "aifc",
];

/// The formats named in errors.
const READABLE: &str = "WAV, FLAC, MP3, Ogg Vorbis, AAC/M4A or AIFF";

/// What is known of an audio stream before its samples.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AudioSpec {
    /// Samples per second.
    pub sample_rate_hz: u32,
    /// Number of channels, 1 to [`MAX_CHANNELS`].
    pub channels: usize,
    /// Samples per channel, where the container says so. Exact for intact WAV files; a pipe's header, a damaged file or a
    /// variable-rate MP3 may promise another number than [`AudioReader::next_block`] gives.
    pub samples: Option<u64>,
    /// Container and codec for people, such as `WAV, 16-bit PCM` or `FLAC`.
    pub codec: String,
}

/// Reads any supported audio file or pipe block by block.
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
    Compressed(Box<CompressedReader>),
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
    /// [`AudioError::Open`], or whatever [`from_seekable`](Self::from_seekable) finds.
    pub fn open(path: impl AsRef<Path>) -> Result<Self, AudioError> {
        let path = path.as_ref();
        let open_error = |source| AudioError::Open { path: path.to_owned(), source };
        let file = File::open(path).map_err(open_error)?;
        if file.metadata().map_err(open_error)?.is_dir() {
            let source = std::io::Error::from(std::io::ErrorKind::IsADirectory);
            return Err(AudioError::Open { path: path.to_owned(), source });
        }
        Self::from_seekable(file, path)
    }

    /// Reads from anything seekable, from its beginning. `name` is used in errors, its extension helps with formats
    /// that have no signature (MP3, AAC).
    ///
    /// # Errors
    /// [`AudioError::EmptyFile`], [`AudioError::NotAudio`], [`AudioError::UnsupportedCodec`],
    /// [`AudioError::Malformed`], [`AudioError::Corrupt`] if not even the first packet decodes.
    pub fn from_seekable<R>(mut source: R, name: impl AsRef<Path>) -> Result<Self, AudioError>
    where
        R: Read + Seek + Send + Sync + 'static,
    {
        let path = name.as_ref().to_owned();
        let read_error = |error| AudioError::read(&path, error);
        let length = source.seek(SeekFrom::End(0)).map_err(read_error)?;
        source.seek(SeekFrom::Start(0)).map_err(read_error)?;
        let head = sniff::read_head(&mut source).map_err(read_error)?;
        source.seek(SeekFrom::Start(0)).map_err(read_error)?;
        match sniff::container(&path, &head)? {
            Container::Wav => {
                let reader = BufReader::with_capacity(1 << 16, source);
                let wav = WavReader::open(Box::new(reader), &path, Some(length))?;
                Ok(Self::new(path, wav.spec().clone(), Source::Wav(wav)))
            }
            Container::Other => {
                let compressed = CompressedReader::open(source, length, &path)?;
                let spec = compressed.spec().clone();
                Ok(Self::new(path, spec, Source::Compressed(Box::new(compressed))))
            }
        }
    }

    /// Reads WAV from a pipe. Blocks come as soon as the pipe gives something.
    ///
    /// # Errors
    /// As [`from_seekable`](Self::from_seekable); other formats need a file and are [`AudioError::NotAudio`] here.
    pub fn from_stream<R>(mut source: R, name: impl AsRef<Path>) -> Result<Self, AudioError>
    where
        R: Read + Send + 'static,
    {
        let path = name.as_ref().to_owned();
        let head = sniff::read_head(&mut source).map_err(|error| AudioError::read(&path, error))?;
        if sniff::container(&path, &head)? != Container::Wav {
            return Err(AudioError::NotAudio {
                path,
                expected: "WAV (other formats can be read from files only)",
                found: sniff::describe(&head),
            });
        }
        let joined = std::io::Cursor::new(head).chain(source);
        let wav = WavReader::open(Box::new(joined), &path, None)?;
        Ok(Self::new(path, wav.spec().clone(), Source::Wav(wav)))
    }

    /// Reads headerless little-endian `f32` samples, channels interleaved, from a pipe.
    ///
    /// # Errors
    /// [`AudioError::Malformed`] for a rate of 0, or 0 or more than [`MAX_CHANNELS`] channels.
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

    /// Says what to do with NaN and infinity; [`NonFinitePolicy::Error`] unless told.
    #[must_use]
    pub fn with_non_finite(mut self, policy: NonFinitePolicy) -> Self {
        self.policy = policy;
        self
    }

    /// Rate, channels, length, codec.
    #[must_use]
    pub fn spec(&self) -> &AudioSpec {
        &self.spec
    }

    /// The file's path, or the stream's name.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Samples per channel given so far; at the end, the true length.
    #[must_use]
    pub fn position(&self) -> u64 {
        self.position
    }

    /// Samples that [`NonFinitePolicy::Zero`] has replaced so far, over all channels.
    #[must_use]
    pub fn replaced_samples(&self) -> u64 {
        self.replaced
    }

    /// True once the end was reached and the data stopped before what its header promised, or inside a
    /// packet. What was there has been given.
    #[must_use]
    pub fn is_truncated(&self) -> bool {
        match &self.source {
            Source::Wav(wav) => wav.is_truncated(),
            Source::Compressed(compressed) => compressed.is_truncated(),
        }
    }

    /// The next samples, `[channels][1..=max_samples]`, or `None` at the end. Files fill the block but for the last;
    /// pipes give what is there. A `max_samples` of 0 counts as 1.
    ///
    /// # Errors
    /// [`AudioError::Read`], [`AudioError::Corrupt`], [`AudioError::NonFinite`]. After an error the
    /// reader is not to be used any more.
    pub fn next_block(&mut self, max_samples: usize) -> Result<Option<Planar>, AudioError> {
        let max_samples = max_samples.max(1);
        let block = match &mut self.source {
            Source::Wav(wav) => wav.next_block(max_samples)?,
            Source::Compressed(compressed) => compressed.next_block(max_samples)?,
        };
        let Some(mut block) = block else {
            return Ok(None);
        };
        self.replaced += self.policy.apply(&mut block, &self.path, self.position)?;
        self.position += block.first().map_or(0, Vec::len) as u64;
        Ok(Some(block))
    }
}
