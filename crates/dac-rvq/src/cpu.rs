//! The residual vector quantizer for the CPU engine, on slices.

use dac_kernels::{Isa, KernelError, Linear, Nearest};

use crate::weights::QuantizerWeights;

/// One codebook with its projections, packed for the kernels.
#[derive(Debug, Clone)]
struct Stage {
    in_proj: Linear,
    nearest: Nearest,
    out_proj: Linear,
    /// Entries before normalisation, `[size][dim]`.
    entries: Vec<f32>,
}

impl Stage {
    fn entry(&self, code: u16) -> &[f32] {
        let dim = self.nearest.dim();
        &self.entries[usize::from(code) * dim..][..dim]
    }
}

/// Quantized frames, frame by frame.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct QuantizedRows {
    /// Sum of the quantized residuals, `[frames][latent]`.
    pub z: Vec<f32>,
    /// Codes, `[frames][codebooks]`.
    pub codes: Vec<u16>,
    /// Projected residuals, `[frames][codebooks · dim]`.
    pub latents: Vec<f32>,
}

/// The residual vector quantizer: each codebook codes the residual of those before it (Zeghidour et al. 2021,
/// with the factorised, normalised lookup of Kumar et al. 2023). Frames are independent of each other.
#[derive(Debug, Clone)]
pub struct ResidualQuantizer {
    stages: Vec<Stage>,
    latent: usize,
    dim: usize,
}

/// Frames per block, small enough that the scratch buffers stay in cache.
const BLOCK_FRAMES: usize = 64;

impl ResidualQuantizer {
    /// Packs the weights of all codebooks.
    ///
    /// # Errors
    /// When a parameter's length does not match its shape, the shapes differ between codebooks, or a codebook
    /// has more than 65536 entries.
    pub fn new(isa: Isa, weights: Vec<QuantizerWeights>) -> Result<Self, KernelError> {
        let (latent, dim) = weights.first().map_or((0, 0), |w| (w.latent, w.dim));
        let stages = weights
            .into_iter()
            .map(|w| {
                check_lengths(&w, latent, dim)?;
                Ok(Stage {
                    in_proj: Linear::new(isa, w.latent, &w.in_proj_weight, &w.in_proj_bias)?,
                    nearest: Nearest::new(isa, w.dim, &w.codebook)?,
                    out_proj: Linear::new(isa, w.dim, &w.out_proj_weight, &w.out_proj_bias)?,
                    entries: w.codebook,
                })
            })
            .collect::<Result<_, KernelError>>()?;
        Ok(Self { stages, latent, dim })
    }

    /// Returns the values per frame of z.
    pub fn latent(&self) -> usize {
        self.latent
    }

    /// Returns the number of entries of the smallest codebook.
    pub fn codebook_size(&self) -> usize {
        let entries = self.stages.iter().map(|stage| stage.entries.len() / self.dim.max(1));
        entries.min().unwrap_or(0)
    }

    /// Returns the number of codebooks.
    pub fn codebooks(&self) -> usize {
        self.stages.len()
    }

