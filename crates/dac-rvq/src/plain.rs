//! The residual vector quantizer on plain slices, over the CPU kernels.

use dac_kernels::{Isa, KernelError, Linear, Nearest};

use crate::weights::QuantizerWeights;

/// One stage: projection, search, and the way back as one table.
#[derive(Debug, Clone)]
struct Stage {
    in_proj: Linear,
    nearest: Nearest,
    out_proj: Linear,
    /// The entries, not normalised, `[size][dim]`.
    entries: Vec<f32>,
}

impl Stage {
    fn entry(&self, code: u16) -> &[f32] {
        let dim = self.nearest.dim();
        &self.entries[usize::from(code) * dim..][..dim]
    }
}

/// What quantization returns, one frame after another.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct QuantizedRows {
    /// Sum of the quantized residuals, `[frames][latent]`.
    pub z: Vec<f32>,
    /// `[frames][codebooks]`.
    pub codes: Vec<u16>,
    /// The projected residuals, `[frames][codebooks · dim]`.
    pub latents: Vec<f32>,
}

/// Codebooks one after another, each coding what those before it left (Zeghidour et al. 2021, with the factorised and
/// normalised lookup of Kumar et al. 2023). Frames are independent of each other.
#[derive(Debug, Clone)]
pub struct ResidualQuantizer {
    stages: Vec<Stage>,
    latent: usize,
    dim: usize,
}

/// Frames worked on at a time: the scratch stays in cache, however long the signal.
const BLOCK_FRAMES: usize = 64;

impl ResidualQuantizer {
    /// Packs all stages.
    ///
    /// # Errors
    /// When a parameter has another length than its shape says, the shapes differ, or a codebook has more entries than a code can name.
    pub fn new(level: Isa, weights: Vec<QuantizerWeights>) -> Result<Self, KernelError> {
        let (latent, dim) = weights.first().map_or((0, 0), |w| (w.latent, w.dim));
        let stages = weights
            .into_iter()
            .map(|w| {
                check(&w, latent, dim)?;
                Ok(Stage {
                    in_proj: Linear::new(level, w.latent, &w.in_proj_weight, &w.in_proj_bias)?,
                    nearest: Nearest::new(level, w.dim, &w.codebook)?,
                    out_proj: Linear::new(level, w.dim, &w.out_proj_weight, &w.out_proj_bias)?,
                    entries: w.codebook,
                })
            })
            .collect::<Result<_, KernelError>>()?;
        Ok(Self { stages, latent, dim })
    }

    /// Values a frame of z.
    pub fn latent(&self) -> usize {
        self.latent
    }

    /// Entries that every codebook has.
    pub fn codebook_size(&self) -> usize {
        let entries = self.stages.iter().map(|stage| stage.entries.len() / self.dim.max(1));
        entries.min().unwrap_or(0)
    }

    /// How many codebooks there are.
    pub fn codebooks(&self) -> usize {
        self.stages.len()
    }

    /// Quantizes encoder output `[frames][latent]` with the first `codebooks` codebooks, appending to `out`.
    ///
    /// # Panics
    /// When `codebooks` is beyond what there are.
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

    /// z `[frames][latent]` of codes `[frames][codebooks]`, appended to `z`. The codes must be in range.
    ///
    /// # Panics
    /// When `codebooks` is beyond what there are or a code beyond its codebook.
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

    /// Codes `[frames][codebooks]` of latents `[frames][codebooks · dim]`, each codebook searched on its own part.
    ///
    /// # Panics
    /// When `codebooks` is beyond what there are.
    pub fn search(&self, latents: &[f32], codebooks: usize) -> Vec<u16> {
        let width = codebooks * self.dim;
        let frames = latents.len().checked_div(width).unwrap_or(0);
        let mut codes = vec![0; frames * codebooks];
        let (mut part, mut indices) = (vec![], vec![]);
        for (k, stage) in self.stages[..codebooks].iter().enumerate() {
            part.clear();
            indices.clear();
            for row in latents.chunks_exact(width) {
                part.extend_from_slice(&row[k * self.dim..(k + 1) * self.dim]);
            }
            stage.nearest.search(&part, &mut indices);
            for (t, &index) in indices.iter().enumerate() {
                codes[t * codebooks + k] = index as u16;
            }
        }
        codes
    }
}

/// That all of a stage's parameters are of its shape, and the shape is that of the first stage.
fn check(w: &QuantizerWeights, latent: usize, dim: usize) -> Result<(), KernelError> {
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

#[cfg(test)]
mod tests {
    use super::*;

    /// A codebook of three entries in two dimensions; identity projections.
    fn stage(codebook: [f32; 6]) -> QuantizerWeights {
        QuantizerWeights {
            in_proj_weight: vec![1.0, 0.0, 0.0, 1.0],
            in_proj_bias: vec![0.0; 2],
            out_proj_weight: vec![1.0, 0.0, 0.0, 1.0],
            out_proj_bias: vec![0.0; 2],
            codebook: codebook.to_vec(),
            latent: 2,
            dim: 2,
            size: 3,
        }
    }

    fn quantizer() -> ResidualQuantizer {
        let coarse = stage([2.0, 0.0, 0.0, 2.0, -2.0, 0.0]);
        let fine = stage([0.5, 0.0, 0.0, 0.5, 0.0, -0.5]);
        ResidualQuantizer::new(Isa::Portable, vec![coarse, fine]).unwrap()
    }

    #[test]
    fn parameters_of_another_shape_are_refused() {
        let refused = |change: fn(&mut QuantizerWeights)| {
            let mut odd = stage([1.0; 6]);
            change(&mut odd);
            let stages = vec![stage([2.0; 6]), odd];
            assert!(ResidualQuantizer::new(Isa::Portable, stages).is_err());
        };
        refused(|w| w.in_proj_bias = vec![0.0; 3]);
        refused(|w| w.out_proj_bias.clear());
        refused(|w| w.out_proj_weight.push(0.0));
        refused(|w| w.size = 2);
        refused(|w| (w.dim, w.latent) = (1, 4));
        refused(|w| (w.size, w.codebook) = ((1 << 16) + 1, vec![0.5; 2 * ((1 << 16) + 1)]));
    }

    #[test]
    fn the_second_codebook_codes_what_the_first_left() {
        let mut out = QuantizedRows::default();
        quantizer().encode(&[2.1, 0.4, -1.9, -0.3], 2, &mut out);
        assert_eq!(out.codes, [0, 1, 2, 2]);
        assert_eq!(out.z, [2.0, 0.5, -2.0, -0.5]);
        assert_eq!(out.latents[..2], [2.1, 0.4]);
        assert!((out.latents[2] - 0.1).abs() < 1e-6);
    }

    #[test]
    fn decoding_gives_z_back_and_fewer_codebooks_give_less() {
        let quantizer = quantizer();
        let mut out = QuantizedRows::default();
        let signal: Vec<f32> = (0..400).map(|i| ((i * 37 % 101) as f32 - 50.0) / 20.0).collect();
        quantizer.encode(&signal, 2, &mut out);
        let mut z = vec![];
        quantizer.decode(&out.codes, 2, &mut z);
        assert_eq!(z, out.z);
        let first: Vec<u16> = out.codes.iter().step_by(2).copied().collect();
        let mut coarse = vec![];
        quantizer.decode(&first, 1, &mut coarse);
        let mut one = QuantizedRows::default();
        quantizer.encode(&signal, 1, &mut one);
        assert_eq!(coarse, one.z);
        assert_eq!(quantizer.search(&out.latents, 2), out.codes);
    }
}
