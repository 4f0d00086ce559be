//! Inputs that are pipes or devices. Reading them can block for ever, so that a thread of their own does it,
//! and the reader ends when the batch stops.

use std::fs::File;
use std::io::{self, ErrorKind, Read};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{self, Receiver, RecvTimeoutError, SyncSender};
use std::thread;
use std::time::Duration;

use crate::cancel::StopState;

/// Bytes that are read at a time.
const BLOCK_BYTES: usize = 1 << 16;
/// Blocks that are read ahead.
const BLOCKS_AHEAD: usize = 4;
/// Longest time until a reader notices that the batch stops.
const STOP_LATENCY: Duration = Duration::from_millis(50);

/// Reader of a pipe that fails once the batch stops.
pub(crate) struct PipeReader {
    blocks: Receiver<io::Result<Vec<u8>>>,
    block: Vec<u8>,
    /// Bytes of `block` that were returned.
    used: usize,
    stop: StopState,
    /// Set when a read ended because the batch stops.
    interrupted: Arc<AtomicBool>,
}

impl PipeReader {
    /// Starts a thread that opens and reads the pipe. It ends with the pipe, at the next block after the
    /// reader was dropped, or with the process.
    pub(crate) fn open(path: &Path, stop: StopState, interrupted: Arc<AtomicBool>) -> io::Result<Self> {
        let (sender, blocks) = mpsc::sync_channel(BLOCKS_AHEAD);
        let path = path.to_owned();
        thread::Builder::new().name("pipe".to_owned()).spawn(move || send_blocks(&path, &sender))?;
        Ok(Self { blocks, block: Vec::new(), used: 0, stop, interrupted })
    }

    /// Waits for the next block, which is empty at the end of the pipe.
    fn next_block(&self) -> io::Result<Vec<u8>> {
        loop {
            match self.blocks.recv_timeout(STOP_LATENCY) {
                Ok(block) => return block,
                Err(RecvTimeoutError::Disconnected) => return Ok(Vec::new()),
                Err(RecvTimeoutError::Timeout) if self.stop.reason().is_some() => {
                    self.interrupted.store(true, Ordering::Relaxed);
                    return Err(io::Error::other("the batch stops"));
                }
                Err(RecvTimeoutError::Timeout) => {}
            }
        }
    }
}

impl Read for PipeReader {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.used == self.block.len() {
            self.block = self.next_block()?;
            self.used = 0;
        }
        let mut rest = self.block.get(self.used..).unwrap_or_default();
        let read = rest.read(buffer)?;
        self.used += read;
        Ok(read)
    }
}

fn send_blocks(path: &Path, sender: &SyncSender<io::Result<Vec<u8>>>) {
    let mut file = match File::open(path) {
        Ok(file) => file,
        Err(error) => return drop(sender.send(Err(error))),
    };
    loop {
        let mut block = vec![0; BLOCK_BYTES];
        let read = match file.read(&mut block) {
            Err(error) if error.kind() == ErrorKind::Interrupted => continue,
            read => read,
        };
        let ends = !matches!(read, Ok(1..));
        let sent = sender.send(read.map(|read| {
            block.truncate(read);
            block
        }));
        // Without a receiver nobody needs the rest.
        if ends || sent.is_err() {
            return;
        }
    }
}
