//! Decoding of WAV samples: bytes of interleaved frames to planar `f32`.

use super::g711;
use crate::Planar;

/// Encoding of one sample.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Encoding {
    /// Unsigned 8-bit; 128 is zero.
    U8,
    /// Signed little-endian integer in the upper bits of `bytes` bytes (2, 3, 4 or 8).
    Int {
        bytes: u8,
    },
    /// 24 bits in the lower 3 of 4 bytes.
    Int24Low,
    F32,
    F64,
    ALaw,
    MuLaw,
}

impl Encoding {
    /// Bytes per sample.
    pub(super) fn bytes(self) -> usize {
        match self {
            Self::U8 | Self::ALaw | Self::MuLaw => 1,
            Self::Int { bytes } => usize::from(bytes),
            Self::Int24Low | Self::F32 => 4,
            Self::F64 => 8,
        }
    }

    /// Decodes interleaved frames of `channels` channels; ignores an incomplete frame at the end.
    pub(super) fn decode(self, bytes: &[u8], channels: usize) -> Planar {
        let width = self.bytes();
        let frames = bytes.len() / (width * channels).max(1);
        let mut planes = vec![Vec::with_capacity(frames); channels];
        for frame in bytes.chunks_exact((width * channels).max(1)) {
            for (plane, sample) in planes.iter_mut().zip(frame.chunks_exact(width)) {
                plane.push(self.sample(sample));
            }
        }
        planes
    }

    fn sample(self, bytes: &[u8]) -> f32 {
        match (self, bytes) {
            (Self::U8, &[b]) => (f32::from(b) - 128.0) / 128.0,
            (Self::ALaw, &[b]) => f32::from(g711::a_law(b)) / 32_768.0,
            (Self::MuLaw, &[b]) => f32::from(g711::mu_law(b)) / 32_768.0,
            (Self::F32, &[a, b, c, d]) => f32::from_le_bytes([a, b, c, d]),
            (Self::F64, &[a, b, c, d, e, f, g, h]) => f64::from_le_bytes([a, b, c, d, e, f, g, h]) as f32,
            (Self::Int24Low, &[a, b, c, _]) => scale(i32::from_le_bytes([0, a, b, c])),
            (_, &[a, b]) => f32::from(i16::from_le_bytes([a, b])) / 32_768.0,
            (_, &[a, b, c]) => scale(i32::from_le_bytes([0, a, b, c])),
            (_, &[a, b, c, d]) => scale(i32::from_le_bytes([a, b, c, d])),
            (_, &[.., a, b, c, d]) => scale(i32::from_le_bytes([a, b, c, d])),
            _ => 0.0,
        }
    }
}

/// Computes `value / 2^31` with a single rounding.
fn scale(value: i32) -> f32 {
    (f64::from(value) / 2_147_483_648.0) as f32
}
