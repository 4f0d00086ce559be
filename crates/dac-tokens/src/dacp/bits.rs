//! Packing of codes: the first code in the lowest bits of the first byte.

/// Bytes that `count` codes of `bits` bits take.
pub(super) fn packed_bytes(count: u64, bits: u32) -> u64 {
    count.saturating_mul(bits.into()).div_ceil(8)
}

/// Appends codes of `bits` (1 to 16) bits each; the last byte is filled with zeros.
pub(super) fn pack(codes: &[u16], bits: u32, out: &mut Vec<u8>) {
    let (mut held, mut count) = (0u32, 0);
    for &code in codes {
        held |= u32::from(code) << count;
        count += bits;
        while count >= 8 {
            out.push(held as u8);
            held >>= 8;
            count -= 8;
        }
    }
    if count > 0 {
        out.push(held as u8);
    }
}

/// The codes of `bits` bits at `first..first + count`, as far as the bytes reach.
pub(super) fn unpack(bytes: &[u8], bits: u32, first: usize, count: usize) -> impl Iterator<Item = u16> {
    let mask = (1u64 << bits) - 1;
    let available = (bytes.len() * 8 / bits as usize).saturating_sub(first);
    (first..first + count.min(available)).map(move |i| {
        let at = i * bits as usize;
        let mut word = [0; 8];
        let window = bytes.get(at / 8..bytes.len().min(at / 8 + 4)).unwrap_or_default();
        word.iter_mut().zip(window).for_each(|(to, from)| *to = *from);
        ((u64::from_le_bytes(word) >> (at % 8)) & mask) as u16
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_width_comes_back() {
        for bits in 1..=16 {
            let mask = ((1u32 << bits) - 1) as u16;
            for count in [0, 1, 7, 8, 63, 1025] {
                let codes: Vec<u16> = (0..count).map(|i| (i as u16).wrapping_mul(40503) & mask).collect();
                let mut packed = Vec::new();
                pack(&codes, bits, &mut packed);
                assert_eq!(packed.len() as u64, packed_bytes(count, bits));
                assert_eq!(unpack(&packed, bits, 0, codes.len()).collect::<Vec<_>>(), codes);
                let rest: Vec<u16> = unpack(&packed, bits, 5, codes.len().saturating_sub(5)).collect();
                assert_eq!(rest, codes.get(5..).unwrap_or_default());
            }
        }
    }

    #[test]
    fn the_first_code_lies_lowest() {
        let mut packed = Vec::new();
        pack(&[0x3ff, 0, 0x155], 10, &mut packed);
        assert_eq!(packed, [0xff, 0x03, 0x50, 0x15]);
    }
}
