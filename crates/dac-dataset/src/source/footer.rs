//! The footer of a parquet file. The library takes the lengths of its lists for true, and counts through
//! billions of elements that take no bytes.

use std::fs::File;
use std::io::{self, BufReader, Read, Seek, SeekFrom};

use super::thrift::Compact;

/// Bytes behind the footer: its length, and the signature.
const TAIL_BYTES: i64 = 8;

/// Checks that every list in the footer fits into it. Files without a footer are left to the library.
///
/// # Errors
/// If the file cannot be read, or the footer contradicts its length.
pub(super) fn check(file: &File) -> io::Result<()> {
    let mut file = BufReader::new(file);
    let bytes = file.get_ref().metadata()?.len();
    if bytes < TAIL_BYTES as u64 {
        return Ok(());
    }
    file.seek(SeekFrom::End(-TAIL_BYTES))?;
    let mut tail = [0; TAIL_BYTES as usize];
    file.read_exact(&mut tail)?;
    let [a, b, c, d, signature @ ..] = tail;
    let length = i64::from(u32::from_le_bytes([a, b, c, d]));
    if &signature != b"PAR1" || length as u64 > bytes - TAIL_BYTES as u64 {
        return Ok(());
    }
    file.seek(SeekFrom::End(-TAIL_BYTES - length))?;
    let mut footer = Compact { reader: &mut file, bytes: 0, limit: length as u64 };
    footer.read_struct(&mut Vec::new(), &mut |_, _| {})
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::*;

    fn check_footer(footer: &[u8]) -> io::Result<()> {
        let mut file = tempfile::tempfile()?;
        file.write_all(footer)?;
        file.write_all(&(footer.len() as u32).to_le_bytes())?;
        file.write_all(b"PAR1")?;
        check(&file)
    }

    #[test]
    fn list_longer_than_the_footer_is_an_error() {
        // Field 1 is a list of two booleans, and one of 2^31 − 1.
        assert!(check_footer(&[0x19, 0x21, 1, 1, 0]).is_ok());
        assert!(check_footer(&[0x19, 0xf1, 0xff, 0xff, 0xff, 0xff, 0x07, 0]).is_err());
    }
}
