//! Loading of the quantizer's parameters.

use dac_nn::{NetworkShape, WeightError, Weights};
use dac_rvq::QuantizerWeights;

/// Loads the parameters of all codebooks, in order.
pub(super) fn load_quantizer(
    shape: &NetworkShape,
    weights: &mut dyn Weights,
) -> Result<Vec<QuantizerWeights>, WeightError> {
    let (latent, dim, size) = (shape.latent_dim, shape.codebook_dim, shape.codebook_size);
    (0..shape.codebooks)
        .map(|k| {
            let mut load = |leaf: &str, shape: &[usize]| {
                weights.tensor(&format!("quantizer.quantizers.{k}.{leaf}"), shape)
            };
            Ok(QuantizerWeights {
                in_proj_weight: load("in_proj.weight", &[dim, latent, 1])?,
                in_proj_bias: load("in_proj.bias", &[dim])?,
                out_proj_weight: load("out_proj.weight", &[latent, dim, 1])?,
                out_proj_bias: load("out_proj.bias", &[latent])?,
                codebook: load("codebook.weight", &[size, dim])?,
                latent,
                dim,
                size,
            })
        })
        .collect()
}
