//! Copying of strided arrays to row-major order, from memory or from a file.

use std::io::{self, Read, Seek, SeekFrom};

/// Rows of at least this length are read one by one.
const MIN_ROW_BYTES: usize = 4096;
/// Shorter rows are read one by one, too, if the array spans more than this multiple of its own size.
const MAX_SPAN_RATIO: u64 = 4;

/// Reads the bytes of an array in row-major order. Its first element is at byte `start` of the file; elements
/// have `size` bytes, and `strides` are in elements. Memory stays at a small multiple of the part of the file
/// that the array spans.
///
/// # Errors
/// `UnexpectedEof` when the file ends before the array; `InvalidInput` when the span of the array overflows,
/// or contains fewer elements than the array (overlapping strides).
pub fn read_strided<R: Read + Seek>(
    reader: &mut R,
    start: u64,
    size: usize,
    shape: &[usize],
    strides: &[usize],
) -> io::Result<Vec<u8>> {
    let invalid =
        || io::Error::new(io::ErrorKind::InvalidInput, "the strides of the array overflow or overlap");
    let elements = element_count(shape).ok_or_else(invalid)?;
    if elements == 0 {
        return Ok(Vec::new());
    }
    let total = elements.checked_mul(size).ok_or_else(invalid)?;
    let span = span(shape, strides).and_then(|n| n.checked_mul(size)).ok_or_else(invalid)?;
    if total > span {
        return Err(invalid());
    }
    let end = start.checked_add(span as u64).ok_or_else(invalid)?;
    if end > reader.seek(SeekFrom::End(0))? {
        return Err(io::ErrorKind::UnexpectedEof.into());
    }
    if let (Some((&row, outer)), Some((&1, outer_strides))) = (shape.split_last(), strides.split_last()) {
        let row_bytes = row * size;
        if total < span && (row_bytes >= MIN_ROW_BYTES || span as u64 > MAX_SPAN_RATIO * total as u64) {
            let mut out = Vec::with_capacity(total);
            for_each_element(outer, outer_strides, |index| {
                let offset = index.checked_mul(size).ok_or_else(invalid)? as u64;
                reader.seek(SeekFrom::Start(start + offset))?;
                read_to_vec(reader, row_bytes, &mut out)
            })?;
            return Ok(out);
        }
    }
    reader.seek(SeekFrom::Start(start))?;
    let mut bytes = Vec::with_capacity(span);
    read_to_vec(reader, span, &mut bytes)?;
    if total == span && is_row_major(shape, strides) {
        return Ok(bytes);
    }
    gather(&bytes, size, shape, strides).ok_or_else(invalid)
}

/// Number of elements; `None` on overflow.
pub(crate) fn element_count(shape: &[usize]) -> Option<usize> {
    shape.iter().try_fold(1usize, |n, &d| n.checked_mul(d))
}

/// Returns true for row-major order without gaps.
fn is_row_major(shape: &[usize], strides: &[usize]) -> bool {
    let mut expected = 1usize;
    for (&d, &stride) in shape.iter().zip(strides).rev() {
        if d != 1 && stride != expected {
            return false;
        }
        expected = expected.saturating_mul(d);
    }
    true
}

/// Distance from the first element to the end of the last, in elements; 0 for an empty array, `None` on
/// overflow.
pub(crate) fn span(shape: &[usize], strides: &[usize]) -> Option<usize> {
    if shape.contains(&0) {
        return Some(0);
    }
    let last = shape
        .iter()
        .zip(strides)
        .try_fold(0usize, |sum, (d, s)| sum.checked_add((d - 1).checked_mul(*s)?))?;
    last.checked_add(1)
}

/// Copies strided elements of `bytes` to row-major order; `None` when one is outside of `bytes`, or they are
/// more than `bytes` can contain.
pub(crate) fn gather(bytes: &[u8], size: usize, shape: &[usize], strides: &[usize]) -> Option<Vec<u8>> {
    let total = shape.iter().try_fold(size, |n, &d| n.checked_mul(d))?;
    if total > bytes.len() { None } else { copy_elements(bytes, size, total, shape, strides) }
}

