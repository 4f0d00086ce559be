//! Reader of audio files and pipes in all supported formats.
//!
//! [`reader`] opens a source: [`sniff`] detects the format from its first bytes. [`wav`] reads uncompressed
//! samples. [`coded`] reads packets: a [`demuxer`] per container finds them, a [`decoder`] per codec decodes
//! them.

mod aac;
mod adpcm;
mod aiff;
mod au;
mod blocks;
mod byte_stream;
mod caf;
mod coded;
mod containers;
mod damage;
mod decoder;
mod demuxer;
mod ebml;
mod ffmpeg;
mod flac;
mod flac_frame;
mod framed;
mod g711;
mod input;
mod matroska;
mod matroska_lacing;
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
mod options;
mod opus;
mod pcm;
mod pipe_copy;
mod reader;
mod sniff;
mod spec;
mod tags;
mod wav;
mod wav_header;
mod wave_coded;

pub use coded::Damage;
pub use damage::DamagePolicy;
pub use input::AudioInput;
pub use options::{ReadBackend, ReadOptions};
pub use reader::AudioReader;
pub use spec::AudioSpec;

/// Extensions of audio files in lower case, for selecting files of a directory. [`AudioReader`] detects
/// formats from the content.
pub const AUDIO_EXTENSIONS: [&str; 29] = [
    "wav", "wave", "bwf", "rf64", "w64", "flac", "mp1", "mp2", "mp3", "aac", "adts", "m4a", "m4b", "mp4",
    "mov", "3gp", "ogg", "oga", "opus", "mka", "mkv", "weba", "webm", "caf", "aif", "aiff", "aifc", "au",
    "snd",
];
