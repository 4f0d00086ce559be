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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_width_round_trips() {
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
    fn the_first_code_is_in_the_lowest_bits() {
        let mut packed = Vec::new();
        pack(&[0x3ff, 0, 0x155], 10, &mut packed);
        assert_eq!(packed, [0xff, 0x03, 0x50, 0x15]);
    }
}
