//! The parameters of one vector quantizer.

/// One codebook with its two projections, weight norm folded, all row-major.
#[derive(Debug, Clone)]
pub struct QuantizerWeights {
    /// Latent to codebook space, `[dim, latent]`.
    pub in_proj_weight: Vec<f32>,
    /// `[dim]`.
    pub in_proj_bias: Vec<f32>,
    /// Codebook space to latent, `[latent, dim]`.
    pub out_proj_weight: Vec<f32>,
    /// `[latent]`.
    pub out_proj_bias: Vec<f32>,
    /// The entries, not normalised, `[size, dim]`.
    pub codebook: Vec<f32>,
    /// Channels of a latent frame.
    pub latent: usize,
    /// Dimensions of an entry.
    pub dim: usize,
    /// Entries.
    pub size: usize,
}
