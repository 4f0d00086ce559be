//! Packing of codes into bits, starting with the lowest bits of the first byte.

/// Bytes of `count` packed codes of `bits` bits.
pub(super) fn packed_bytes(count: u64, bits: u32) -> u64 {
    count.saturating_mul(bits.into()).div_ceil(8)
}

/// Appends codes of `bits` (1 to 16) bits each, and zeros to the end of the last byte.
pub(super) fn pack(codes: &[u16], bits: u32, out: &mut Vec<u8>) {
    let (mut pending, mut count) = (0u32, 0);
    for &code in codes {
        pending |= u32::from(code) << count;
        count += bits;
        while count >= 8 {
            out.push(pending as u8);
            pending >>= 8;
            count -= 8;
        }
    }
    if count > 0 {
        out.push(pending as u8);
    }
}

/// Unpacks the codes `first..first + count` of `bits` bits, or fewer if the bytes end earlier.
pub(super) fn unpack(bytes: &[u8], bits: u32, first: usize, count: usize) -> impl Iterator<Item = u16> {
    let mask = (1u64 << bits) - 1;
    let available = (bytes.len() * 8 / bits as usize).saturating_sub(first);
    (first..first + count.min(available)).map(move |i| {
        let at = i * bits as usize;
        let mut word = [0; 8];
        let window = bytes.get(at / 8..bytes.len().min(at / 8 + 4)).unwrap_or_default();
        word.iter_mut().zip(window).for_each(|(target, source)| *target = *source);
        ((u64::from_le_bytes(word) >> (at % 8)) & mask) as u16
    })
}
