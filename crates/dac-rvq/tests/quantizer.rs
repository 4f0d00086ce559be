//! The residual vector quantizer of the CPU engine.

use dac_kernels::Isa;
use dac_rvq::QuantizerWeights;
use dac_rvq::cpu::{QuantizedRows, ResidualQuantizer};

/// A codebook of three two-dimensional entries with identity projections.
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
fn parameters_of_wrong_lengths_are_rejected() {
    let assert_rejected = |change: fn(&mut QuantizerWeights)| {
        let mut changed = stage([1.0; 6]);
        change(&mut changed);
        let stages = vec![stage([2.0; 6]), changed];
        assert!(ResidualQuantizer::new(Isa::Portable, stages).is_err());
    };
    assert_rejected(|w| w.in_proj_bias = vec![0.0; 3]);
    assert_rejected(|w| w.out_proj_bias.clear());
    assert_rejected(|w| w.out_proj_weight.push(0.0));
    assert_rejected(|w| w.size = 2);
    assert_rejected(|w| (w.dim, w.latent) = (1, 4));
    assert_rejected(|w| (w.size, w.codebook) = ((1 << 16) + 1, vec![0.5; 2 * ((1 << 16) + 1)]));
}

#[test]
fn the_second_codebook_codes_the_residual_of_the_first() {
    let mut out = QuantizedRows::default();
    quantizer().encode(&[2.1, 0.4, -1.9, -0.3], 2, &mut out);
    assert_eq!(out.codes, [0, 1, 2, 2]);
    assert_eq!(out.z, [2.0, 0.5, -2.0, -0.5]);
    assert_eq!(out.latents[..2], [2.1, 0.4]);
    assert!((out.latents[2] - 0.1).abs() < 1e-6);
}

#[test]
fn decoding_reproduces_z_for_any_number_of_codebooks() {
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
    let mut expected = QuantizedRows::default();
    quantizer.encode(&signal, 1, &mut expected);
    assert_eq!(coarse, expected.z);
    assert_eq!(quantizer.search(&out.latents, 2), out.codes);
}
