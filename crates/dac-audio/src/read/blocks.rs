//! Demuxer of blocks of equal size, such as those of ADPCM.

use super::byte_stream::ByteStream;
use super::demuxer::{Demuxer, Event};
use crate::AudioError;

/// Cuts a range of a file into blocks.
pub(super) struct BlockDemuxer {
    stream: ByteStream,
    /// Offset of the end of the range.
    end: u64,
    block_bytes: usize,
}

impl BlockDemuxer {
    /// Reads `bytes` bytes from the current position of `stream`.
    pub(super) fn new(stream: ByteStream, bytes: u64, block_bytes: usize) -> Self {
        let end = stream.position().saturating_add(bytes);
        Self { stream, end, block_bytes }
    }
}

impl Demuxer for BlockDemuxer {
    fn next_event(&mut self) -> Result<Event, AudioError> {
        let left = self.end.saturating_sub(self.stream.position());
        let wanted = usize::try_from(left).unwrap_or(usize::MAX).min(self.block_bytes);
        if wanted == 0 {
            return Ok(Event::End { truncated: false });
        }
        let data = self.stream.take(wanted)?;
        if data.is_empty() {
            return Ok(Event::End { truncated: true });
        }
        Ok(Event::Packet { data, samples: None })
    }
}
