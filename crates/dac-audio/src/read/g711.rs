//! A-law and µ-law (ITU-T G.711), decoded to 16-bit integers.

/// Decodes an A-law byte.
pub(super) fn a_law(byte: u8) -> i16 {
    let byte = byte ^ 0x55;
    let exponent = (byte >> 4) & 7;
    let mantissa = i16::from(byte & 0x0f) << 4;
    let magnitude = match exponent {
        0 => mantissa + 8,
        _ => (mantissa + 0x108) << (exponent - 1),
    };
    if byte & 0x80 == 0 { -magnitude } else { magnitude }
}

/// Decodes a µ-law byte.
pub(super) fn mu_law(byte: u8) -> i16 {
    let byte = !byte;
    let exponent = (byte >> 4) & 7;
    let magnitude = ((((i16::from(byte & 0x0f)) << 3) + 0x84) << exponent) - 0x84;
    if byte & 0x80 == 0 { magnitude } else { -magnitude }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn samples_match_the_tables_of_the_recommendation() {
        // Extremes, middle and the zero codes of both.
        assert_eq!([0x00, 0x55, 0x80, 0xd5, 0xaa, 0x2a].map(a_law), [-5504, -8, 5504, 8, 32256, -32256]);
        assert_eq!([0x00, 0x7f, 0x80, 0xff, 0x0f, 0x8f].map(mu_law), [-32124, 0, 32124, 0, -16764, 16764]);
    }
}
