//! Options of writing token files.

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

/// Element type of a .npy file of codes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub enum NpyInteger {
    /// 16-bit unsigned: the smallest type that fits any code.
    #[default]
    U16,
    /// 64-bit signed: the type that most training code uses.
    I64,
}

/// Options of [`TokenFile::write`](crate::TokenFile::write).
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct WriteOptions {
    /// Element type of codes in a .npy file.
    pub npy_integer: NpyInteger,
    /// Frames per block of a .dacp file.
    pub dacp_block_frames: u32,
}

impl Default for WriteOptions {
    fn default() -> Self {
        Self { npy_integer: NpyInteger::default(), dacp_block_frames: DEFAULT_BLOCK_FRAMES }
    }
}
