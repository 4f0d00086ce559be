//! Shards for WebDataset: a tar archive with two members an entry, `key.npy` (or another token file) and `key.json`.

use std::io;
use std::path::Path;

use tar::{Builder, Header};

use crate::hashing_writer::HashingWriter;
use crate::sample_key::SampleKey;

/// Two blocks of zeros end an archive.
const END_BYTES: u64 = 1024;

/// An entry's two members.
#[derive(Debug)]
pub(crate) struct Members {
    pub(crate) extension: &'static str,
    pub(crate) tokens: Vec<u8>,
    pub(crate) json: Vec<u8>,
}

/// An archive that is being written.
pub(crate) struct TarShard {
    builder: Builder<HashingWriter>,
}

impl TarShard {
    pub(crate) fn new(sink: HashingWriter) -> Self {
        Self { builder: Builder::new(sink) }
    }

    /// How long the file would be if it ended here.
    pub(crate) fn bytes(&self) -> u64 {
        self.builder.get_ref().bytes() + END_BYTES
    }

    pub(crate) fn add(&mut self, key: &SampleKey, members: &Members) -> io::Result<()> {
        // WebDataset joins neighbours of the same key to one sample.
        for (extension, content) in [(members.extension, &members.tokens), ("json", &members.json)] {
            // Neither time nor owner: equal tokens give equal bytes.
            let mut header = Header::new_gnu();
            header.set_size(content.len() as u64);
            header.set_mode(0o644);
            header.set_uid(0);
            header.set_gid(0);
            header.set_mtime(0);
            // A name of more than 100 bytes gets blocks of its own, as GNU tar does it.
            let name = format!("{key}.{extension}");
            self.builder.append_data(&mut header, Path::new(&name), content.as_slice())?;
        }
        Ok(())
    }

    pub(crate) fn finish(self) -> io::Result<HashingWriter> {
        self.builder.into_inner()
    }
}
