//! The codec through wgpu, on a GPU or on lavapipe (Mesa's Vulkan on the CPU).

use dac_model::{Codec, CodecError, CodecOptions, Precision};
use dac_nn::tensor::open_device;
use dac_nn::{Device, DeviceError, Formulation, Weights};
use dac_rvq::{Array3, Codes};

use crate::common::{self, Expected, check_case, equal_frames, max_abs};

const GPU: Device = Device::Wgpu(None);

/// Returns whether there is an adapter. Without one, tests are skipped, unless `DAC_REQUIRE` (a
/// comma-separated list) contains lavapipe.
fn has_adapter() -> bool {
    let found = open_device(GPU).is_ok();
    let required =
        std::env::var("DAC_REQUIRE").is_ok_and(|list| list.split(',').any(|name| name.trim() == "lavapipe"));
    assert!(found || !required, "DAC_REQUIRE names lavapipe, but no adapter for wgpu was found");
    if !found {
        eprintln!("skipped: no adapter for wgpu was found");
    }
    found
}

#[test]
fn wgpu_layers_equal_the_reference() {
    if has_adapter() {
        for (folder, formulation) in [("44khz", Formulation::Conv), ("24khz", Formulation::Winograd4)] {
            crate::layers::check(folder, GPU, formulation);
        }
    }
}

/// Compares a network with the reference. Each signal length triggers new autotuning, so the cases are few.
fn assert_equals_the_reference(folder: &str, cases: &[&str]) {
    if !has_adapter() {
        return;
    }
    let (expected, codec) = (Expected::read(folder), common::codec(folder, GPU));
    for case in cases {
        check_case(&codec, &expected, case).unwrap_or_else(|e| panic!("{folder}, {case}: {e}"));
    }
}

#[test]
fn wgpu_44khz_equals_the_reference() {
    assert_equals_the_reference("44khz", &["whole"]);
}

#[test]
fn wgpu_44khz_16kbps_equals_the_reference() {
    assert_equals_the_reference("44khz-16kbps", &["odd"]);
}

#[test]
fn wgpu_24khz_equals_the_reference() {
    assert_equals_the_reference("24khz", &["whole", "one"]);
}

#[test]
fn wgpu_16khz_equals_the_reference() {
    assert_equals_the_reference("16khz", &["pair"]);
}

#[test]
fn wgpu_unpadded_decodes_equal_the_cpu() {
    if !has_adapter() {
        return;
    }
    let codes = Expected::read("24khz").codes("whole.codes");
    // Three copies, because one has too few frames for a sample.
    let codes = Codes::concat_frames(&[codes.clone(), codes.clone(), codes]).unwrap();
    let decode = |device| common::codec("24khz", device).decode_codes_unpadded(&codes).unwrap();
    assert!(max_abs(&decode(GPU), &decode(Device::Cpu)).unwrap() <= 1e-4);
}

#[test]
fn wgpu_tiny_equals_the_cpu() {
    if !has_adapter() {
        return;
    }
    let signal = Array3::mono(sweep(12 * 512 - 77));
    let (cpu, gpu) = (tiny(Device::Cpu, Precision::F32).unwrap(), tiny(GPU, Precision::F32).unwrap());
    let (expected, found) = (cpu.encode(&signal, None).unwrap(), gpu.encode(&signal, None).unwrap());
    let margins =
        margins(&expected.latents, &mut dac_model::tiny::open().unwrap(), expected.codes.codebooks());
    equal_frames(&found.codes, &expected.codes, Some(&margins)).unwrap();
    let difference =
        max_abs(&gpu.decode_codes(&expected.codes).unwrap(), &cpu.decode_codes(&expected.codes).unwrap());
    assert!(difference.unwrap() <= 1e-4);
}