    /// Quantizes encoder output `[frames][latent]` with the first `codebooks` codebooks and appends to `out`.
    ///
    /// # Panics
    /// When `codebooks` is more than available.
    pub fn encode(&self, encoded: &[f32], codebooks: usize, out: &mut QuantizedRows) {
        let (mut projected, mut indices, mut entries, mut quantized) = (vec![], vec![], vec![], vec![]);
        for block in encoded.chunks(BLOCK_FRAMES * self.latent.max(1)) {
            let frames = block.len() / self.latent;
            let mut residual = block.to_vec();
            let (z_at, codes_at, latents_at) = (out.z.len(), out.codes.len(), out.latents.len());
            out.z.resize(z_at + block.len(), 0.0);
            out.codes.resize(codes_at + frames * codebooks, 0);
            out.latents.resize(latents_at + frames * codebooks * self.dim, 0.0);
            for (k, stage) in self.stages[..codebooks].iter().enumerate() {
                projected.clear();
                indices.clear();
                entries.clear();
                quantized.clear();
                stage.in_proj.apply(&residual, &mut projected);
                stage.nearest.search(&projected, &mut indices);
                for (t, &index) in indices.iter().enumerate() {
                    let code = index as u16;
                    out.codes[codes_at + t * codebooks + k] = code;
                    entries.extend_from_slice(stage.entry(code));
                    let at = latents_at + (t * codebooks + k) * self.dim;
                    out.latents[at..at + self.dim]
                        .copy_from_slice(&projected[t * self.dim..(t + 1) * self.dim]);
                }
                stage.out_proj.apply(&entries, &mut quantized);
                for ((r, z), q) in residual.iter_mut().zip(&mut out.z[z_at..]).zip(&quantized) {
                    *r -= q;
                    *z += q;
                }
            }
        }
    }

    /// Converts codes `[frames][codebooks]` to z `[frames][latent]` and appends it to `z`.
    ///
    /// # Panics
    /// When `codebooks` is more than available or a code is out of range.
    pub fn decode(&self, codes: &[u16], codebooks: usize, z: &mut Vec<f32>) {
        let (mut entries, mut quantized) = (vec![], vec![]);
        for block in codes.chunks(BLOCK_FRAMES * codebooks.max(1)) {
            let at = z.len();
            z.resize(at + block.len() / codebooks * self.latent, 0.0);
            for (k, stage) in self.stages[..codebooks].iter().enumerate() {
                entries.clear();
                quantized.clear();
                for frame in block.chunks_exact(codebooks) {
                    entries.extend_from_slice(stage.entry(frame[k]));
                }
                stage.out_proj.apply(&entries, &mut quantized);
                z[at..].iter_mut().zip(&quantized).for_each(|(z, q)| *z += q);
            }
        }
    }

    /// Searches the codes `[frames][codebooks]` of latents `[frames][codebooks · dim]`.
    ///
    /// # Panics
    /// When `codebooks` is more than available.
    pub fn search(&self, latents: &[f32], codebooks: usize) -> Vec<u16> {
        let width = codebooks * self.dim;
        let frames = latents.len().checked_div(width).unwrap_or(0);
        let mut codes = vec![0; frames * codebooks];
        let (mut projected, mut indices) = (vec![], vec![]);
        for (k, stage) in self.stages[..codebooks].iter().enumerate() {
            projected.clear();
            indices.clear();
            for row in latents.chunks_exact(width) {
                projected.extend_from_slice(&row[k * self.dim..(k + 1) * self.dim]);
            }
            stage.nearest.search(&projected, &mut indices);
            for (t, &index) in indices.iter().enumerate() {
                codes[t * codebooks + k] = index as u16;
            }
        }
        codes
    }
}

/// Checks the length of every parameter and that `latent` and `dim` equal those of the first codebook.
fn check_lengths(w: &QuantizerWeights, latent: usize, dim: usize) -> Result<(), KernelError> {
    let lengths = [
        ("latent", latent, w.latent),
        ("codebook_dim", dim, w.dim),
        ("in_proj.weight", w.latent.saturating_mul(w.dim), w.in_proj_weight.len()),
        ("in_proj.bias", w.dim, w.in_proj_bias.len()),
        ("out_proj.weight", w.latent.saturating_mul(w.dim), w.out_proj_weight.len()),
        ("out_proj.bias", w.latent, w.out_proj_bias.len()),
        ("codebook", w.size.saturating_mul(w.dim), w.codebook.len()),
    ];
    if let Some((what, expected, found)) = lengths.into_iter().find(|(_, expected, found)| expected != found)
    {
        return Err(KernelError::Length { what, expected, found });
    }
    if w.size > 1 << 16 {
        let why = "a code is a u16";
        return Err(KernelError::Parameter { what: "codebook_size", found: w.size, why });
    }
    Ok(())
}
