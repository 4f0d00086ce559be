//! Files mapped into memory, the only unsafe code of this crate.
#![allow(unsafe_code)]

use std::fs::File;
use std::io;

use memmap2::Mmap;

/// Content of a file, mapped read-only. Processes that map the same file share its memory.
#[derive(Debug)]
pub(super) struct Mapping(Mmap);

impl Mapping {
    pub(super) fn of(file: &File) -> io::Result<Self> {
        // SAFETY: the file must not change while it is mapped. It is a file of this project's cache, which is
        // written under another name and renamed when it is complete; a later one replaces it by a rename,
        // which leaves the mapped file as it is. The values are plain numbers, and every length and offset is
        // checked against the length of the mapping: a program that writes to the file in spite of that can
        // change the numbers, or end this process by truncating the file, as with every mapped file.
        let map = unsafe { Mmap::map(file)? };
        Ok(Self(map))
    }

    pub(super) fn bytes(&self) -> &[u8] {
        &self.0
    }
}

impl AsRef<[f32]> for Mapping {
    /// The content as words; an incomplete last one is left out.
    fn as_ref(&self) -> &[f32] {
        let words = self.0.len() / size_of::<f32>();
        bytemuck::try_cast_slice(&self.0[..words * size_of::<f32>()]).unwrap_or_default()
    }
}
