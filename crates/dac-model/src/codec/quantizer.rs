//! Loading of the quantizer's parameters.

use dac_nn::{NetworkShape, WeightError, Weights};
use dac_rvq::QuantizerWeights;

/// Loads the parameters of all codebooks, in order.
pub(super) fn load_quantizer(
    shape: &NetworkShape,
    weights: &mut dyn Weights,
) -> Result<Vec<QuantizerWeights>, WeightError> {
    (0..shape.codebooks)
        .map(|k| {
            let [in_weight, in_bias, out_weight, out_bias, entries] = shape.codebook_parameters(k);
            Ok(QuantizerWeights {
                in_proj_weight: weights.parameter(in_weight)?,
                in_proj_bias: weights.parameter(in_bias)?,
                out_proj_weight: weights.parameter(out_weight)?,
                out_proj_bias: weights.parameter(out_bias)?,
                codebook: weights.parameter(entries)?,
                latent: shape.latent_dim,
                dim: shape.codebook_dim,
                size: shape.codebook_size,
            })
        })
        .collect()
}
