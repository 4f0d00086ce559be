//! Decoding of uncompressed samples: bytes of interleaved frames to planar `f32`.

use super::g711;
use crate::Planar;

/// Encoding of one sample.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Encoding {
    /// Unsigned 8-bit; 128 is zero.
    U8,
    I8,
    /// Signed little-endian integer in the upper bits of `bytes` bytes (2, 3, 4 or 8).
    Int {
        bytes: u8,
    },
    /// As `Int`, big-endian.
    IntBe {
        bytes: u8,
    },
    /// 24 bits in the lower 3 of 4 bytes.
    Int24Low,
    /// As `Int24Low`, big-endian.
    Int24LowBe,
    F32,
    F32Be,
    F64,
    F64Be,
    ALaw,
    MuLaw,
}

impl Encoding {
    /// Bytes per sample.
    pub(super) fn bytes(self) -> usize {
        match self {
            Self::U8 | Self::I8 | Self::ALaw | Self::MuLaw => 1,
            Self::Int { bytes } | Self::IntBe { bytes } => usize::from(bytes),
            Self::Int24Low | Self::Int24LowBe | Self::F32 | Self::F32Be => 4,
            Self::F64 | Self::F64Be => 8,
        }
    }

    /// The same encoding with its bytes in reverse order.
    pub(super) fn big_endian(self) -> Self {
        match self {
            Self::Int { bytes } => Self::IntBe { bytes },
            Self::Int24Low => Self::Int24LowBe,
            Self::F32 => Self::F32Be,
            Self::F64 => Self::F64Be,
            other => other,
        }
    }

    /// Name for display.
    pub(super) fn name(self) -> String {
        match self {
            Self::ALaw => "A-law".to_owned(),
            Self::MuLaw => "µ-law".to_owned(),
            Self::F32 | Self::F32Be => "32-bit float".to_owned(),
            Self::F64 | Self::F64Be => "64-bit float".to_owned(),
            Self::Int24Low | Self::Int24LowBe => "24-bit PCM in 32".to_owned(),
            other => format!("{}-bit PCM", 8 * other.bytes()),
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
            (Self::I8, &[b]) => f32::from(b as i8) / 128.0,
            (Self::F32Be, &[a, b, c, d]) => f32::from_be_bytes([a, b, c, d]),
            (Self::F64Be, &[a, b, c, d, e, f, g, h]) => f64::from_be_bytes([a, b, c, d, e, f, g, h]) as f32,
            (Self::IntBe { .. }, &[a, b]) => f32::from(i16::from_be_bytes([a, b])) / 32_768.0,
            (Self::IntBe { .. }, &[a, b, c]) => scale(i32::from_be_bytes([a, b, c, 0])),
            (Self::IntBe { .. }, &[a, b, c, d, ..]) => scale(i32::from_be_bytes([a, b, c, d])),
            (Self::Int24LowBe, &[_, a, b, c]) => scale(i32::from_be_bytes([a, b, c, 0])),
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
