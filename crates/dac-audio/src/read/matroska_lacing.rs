//! Lacing of Matroska blocks: several packets in one block.

use super::ebml::vint;

/// Splits the frames of a block by its lacing.
pub(super) fn split_laces(body: &[u8], flags: u8) -> Option<Vec<&[u8]>> {
    if flags & 6 == 0 {
        return Some(vec![body]);
    }
    let count = usize::from(*body.first()?) + 1;
    let mut at = 1;
    let mut sizes = Vec::with_capacity(count);
    match flags & 6 {
        2 => {
            for _ in 1..count {
                let mut size = 0;
                loop {
                    let byte = *body.get(at)?;
                    at += 1;
                    size += usize::from(byte);
                    if byte < 255 {
                        break;
                    }
                }
                sizes.push(size);
            }
        }
        6 => {
            let (first, length) = vint(body.get(at..)?)?;
            at += length;
            let mut size = i64::try_from(first).ok()?;
            sizes.push(usize::try_from(size).ok()?);
            for _ in 2..count {
                let (value, length) = vint(body.get(at..)?)?;
                at += length;
                size += i64::try_from(value).ok()? - ((1 << (7 * length - 1)) - 1);
                sizes.push(usize::try_from(size).ok()?);
            }
        }
        _ => sizes.extend(std::iter::repeat_n((body.len() - 1) / count, count - 1)),
    }
    let mut frames = Vec::with_capacity(count);
    for size in sizes {
        frames.push(body.get(at..at.checked_add(size)?)?);
        at += size;
    }
    frames.push(body.get(at..)?);
    Some(frames)
}
