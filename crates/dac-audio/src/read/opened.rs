//! Result of opening a file.

use super::demuxer::Opened;
use super::wav::PcmStream;

/// A file at its first samples or packets.
pub(super) enum OpenedFile {
    Pcm(PcmStream),
    Coded(Opened),
}
