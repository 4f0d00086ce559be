//! Tar shards for WebDataset: members that pass through, `KEY.npy` (or another token file), and metadata in
//! `KEY.json`, or in `KEY.dac.json` if the row came with members or fields of its own.

use std::io;
use std::path::Path;

use tar::{Builder, Header};

use crate::hashing_writer::HashingWriter;
use crate::passed::Member;

/// Size of the two blocks of zeros that end an archive.
const END_BYTES: u64 = 1024;

/// Members of an entry.
pub(crate) type Members = Vec<Member>;

/// An open archive.
pub(crate) struct TarShard {
    builder: Builder<HashingWriter>,
}

impl TarShard {
    pub(crate) fn new(writer: HashingWriter) -> Self {
        Self { builder: Builder::new(writer) }
    }

    /// Size of the file if it were finished now.
    pub(crate) fn bytes(&self) -> u64 {
        self.builder.get_ref().bytes() + END_BYTES
    }

    pub(crate) fn add(&mut self, key: &str, members: &[Member]) -> io::Result<()> {
        // WebDataset combines adjacent members of the same key into one sample.
        for Member { extension, content } in members {
            // No time and no owner: equal tokens give equal bytes.
            let mut header = Header::new_gnu();
            header.set_size(content.len() as u64);
            header.set_mode(0o644);
            header.set_uid(0);
            header.set_gid(0);
            header.set_mtime(0);
            // The library stores names of more than 100 bytes in extra blocks, like GNU tar.
            let name = format!("{key}.{extension}");
            self.builder.append_data(&mut header, Path::new(&name), content.as_slice())?;
        }
        Ok(())
    }

    pub(crate) fn finish(self) -> io::Result<HashingWriter> {
        self.builder.into_inner()
    }
}