/// Repeats an array of shape `distinct`, row-major in `bytes`, along each axis that has one position there
/// and more in `shape`; `None` when the shapes do not match otherwise.
///
/// The result is as large as `shape` declares; the caller limits it.
pub(crate) fn repeat(bytes: &[u8], size: usize, shape: &[usize], distinct: &[usize]) -> Option<Vec<u8>> {
    let total = shape.iter().try_fold(size, |n, &d| n.checked_mul(d))?;
    let (mut strides, mut stride) = (vec![0; shape.len()], 1usize);
    for (axis, &d) in distinct.iter().enumerate().rev() {
        if d > 1 {
            *strides.get_mut(axis)? = stride;
            stride = stride.checked_mul(d)?;
        }
    }
    copy_elements(bytes, size, total, shape, &strides)
}

/// Copies strided elements to row-major order, `total` bytes.
fn copy_elements(
    bytes: &[u8],
    size: usize,
    total: usize,
    shape: &[usize],
    strides: &[usize],
) -> Option<Vec<u8>> {
    let mut out = Vec::with_capacity(total);
    let copied: Result<(), ()> = for_each_element(shape, strides, |index| {
        let start = index.checked_mul(size).ok_or(())?;
        let element = start.checked_add(size).and_then(|end| bytes.get(start..end));
        out.extend_from_slice(element.ok_or(())?);
        Ok(())
    });
    copied.ok().map(|()| out)
}

/// Calls `visit` with the strided index of each element in row-major order: once for a shape without axes,
/// never for an empty array.
fn for_each_element<E>(
    shape: &[usize],
    strides: &[usize],
    mut visit: impl FnMut(usize) -> Result<(), E>,
) -> Result<(), E> {
    if shape.contains(&0) {
        return Ok(());
    }
    let mut position = vec![0usize; shape.len()];
    loop {
        let index = position.iter().zip(strides);
        visit(index.fold(0usize, |sum, (i, s)| sum.saturating_add(i.saturating_mul(*s))))?;
        let mut carry = true;
        for (i, &d) in position.iter_mut().zip(shape).rev() {
            *i += 1;
            carry = *i >= d;
            if !carry {
                break;
            }
            *i = 0;
        }
        if carry {
            return Ok(());
        }
    }
}

/// Appends exactly `count` bytes.
fn read_to_vec<R: Read>(reader: &mut R, count: usize, out: &mut Vec<u8>) -> io::Result<()> {
    let read = reader.by_ref().take(count as u64).read_to_end(out)?;
    if read == count { Ok(()) } else { Err(io::ErrorKind::UnexpectedEof.into()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn gather_transposes_and_refuses_elements_outside() {
        let bytes = [0, 1, 2, 3, 4, 5];
        assert_eq!(gather(&bytes, 1, &[3, 2], &[1, 3]).as_deref(), Some(&[0, 3, 1, 4, 2, 5][..]));
        assert_eq!(gather(&bytes, 1, &[3, 2], &[1, 4]), None);
        assert_eq!(gather(&bytes, 1, &[7], &[0]), None);
        assert_eq!(gather(&bytes, 1, &[2, usize::MAX], &[usize::MAX, 1]), None);
        assert_eq!(gather(&bytes, 1, &[2, 0], &[1, 1]).as_deref(), Some(&[][..]));
        assert_eq!(gather(&bytes, 2, &[], &[]).as_deref(), Some(&[0, 1][..]));
    }

    #[test]
    fn arrays_are_repeated_along_any_axis() {
        assert_eq!(repeat(&[1, 2], 1, &[2, 3], &[2, 1]).as_deref(), Some(&[1, 1, 1, 2, 2, 2][..]));
        assert_eq!(repeat(&[1, 2], 1, &[2, 1, 2], &[1, 1, 2]).as_deref(), Some(&[1, 2, 1, 2][..]));
        assert_eq!(
            repeat(&[1, 2, 3, 4], 2, &[2, 2], &[2, 1]).as_deref(),
            Some(&[1, 2, 1, 2, 3, 4, 3, 4][..])
        );
        assert_eq!(repeat(&[1, 2], 1, &[3, 1], &[2, 1]), None);
    }
}
