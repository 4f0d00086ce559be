//! Options of writing token files.

use std::fmt;

use dac_pickle::DType;

/// Frames per block of a .dacp file by default: 0.74 s at 44.1 kHz; blocks add about 1 % to the codes.
pub(crate) const DEFAULT_BLOCK_FRAMES: u32 = 64;

/// Arrays to store in a token file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Save {
    /// Codes.
    pub codes: bool,
    /// Quantized latents; they take a hundred times the memory of the codes.
    pub z: bool,
    /// Projected latents before quantization.
    pub latents: bool,
}

impl Default for Save {
    /// Only codes.
    fn default() -> Self {
        Self { codes: true, z: false, latents: false }
    }
}

/// Element type of codes in a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub enum IntegerType {
    /// 16-bit unsigned: the smallest type that fits any code.
    #[default]
    U16,
    /// 32-bit signed: the smallest type that fits any code and that every version of torch reads.
    I32,
    /// 64-bit signed: the type that torch needs for indices.
    I64,
}

impl IntegerType {
    /// Every type.
    pub const ALL: [Self; 3] = [Self::U16, Self::I32, Self::I64];

    /// Name of the type, such as `u16`.
    pub fn name(self) -> &'static str {
        match self {
            Self::U16 => "u16",
            Self::I32 => "i32",
            Self::I64 => "i64",
        }
    }

    pub(crate) fn dtype(self) -> DType {
        match self {
            Self::U16 => DType::U16,
            Self::I32 => DType::I32,
            Self::I64 => DType::I64,
        }
    }

    pub(crate) fn of(dtype: DType) -> Option<Self> {
        Self::ALL.into_iter().find(|integer| integer.dtype() == dtype)
    }
}

impl fmt::Display for IntegerType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

/// Options of [`TokenFile::write`](crate::TokenFile::write).
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct WriteOptions {
    /// Element type of codes; `None` for the default of the format
    /// ([`Format::integer_types`](crate::Format::integer_types)).
    pub integer: Option<IntegerType>,
    /// Writes codes of one channel to .npy files as `[codebooks, frames]`.
    pub omits_single_channel: bool,
    /// Frames per block of a .dacp file.
    pub dacp_block_frames: u32,
}

impl Default for WriteOptions {
    fn default() -> Self {
        Self { integer: None, omits_single_channel: false, dacp_block_frames: DEFAULT_BLOCK_FRAMES }
    }
}
