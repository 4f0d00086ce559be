//! Compares the transposed convolution by phases with burn's own.
#![cfg(feature = "burn")]
#![allow(clippy::print_stderr, reason = "skipped tests are reported")]

use burn::tensor::FloatDType;
use burn::tensor::module::conv_transpose1d;
use burn::tensor::ops::ConvTransposeOptions;
use dac_kernels::ConvTransposeParams;
use dac_nn::tensor::{ConvTranspose, Loader, open_device, read, upload};
use dac_nn::{Device, Padding, WeightError, Weights, layer};

/// Uniform random values in −1 to 1 (a linear congruential generator).
struct Random(u32);

impl Random {
    fn values(&mut self, count: usize) -> Vec<f32> {
        let step = |_| {
            self.0 = self.0.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            (self.0 >> 8) as f32 / (1 << 23) as f32 - 1.0
        };
        (0..count).map(step).collect()
    }
}

impl Weights for Random {
    fn tensor(&mut self, _: &str, shape: &[usize]) -> Result<Vec<f32>, WeightError> {
        Ok(self.values(shape.iter().product()))
    }
}

fn assert_phases_equal_burn(device: Device) {
    let Ok(burn_device) = open_device(device) else {
        let required = std::env::var("DAC_REQUIRE")
            .is_ok_and(|list| list.split(',').any(|name| name.trim() == "lavapipe"));
        assert!(!required, "DAC_REQUIRE names lavapipe, but {device} was not found");
        eprintln!("skipped: {device} was not found");
        return;
    };
    let mut random = Random(2);
    for (kernel, stride, padding) in [(16, 8, 4), (10, 5, 3), (4, 2, 1), (7, 3, 2), (3, 1, 1), (2, 4, 0)] {
        for (batch, in_channels, out_channels, positions) in [(1, 6, 3, 1), (2, 1, 4, 7), (1, 12, 5, 33)] {
            let name = "layer".to_owned();
            let params = ConvTransposeParams { in_channels, out_channels, kernel, stride, padding };
            let spec = layer::ConvTranspose { name, params };
            let [weight, bias] = Random(1).weight_and_bias(spec.parameters()).unwrap();
            let weight = upload(weight, [in_channels, out_channels, kernel], &burn_device);
            let bias = upload(bias, [out_channels], &burn_device);
            let arithmetic = FloatDType::F32;
            let mut loader = Loader { weights: &mut Random(1), device: &burn_device, arithmetic };
            let layer = ConvTranspose::load(&spec, &mut loader).unwrap();
            let x = random.values(batch * in_channels * positions);
            let x = upload(x, [batch, in_channels, positions], &burn_device);
            for padding in [Padding::None, Padding::Zeros] {
                let found = layer.forward(x.clone(), padding);
                let padded = if padding == Padding::Zeros { params.padding } else { 0 };
                let options = ConvTransposeOptions::new([stride], [padded], [0], [1], 1);
                let expected = conv_transpose1d(x.clone(), weight.clone(), Some(bias.clone()), options);
                assert_eq!(found.dims(), expected.dims(), "{device}, {spec:?}");
                let (found, expected) = (read(found).unwrap(), read(expected).unwrap());
                let worst = found.iter().zip(&expected).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max);
                assert!(worst <= 1e-5, "{device}, {spec:?}, {positions} positions: {worst}");
            }
        }
    }
}

#[test]
fn phases_equal_burn_on_the_cpu() {
    for device in [Device::Flex, Device::NdArray] {
        if Device::compiled().contains(&device) {
            assert_phases_equal_burn(device);
        }
    }
}

#[cfg(feature = "wgpu")]
#[test]
fn phases_equal_burn_on_wgpu() {
    assert_phases_equal_burn(Device::Wgpu(None));
}
