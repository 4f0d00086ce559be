//! The parameters of one vector quantizer.

/// One codebook with its two projections, weight norm folded, all row-major.
#[derive(Debug, Clone)]
pub struct QuantizerWeights {
    /// Projection from latent to codebook space, `[dim, latent]`.
    pub in_proj_weight: Vec<f32>,
    /// Bias of that projection, `[dim]`.
    pub in_proj_bias: Vec<f32>,
    /// Projection from codebook space to latent, `[latent, dim]`.
    pub out_proj_weight: Vec<f32>,
    /// Bias of that projection, `[latent]`.
    pub out_proj_bias: Vec<f32>,
    /// Entries before normalisation, `[size, dim]`.
    pub codebook: Vec<f32>,
    /// Channels of a latent frame.
    pub latent: usize,
    /// Values per entry.
    pub dim: usize,
    /// Number of entries.
    pub size: usize,
}