#[test]
fn wgpu_16_bit_precisions_are_close_to_f32_or_rejected() {
    if !has_adapter() {
        return;
    }
    let cpu = tiny(Device::Cpu, Precision::Exact).unwrap();
    let codes = cpu.encode(&Array3::mono(sweep(12 * 512)), None).unwrap().codes;
    let expected = cpu.decode_codes(&codes).unwrap();
    for (precision, least_db) in [(Precision::F16, 40.0), (Precision::Bf16, 25.0)] {
        let gpu = match tiny(GPU, precision) {
            Ok(gpu) => gpu,
            Err(CodecError::Precision { .. }) => {
                eprintln!("skipped: this adapter has no {precision}");
                continue;
            }
            Err(error) => panic!("{precision}: {error}"),
        };
        let snr_db = snr_db(gpu.decode_codes(&codes).unwrap().as_slice(), expected.as_slice());
        eprintln!("{precision}: {snr_db:.1} dB");
        assert!((least_db..200.0).contains(&snr_db), "{precision}: {snr_db} dB");
    }
}

fn tiny(device: Device, precision: Precision) -> Result<Codec, CodecError> {
    let mut checkpoint = dac_model::tiny::open().unwrap();
    let shape = checkpoint.shape().clone();
    let mut options = CodecOptions::on(device);
    options.precision = precision;
    Codec::load(&shape, &mut checkpoint, options)
}

/// Returns the signal-to-noise ratio in dB.
fn snr_db(found: &[f32], expected: &[f32]) -> f64 {
    assert_eq!(found.len(), expected.len());
    let power = |values: &mut dyn Iterator<Item = f32>| values.map(|v| f64::from(v * v)).sum::<f64>();
    let difference = power(&mut found.iter().zip(expected).map(|(a, b)| a - b));
    10.0 * (power(&mut expected.iter().copied()) / difference).log10()
}

#[test]
fn wgpu_adapters_beyond_the_last_are_rejected() {
    if !has_adapter() {
        return;
    }
    let error = open_device(Device::Wgpu(Some(99))).unwrap_err();
    assert!(matches!(error, DeviceError::NotFound { .. }), "{error}");
    assert!(error.to_string().contains("'wgpu:99' was not found: this machine has"), "{error}");
    assert!(open_device(Device::Wgpu(Some(0))).is_ok());
}

/// A rising sine plus a constant one, below full scale.
fn sweep(samples: usize) -> Vec<f32> {
    let signal = (0..samples).map(|n| {
        let t = n as f64 / 44100.0;
        0.4 * (std::f64::consts::TAU * (200.0 + 8000.0 * t) * t).sin() + 0.2 * (5000.0 * t).sin()
    });
    signal.map(|v| v as f32).collect()
}

/// Returns the distance between the nearest and the second nearest entry, `[batch, codebooks, frames]`.
fn margins(latents: &Array3, weights: &mut dyn Weights, codebooks: usize) -> Array3 {
    let [batch, channels, frames] = latents.shape();
    let dim = channels / codebooks;
    let unit = |v: Vec<f32>| {
        let norm = v.iter().map(|v| v * v).sum::<f32>().sqrt().max(1e-12);
        v.into_iter().map(|v| v / norm).collect::<Vec<f32>>()
    };
    let mut margins = Vec::new();
    for item in 0..batch {
        let rows = latents.to_rows(item);
        for k in 0..codebooks {
            let entries = weights.tensor(&format!("quantizer.quantizers.{k}.codebook.weight"), &[1024, dim]);
            let entries: Vec<_> = entries.unwrap().chunks(dim).map(|entry| unit(entry.to_vec())).collect();
            for t in 0..frames {
                let latent = unit(rows[t * channels + k * dim..][..dim].to_vec());
                let distances =
                    entries.iter().map(|e| e.iter().zip(&latent).map(|(a, b)| (a - b).powi(2)).sum());
                let mut distances: Vec<f32> = distances.collect();
                distances.sort_by(f32::total_cmp);
                margins.push(distances[1] - distances[0]);
            }
        }
    }
    Array3::new(margins, [batch, codebooks, frames]).unwrap()
}
