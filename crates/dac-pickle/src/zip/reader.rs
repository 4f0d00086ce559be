//! Directory of a zip file of stored entries, which are read in any order.

use std::io::{self, Read, Seek, SeekFrom};

use super::ZipError;

const MAX_ENTRIES: u64 = 1 << 16;
const MAX_DIRECTORY_BYTES: u64 = 1 << 24;

/// Entry of the directory.
#[derive(Debug, Clone)]
pub(crate) struct Entry {
    pub(crate) name: String,
    pub(crate) size_bytes: u64,
    /// Size in the file; equal to `size_bytes` for a stored entry.
    compressed_bytes: u64,
    header_offset: u64,
    method: u16,
    encrypted: bool,
}

/// Directory of a zip file.
#[derive(Debug)]
pub(crate) struct Directory {
    pub(crate) entries: Vec<Entry>,
    /// Offset of the directory, which follows the entries.
    start: u64,
}

impl Directory {
    /// Reads the directory and checks it against the file.
    pub(crate) fn read<R: Read + Seek>(reader: &mut R) -> Result<Self, ZipError> {
        let length_bytes = reader.seek(SeekFrom::End(0))?;
        let tail_length = length_bytes.min(22 + 65535);
        let tail_start = length_bytes - tail_length;
        let tail = read_at(reader, tail_start, tail_length)?;
        let at = find_end_record(&tail).ok_or(ZipError::NoDirectory { length_bytes })?;
        let end_offset = tail_start + at as u64;
        let end = Fields(tail.get(at..).unwrap_or_default());
        let (mut count, mut size, mut start) =
            (u64::from(end.u16(10)), u64::from(end.u32(12)), u64::from(end.u32(16)));
        if count == 0xffff || size == 0xffff_ffff || start == 0xffff_ffff {
            (count, size, start) = read_zip64(reader, end_offset)?.unwrap_or((count, size, start));
        }
        for (what, found, limit) in [("entries", count, MAX_ENTRIES), ("bytes", size, MAX_DIRECTORY_BYTES)] {
            if found > limit {
                let text = format!("the directory of the zip file has {found} {what}; the limit is {limit}");
                return Err(ZipError::Refused(text));
            }
        }
        if start.checked_add(size).is_none_or(|end| end > end_offset) {
            let reason = "the directory is not in the file";
            return Err(ZipError::Malformed { offset: end_offset, reason });
        }
        let records = read_at(reader, start, size)?;
        let directory = Self { entries: parse_entries(&records, start, count)?, start };
        directory.check_overlap()?;
        Ok(directory)
    }

    /// Reads the first `length` bytes of an entry.
    pub(crate) fn read_entry<R: Read + Seek>(
        &self,
        reader: &mut R,
        entry: &Entry,
        length: u64,
    ) -> Result<Vec<u8>, ZipError> {
        let start = self.data_start(reader, entry)?;
        Ok(read_at(reader, start, length)?)
    }

    /// Offset of the content of an entry, all of which is checked to be in the file.
    pub(crate) fn data_start<R: Read + Seek>(&self, reader: &mut R, entry: &Entry) -> Result<u64, ZipError> {
        let name = &entry.name;
        let refused = |how: &str| {
            let expected = "expected an uncompressed one; write the file again with torch.save";
            Err(ZipError::Refused(format!("zip entry {name:?} is {how}, {expected}")))
        };
        match entry.method {
            _ if entry.encrypted => return refused("encrypted"),
            0 => {}
            8 => return refused("compressed (deflate)"),
            other => return refused(&format!("compressed (method {other})")),
        }
        let header = read_at(reader, entry.header_offset, 30)?;
        let fields = Fields(&header);
        let malformed = |reason| ZipError::Malformed { offset: entry.header_offset, reason };
        if fields.u32(0) != 0x0403_4b50 {
            return Err(malformed("there is no entry at the offset in the directory"));
        }
        let start = entry.header_offset + 30 + u64::from(fields.u16(26)) + u64::from(fields.u16(28));
        if start.checked_add(entry.size_bytes).is_none_or(|end| end > self.start) {
            return Err(malformed("an entry ends after the start of the directory"));
        }
        Ok(start)
    }

    /// Refuses entries that share bytes, by which a small file could declare much content.
    fn check_overlap(&self) -> Result<(), ZipError> {
        let mut order: Vec<&Entry> = self.entries.iter().collect();
        order.sort_by_key(|e| e.header_offset);
        for (first, second) in order.iter().zip(order.iter().skip(1)) {
            let data = first.header_offset.saturating_add(30 + first.name.len() as u64);
            if data.saturating_add(first.compressed_bytes) > second.header_offset {
                let text = format!("zip entries {:?} and {:?} overlap", first.name, second.name);
                return Err(ZipError::Refused(text));
            }
        }
        Ok(())
    }
}

