//! Each layer's output on a burn device compared with the reference.

use dac_nn::tensor::{Arithmetic, Loader, Sequence, open_device, read, upload};
use dac_nn::{Device, Formulation, Formulations, Padding};
use dac_rvq::Array3;

use crate::common::{Expected, checkpoint, max_abs};

/// Compares every layer of a directory's encoder and decoder, relative to the layer's largest value, at least
/// to 1. The largest tiles of Winograd's algorithm round more than the other formulations.
pub(crate) fn check(folder: &str, device: Device, formulation: Formulation) {
    let bound = if formulation == Formulation::Winograd6 { 4e-5 } else { 1e-5 };
    let expected = Expected::read(folder);
    let burn_device = open_device(device).unwrap();
    let mut weights = checkpoint(folder);
    let shape = weights.shape().clone();
    let mut compared = 0;
    for (layers, input) in [(shape.encoder(), "layers.input"), (shape.decoder(), "layers.z")] {
        let formulations = &Formulations::all(formulation);
        let arithmetic = Arithmetic::F32;
        let mut loader = Loader { weights: &mut weights, device: &burn_device, arithmetic, formulations };
        let sequence = Sequence::load(&layers, &mut loader).unwrap();
        let input = expected.array(input);
        let input = upload(input.as_slice().to_vec(), input.shape(), &burn_device);
        sequence.forward_traced(input, Padding::Zeros, |name, output| {
            let key = format!("layers.{name}");
            if expected.has(&key) {
                let found = Array3::new(read(output.clone()).unwrap(), output.dims()).unwrap();
                let expected = expected.array(&key);
                let scale = expected.as_slice().iter().fold(0.0f32, |m, v| m.max(v.abs())).max(1.0);
                let difference = max_abs(&found, &expected).unwrap();
                assert!(difference <= bound * scale, "{folder}, {device}, {name}: {difference} of {scale}");
                compared += 1;
            }
        });
    }
    assert!(compared >= 24, "only {compared} layers compared");
}
