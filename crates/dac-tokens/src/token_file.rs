//! Tokens and their metadata: the content of a token file.

use dac_rvq::{Array3, Codes};

use crate::meta::TokenMeta;

/// Tokens: any of codes, z and latents, with their metadata.
#[derive(Debug, Clone, Default, PartialEq)]
#[non_exhaustive]
pub struct TokenFile {
    /// Codes, `[channels, codebooks, frames]`.
    pub codes: Option<Codes>,
    /// Quantized latents, `[channels, latent, frames]`.
    pub z: Option<Array3>,
    /// Projected latents before quantization, `[channels, codebooks · codebook dimensions, frames]`.
    pub latents: Option<Array3>,
    /// Metadata.
    pub meta: TokenMeta,
    /// Whether the file was truncated, so that only its first frames were read. Only .dacp files can be read
    /// in part.
    pub truncated: bool,
}

impl TokenFile {
    /// Combines codes and their metadata.
    pub fn of_codes(codes: Codes, meta: TokenMeta) -> Self {
        Self { codes: Some(codes), meta, ..Self::default() }
    }

    /// Combines z and its metadata.
    pub fn of_z(z: Array3, meta: TokenMeta) -> Self {
        Self { z: Some(z), meta, ..Self::default() }
    }

    /// Shape `[channels, codebooks or latent, frames]` of the codes, or else of z, or else of the latents.
    pub fn shape(&self) -> Option<[usize; 3]> {
        let floats = || self.z.as_ref().or(self.latents.as_ref()).map(Array3::shape);
        self.codes.as_ref().map(Codes::shape).or_else(floats)
    }

    /// Returns whether decoding needs to know the windows of windowed mode.
    pub(crate) fn is_windowed(&self) -> bool {
        let frames = self.shape().map_or(0, |[_, _, frames]| frames as u64);
        self.meta.padding == Some(false) || self.meta.chunk_frames.is_some_and(|chunk| chunk < frames)
    }
}
