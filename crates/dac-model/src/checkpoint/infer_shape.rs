//! Inference of the network's shape from the shapes of a checkpoint's parameters.

use std::collections::BTreeMap;

use dac_nn::NetworkShape;

use super::error::{Mismatch, Reason};
use crate::preset::Preset;

/// Shapes of the parameters by canonical name.
pub(crate) type Shapes = BTreeMap<String, Vec<usize>>;

/// Infers the network's shape. Without `sample_rate_hz`, the sample rate is that of the published model with
/// the same hop and number of codebooks.
pub(crate) fn network_shape(shapes: &Shapes, sample_rate_hz: Option<u32>) -> Result<NetworkShape, Reason> {
    let axis = |name: &str, axis: usize| {
        let shape = shapes.get(name).ok_or_else(|| missing(name))?;
        shape.get(axis).copied().ok_or_else(|| {
            let mismatch = (name.to_owned(), vec![0; axis + 1], shape.clone());
            Reason::Mismatch(Mismatch { misshaped: vec![mismatch], ..Mismatch::default() })
        })
    };
    let rates = |conv: &dyn Fn(usize) -> String| -> Result<Vec<usize>, Reason> {
        let mut rates = Vec::new();
        while shapes.contains_key(&conv(rates.len() + 1)) {
            rates.push(axis(&conv(rates.len() + 1), 2)? / 2);
        }
        if rates.is_empty() { Err(missing(&conv(1))) } else { Ok(rates) }
    };
    // A kernel of 7 samples of one channel; MLX stores the channels last.
    if let Some([_, 7, 1]) = shapes.get("encoder.block.0.weight").map(Vec::as_slice) {
        let example = "encoder.block.0 has a weight of [out, kernel, in]".to_owned();
        return Err(Reason::OtherLayout { layout: "an MLX conversion", example });
    }
    let encoder_rates = rates(&|i| format!("encoder.block.{i}.block.4.weight"))?;
    let decoder_rates = rates(&|i| format!("decoder.model.{i}.block.1.weight"))?;
    let codebook = |k: usize| format!("quantizer.quantizers.{k}.codebook.weight");
    let codebooks = (0..).take_while(|&k| shapes.contains_key(&codebook(k))).count();
    let mut shape = NetworkShape {
        sample_rate_hz: 0,
        encoder_dim: axis("encoder.block.0.weight", 0)?,
        latent_dim: axis(&format!("encoder.block.{}.weight", encoder_rates.len() + 2), 0)?,
        decoder_dim: axis("decoder.model.0.weight", 0)?,
        encoder_rates,
        decoder_rates,
        codebooks,
        codebook_size: axis(&codebook(0), 0)?,
        codebook_dim: axis(&codebook(0), 1)?,
    };
    let hop_samples = shape.encoder_rates.iter().try_fold(1usize, |n, &r| n.checked_mul(r)).unwrap_or(0);
    shape.sample_rate_hz = match sample_rate_hz {
        Some(hz) => hz,
        None => {
            published_rate_hz(hop_samples, codebooks).ok_or(Reason::SampleRate { hop_samples, codebooks })?
        }
    };
    shape.check()?;
    Ok(shape)
}

fn missing(name: &str) -> Reason {
    Reason::Mismatch(Mismatch { missing: vec![name.to_owned()], ..Mismatch::default() })
}

/// The sample rate of published models with this hop.
fn published_rate_hz(hop_samples: usize, codebooks: usize) -> Option<u32> {
    let same_hop = Preset::ALL.iter().map(|p| p.shape()).filter(|s| s.hop_samples() == hop_samples);
    let rates: Vec<(u32, usize)> = same_hop.map(|s| (s.sample_rate_hz, s.codebooks)).collect();
    let exact = rates.iter().find(|(_, k)| *k == codebooks);
    // If all models of that hop have the same rate, the number of codebooks need not match.
    let common = rates.first().filter(|(hz, _)| rates.iter().all(|(other, _)| other == hz));
    exact.or(common).map(|(hz, _)| *hz)
}

/// Lists the dimensions in which two shapes differ.
pub(crate) fn describe_difference(expected: &NetworkShape, found: &NetworkShape) -> String {
    let pairs = [
        ("sample rate", expected.sample_rate_hz.to_string(), found.sample_rate_hz.to_string()),
        ("encoder_dim", expected.encoder_dim.to_string(), found.encoder_dim.to_string()),
        ("encoder_rates", format!("{:?}", expected.encoder_rates), format!("{:?}", found.encoder_rates)),
        ("latent_dim", expected.latent_dim.to_string(), found.latent_dim.to_string()),
        ("decoder_dim", expected.decoder_dim.to_string(), found.decoder_dim.to_string()),
        ("decoder_rates", format!("{:?}", expected.decoder_rates), format!("{:?}", found.decoder_rates)),
        ("codebooks", expected.codebooks.to_string(), found.codebooks.to_string()),
        ("codebook_size", expected.codebook_size.to_string(), found.codebook_size.to_string()),
        ("codebook_dim", expected.codebook_dim.to_string(), found.codebook_dim.to_string()),
    ];
    let differing = pairs.iter().filter(|(_, e, f)| e != f);
    differing.map(|(what, e, f)| format!("{what}: expected {e}, found {f}")).collect::<Vec<_>>().join("; ")
}
