//! Zip files of stored entries, laid out as torch's own writer does.

use std::io::{self, Write};

/// First bytes of the entries' content lie at multiples of this.
const ALIGNMENT: usize = 64;

/// A zip file being written, entry by entry.
pub(crate) struct ZipWriter<W> {
    writer: W,
    position: u64,
    directory: Vec<u8>,
    entries: u16,
}

impl<W: Write> ZipWriter<W> {
    pub(crate) fn new(writer: W) -> Self {
        Self { writer, position: 0, directory: Vec::new(), entries: 0 }
    }

    /// Writes one entry. Its date is 1980-01-01, so that equal content gives equal files.
    pub(crate) fn add(&mut self, name: &str, bytes: &[u8]) -> io::Result<()> {
        let size = to_u32(bytes.len() as u64)?;
        let offset = to_u32(self.position)?;
        let name_length = u16::try_from(name.len())
            .map_err(|_| io::Error::new(io::ErrorKind::InvalidInput, "a zip entry's name exceeds 64 KiB"))?;
        // The padding follows the header, the name and the header of the extra field.
        let unpadded = (self.position as usize + 30 + name.len() + 4) % ALIGNMENT;
        let padding = ((ALIGNMENT - unpadded) % ALIGNMENT) as u16;

        // Version needed, flags (the name is UTF-8), method (stored), time, date.
        let fixed = [20u16, 0x0800, 0, 0, 0x0021].map(u16::to_le_bytes);
        let mut common = fixed.concat();
        for field in [crc32fast::hash(bytes), size, size] {
            common.extend(field.to_le_bytes());
        }
        common.extend(name_length.to_le_bytes());

        let mut header = b"PK\x03\x04".to_vec();
        header.extend(&common);
        header.extend((padding + 4).to_le_bytes());
        header.extend(name.as_bytes());
        // torch pads with an extra field "FB" filled with Z.
        header.extend(b"FB");
        header.extend(padding.to_le_bytes());
        header.resize(header.len() + usize::from(padding), b'Z');
        self.write_all(&header)?;
        self.write_all(bytes)?;

        self.directory.extend(b"PK\x01\x02\x14\x00");
        self.directory.extend(&common);
        self.directory.extend([0; 12]); // extra field, comment, disk, attributes
        self.directory.extend(offset.to_le_bytes());
        self.directory.extend(name.as_bytes());
        self.entries += 1;
        Ok(())
    }

    /// Writes the directory.
    pub(crate) fn finish(mut self) -> io::Result<()> {
        let offset = to_u32(self.position)?;
        let directory = std::mem::take(&mut self.directory);
        self.write_all(&directory)?;
        let mut end = b"PK\x05\x06\0\0\0\0".to_vec();
        end.extend(self.entries.to_le_bytes());
        end.extend(self.entries.to_le_bytes());
        end.extend(to_u32(directory.len() as u64)?.to_le_bytes());
        end.extend(offset.to_le_bytes());
        end.extend([0, 0]);
        self.write_all(&end)?;
        self.writer.flush()
    }

    fn write_all(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.position += bytes.len() as u64;
        self.writer.write_all(bytes)
    }
}

fn to_u32(length: u64) -> io::Result<u32> {
    let too_large = |_| io::Error::new(io::ErrorKind::InvalidInput, "a torch file exceeds 4 GiB");
    u32::try_from(length).map_err(too_large)
}
