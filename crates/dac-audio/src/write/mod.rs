//! Writers of WAV files, and of WAV or raw streams.

mod header;
mod sample;
mod stream;
mod wav;

pub use sample::SampleFormat;
pub use stream::{StreamFormat, StreamWriter, WriteReport};
pub use wav::WavWriter;
