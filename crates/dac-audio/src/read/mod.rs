//! Reader of audio files and pipes in all supported formats.
//!
//! [`wav`] reads WAV (RIFF, RF64, BW64), [`compressed`] reads all other formats through symphonia; [`sniff`]
//! detects the format from the first bytes.

mod aiff_check;
mod compressed;
mod g711;
mod mp4_edit_list;
mod pcm;
mod probe;
mod sniff;
mod spec;
mod wav;
mod wav_header;

use std::fmt;
use std::fs::File;
use std::io::{BufReader, Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};

use crate::{AudioError, NonFinitePolicy, Planar};
use compressed::CompressedReader;
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
    /// [`AudioError::Open`], or as [`from_seekable`](Self::from_seekable).
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

    /// Reads a seekable source from its beginning. Errors contain `name`, whose extension helps to detect
    /// formats without a signature (MP3, AAC).
    ///
    /// # Errors
    /// [`AudioError::EmptyFile`], [`AudioError::NotAudio`], [`AudioError::UnsupportedCodec`],
    /// [`AudioError::Malformed`], or [`AudioError::Corrupt`] if the first packet cannot be decoded.
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

    /// Reads WAV from a pipe. Returns blocks as soon as data arrives.
    ///
    /// # Errors
    /// As [`from_seekable`](Self::from_seekable); [`AudioError::NotAudio`] for other formats, which need a
    /// file.
    pub fn from_stream<R>(mut source: R, name: impl AsRef<Path>) -> Result<Self, AudioError>
    where
        R: Read + Send + 'static,
    {
        let path = name.as_ref().to_owned();
        let head = sniff::read_head(&mut source).map_err(|error| AudioError::read(&path, error))?;
        if sniff::container(&path, &head)? != Container::Wav {
            return Err(AudioError::NotAudio {
                path,
                expected: "WAV (other formats can be read only from files)",
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
            Source::Compressed(compressed) => compressed.is_truncated(),
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
