//! Writers of WAV and FLAC files, and of WAV or raw streams.

mod flac;
mod header;
mod sample;
mod stream;
mod wav;

pub use flac::FlacWriter;
pub use sample::SampleFormat;
pub use stream::{StreamFormat, StreamWriter, WriteReport};
pub use wav::WavWriter;