/// Reads exactly `length` bytes at `offset`. Memory grows with the bytes read.
fn read_at<R: Read + Seek>(reader: &mut R, offset: u64, length: u64) -> io::Result<Vec<u8>> {
    reader.seek(SeekFrom::Start(offset))?;
    let mut bytes = Vec::new();
    reader.by_ref().take(length).read_to_end(&mut bytes)?;
    if bytes.len() as u64 != length {
        return Err(io::ErrorKind::UnexpectedEof.into());
    }
    Ok(bytes)
}

/// Finds the last end record whose comment ends with the file.
fn find_end_record(tail: &[u8]) -> Option<usize> {
    (0..tail.len().saturating_sub(21)).rev().find(|&at| {
        let record = Fields(tail.get(at..).unwrap_or_default());
        record.u32(0) == 0x0605_4b50 && at + 22 + usize::from(record.u16(20)) == tail.len()
    })
}

/// Reads the number of entries, the size and the offset of the directory from the 64-bit end record, if it
/// exists.
fn read_zip64<R: Read + Seek>(reader: &mut R, end: u64) -> Result<Option<(u64, u64, u64)>, ZipError> {
    let Some(at) = end.checked_sub(20) else { return Ok(None) };
    let locator = read_at(reader, at, 20)?;
    let locator = Fields(&locator);
    if locator.u32(0) != 0x0706_4b50 {
        return Ok(None);
    }
    let at = locator.u64(8);
    if at.checked_add(56).is_none_or(|last| last > end) {
        return Err(ZipError::Malformed { offset: end, reason: "the 64-bit end record is not in the file" });
    }
    let record = read_at(reader, at, 56)?;
    let record = Fields(&record);
    if record.u32(0) != 0x0606_4b50 {
        return Err(ZipError::Malformed {
            offset: at,
            reason: "there is no 64-bit end record at the offset in its locator",
        });
    }
    Ok(Some((record.u64(32), record.u64(40), record.u64(48))))
}

fn parse_entries(records: &[u8], start: u64, count: u64) -> Result<Vec<Entry>, ZipError> {
    let mut entries = Vec::new();
    let mut rest = records;
    for _ in 0..count {
        let offset = start + (records.len() - rest.len()) as u64;
        let malformed = |reason| ZipError::Malformed { offset, reason };
        let fields = Fields(rest);
        if rest.len() < 46 || fields.u32(0) != 0x0201_4b50 {
            return Err(malformed("the directory is truncated"));
        }
        let (name_length, extra_length, comment_length) =
            (usize::from(fields.u16(28)), usize::from(fields.u16(30)), usize::from(fields.u16(32)));
        let variable = rest.get(46..46 + name_length + extra_length);
        let (name, extra) = variable.ok_or(malformed("the directory is truncated"))?.split_at(name_length);
        let mut sizes = [u64::from(fields.u32(24)), u64::from(fields.u32(20)), u64::from(fields.u32(42))];
        apply_zip64_field(&mut sizes, extra);
        let [size_bytes, compressed_bytes, header_offset] = sizes;
        if header_offset >= start {
            return Err(malformed("an entry starts after the directory"));
        }
        let method = fields.u16(10);
        if method == 0 && size_bytes != compressed_bytes {
            return Err(malformed("a stored entry has two different sizes"));
        }
        let name = String::from_utf8_lossy(name).into_owned();
        let encrypted = fields.u16(8) & 1 != 0;
        entries.push(Entry { name, size_bytes, compressed_bytes, header_offset, method, encrypted });
        rest = rest.get(46 + name_length + extra_length + comment_length..).unwrap_or_default();
    }
    Ok(entries)
}

/// Replaces the sizes that are 0xFFFFFFFF by those of the 64-bit extra field, which has them in the same
/// order.
fn apply_zip64_field(sizes: &mut [u64; 3], mut extra: &[u8]) {
    while extra.len() >= 4 {
        let fields = Fields(extra);
        let (id, length) = (fields.u16(0), usize::from(fields.u16(2)));
        let Some(body) = extra.get(4..4 + length) else { return };
        if id == 1 {
            let unknown = sizes.iter_mut().filter(|size| **size == 0xffff_ffff);
            let (values, _) = body.as_chunks::<8>();
            return unknown.zip(values).for_each(|(size, value)| *size = u64::from_le_bytes(*value));
        }
        extra = extra.get(4 + length..).unwrap_or_default();
    }
}

/// Little-endian fields of a record; 0 after its end.
struct Fields<'a>(&'a [u8]);

impl Fields<'_> {
    fn array<const N: usize>(&self, at: usize) -> [u8; N] {
        let mut array = [0; N];
        if let Some(bytes) = self.0.get(at..at + N) {
            array.copy_from_slice(bytes);
        }
        array
    }

    fn u16(&self, at: usize) -> u16 {
        u16::from_le_bytes(self.array(at))
    }

    fn u32(&self, at: usize) -> u32 {
        u32::from_le_bytes(self.array(at))
    }

    fn u64(&self, at: usize) -> u64 {
        u64::from_le_bytes(self.array(at))
    }
}
