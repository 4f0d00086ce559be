//! Writers of WAV and FLAC files, and of WAV or raw streams.

mod audio;
mod file;
mod flac;
mod format;
mod header;
mod sample;
mod stream;
mod wav;

pub use audio::AudioWriter;
pub use flac::FlacWriter;
pub use format::{AudioFormat, WriteFormat};
pub use sample::SampleFormat;
pub use stream::{StreamFormat, StreamWriter, WriteReport};
pub use wav::WavWriter;
