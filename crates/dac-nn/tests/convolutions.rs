//! Compares every formulation of the convolutions with burn's own, on every layer of the published networks'
//! strides, with few channels.
#![cfg(feature = "burn")]
#![allow(clippy::print_stderr, reason = "skipped tests are reported")]

use burn::tensor::module::{conv_transpose1d, conv1d};
use burn::tensor::ops::{ConvOptions, ConvTransposeOptions};
use burn::tensor::{Device as BurnDevice, Tensor};
use dac_kernels::{ConvParams, ConvTransposeParams};
use dac_nn::tensor::{Arithmetic, Conv, ConvTranspose, Loader, open_device, read, upload};
use dac_nn::{
    ConvolutionShape, Device, Formulation, Formulations, Layer, NetworkShape, Padding, WeightError, Weights,
    layer,
};

/// Uniform random values in −1 to 1.
struct Random(fastrand::Rng);

impl Random {
    fn new(seed: u64) -> Self {
        Self(fastrand::Rng::with_seed(seed))
    }

    fn values(&mut self, count: usize) -> Vec<f32> {
        (0..count).map(|_| 2.0 * self.0.f32() - 1.0).collect()
    }
}

impl Weights for Random {
    fn tensor(&mut self, _: &str, shape: &[usize]) -> Result<Vec<f32>, WeightError> {
        Ok(self.values(shape.iter().product()))
    }
}

/// Opens a device; `None`, with a message, if it is missing and not required.
fn open(device: Device) -> Option<BurnDevice> {
    let found = open_device(device).ok();
    let required =
        std::env::var("DAC_REQUIRE").is_ok_and(|list| list.split(',').any(|name| name.trim() == "lavapipe"));
    assert!(found.is_some() || !required, "DAC_REQUIRE names lavapipe, but {device} was not found");
    if found.is_none() {
        eprintln!("skipped: {device} was not found");
    }
    found
}

/// A convolution or transposed convolution with random parameters.
#[derive(Debug)]
enum Spec {
    Conv(layer::Conv),
    ConvTranspose(layer::ConvTranspose),
}

impl Spec {
    fn shape(&self) -> ConvolutionShape {
        match self {
            Self::Conv(spec) => ConvolutionShape::of_conv(&spec.params),
            Self::ConvTranspose(spec) => ConvolutionShape::of_conv_transpose(&spec.params),
        }
    }

    fn in_channels(&self) -> usize {
        match self {
            Self::Conv(spec) => spec.params.in_channels,
            Self::ConvTranspose(spec) => spec.params.in_channels,
        }
    }

    /// Returns the fewest input positions that give an output without padding.
    fn least_positions(&self) -> usize {
        match self {
            Self::Conv(spec) => spec.params.dilation * (spec.params.kernel - 1) + 1,
            Self::ConvTranspose(_) => 1,
        }
    }

    /// Computes the layer in a formulation, with channels in the middle as burn's own has them.
    fn forward(&self, loader: &mut Loader<'_>, x: Tensor<3>, padding: Padding) -> Tensor<3> {
        let x = x.swap_dims(1, 2);
        let y = match self {
            Self::Conv(spec) => Conv::load(spec, loader).unwrap().forward(x, padding),
            Self::ConvTranspose(spec) => ConvTranspose::load(spec, loader).unwrap().forward(x, padding),
        };
        y.swap_dims(1, 2)
    }

    /// Computes the layer by burn's own function, with the parameters of `Random::new(1)`.
    fn plain(&self, x: Tensor<3>, padding: Padding, device: &BurnDevice) -> Tensor<3> {
        let padded = |own: usize| if padding == Padding::Zeros { own } else { 0 };
        match self {
            Self::Conv(spec) => {
                let ConvParams { in_channels, out_channels, kernel, stride, dilation, padding } = spec.params;
                let [weight, bias] = Random::new(1).weight_and_bias(spec.parameters()).unwrap();
                let weight = upload(weight, [out_channels, in_channels, kernel], device);
                let options = ConvOptions::new([stride], [padded(padding)], [dilation], 1);
                conv1d(x, weight, Some(upload(bias, [out_channels], device)), options)
            }
            Self::ConvTranspose(spec) => {
                let ConvTransposeParams { in_channels, out_channels, kernel, stride, padding } = spec.params;
                let [weight, bias] = Random::new(1).weight_and_bias(spec.parameters()).unwrap();
                let weight = upload(weight, [in_channels, out_channels, kernel], device);
                let options = ConvTransposeOptions::new([stride], [padded(padding)], [0], [1], 1);
                conv_transpose1d(x, weight, Some(upload(bias, [out_channels], device)), options)
            }
        }
    }
}

/// The distinct convolutions of the networks with these strides.
fn specs_of_networks() -> Vec<Spec> {
    let mut specs: Vec<Spec> = Vec::new();
    let mut add = |spec: Spec| {
        if !specs.iter().any(|known| format!("{known:?}") == format!("{spec:?}")) {
            specs.push(spec);
        }
    };
    let name = || "layer".to_owned();
    for rates in [[2, 4, 8, 8], [2, 4, 5, 8]] {
        let shape = NetworkShape {
            sample_rate_hz: 44100,
            encoder_dim: 1,
            encoder_rates: rates.to_vec(),
            latent_dim: 6,
            decoder_dim: 16,
            decoder_rates: rates.into_iter().rev().collect(),
            codebooks: 1,
            codebook_size: 4,
            codebook_dim: 2,
        };
        for layer in shape.encoder().into_iter().chain(shape.decoder()) {
            match layer {
                Layer::Conv(conv) => add(Spec::Conv(layer::Conv { name: name(), ..conv })),
                Layer::ConvTranspose(conv) => {
                    add(Spec::ConvTranspose(layer::ConvTranspose { name: name(), ..conv }));
                }
                Layer::ResidualUnit(unit) => {
                    add(Spec::Conv(layer::Conv { name: name(), ..unit.conv1 }));
                    add(Spec::Conv(layer::Conv { name: name(), ..unit.conv2 }));
                }
                Layer::Snake(_) | Layer::Tanh { .. } => {}
            }
        }
    }
    specs
}

/// Shapes that no network has: kernels that are not a multiple of the stride, dilated strides, no padding.
fn odd_specs() -> Vec<Spec> {
    let name = || "layer".to_owned();
    let conv = [(7, 3, 1, 2), (3, 2, 2, 1), (4, 1, 2, 0), (2, 4, 1, 0)].map(
        |(kernel, stride, dilation, padding)| {
            let params = ConvParams { in_channels: 3, out_channels: 5, kernel, stride, dilation, padding };
            Spec::Conv(layer::Conv { name: name(), params })
        },
    );
    let transposed = [(7, 3, 2), (3, 1, 1), (2, 4, 0)].map(|(kernel, stride, padding)| {
        let params = ConvTransposeParams { in_channels: 6, out_channels: 3, kernel, stride, padding };
        Spec::ConvTranspose(layer::ConvTranspose { name: name(), params })
    });
    conv.into_iter().chain(transposed).collect()
}

/// Compares the formulations of a layer, relative to the largest value that the sums can reach.
///
/// Winograd's larger tiles round more: F(6, 7) sums terms 100 times the size of the result.
fn assert_equal_to_plain(device: Device, spec: &Spec, arithmetic: Arithmetic, lengths: &[usize]) {
    let Some(burn_device) = open(device) else { return };
    let shape = spec.shape();
    let mut random = Random::new(2);
    for formulation in Formulation::candidates(&shape) {
        let bound = match formulation {
            Formulation::Conv | Formulation::Shifted | Formulation::Unfolded => 1e-6,
            Formulation::Winograd2 => 2e-6,
            Formulation::Winograd4 => 5e-6,
            Formulation::Winograd6 => 2e-5,
        };
        let formulations = Formulations::all(formulation);
        for (&extra, batch) in lengths.iter().zip([1, 2].into_iter().cycle()) {
            let positions = spec.least_positions() + extra;
            let x = random.values(batch * spec.in_channels() * positions);
            let x = upload(x, [batch, spec.in_channels(), positions], &burn_device);
            for padding in [Padding::None, Padding::Zeros] {
                let mut loader = Loader {
                    weights: &mut Random::new(1),
                    device: &burn_device,
                    arithmetic,
                    formulations: &formulations,
                };
                let found = spec.forward(&mut loader, x.clone(), padding);
                let expected = spec.plain(x.clone(), padding, &burn_device);
                assert_eq!(found.dims(), expected.dims(), "{device}, {spec:?}, {formulation}");
                let (found, expected) = (read(found).unwrap(), read(expected).unwrap());
                let worst = found.iter().zip(&expected).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max);
                let scale = (shape.taps * shape.in_channels) as f32;
                let text =
                    format!("{device}, {spec:?}, {formulation}, {positions} positions: {worst} of {scale}");
                assert!(worst <= bound * scale.max(4.0), "{text}");
            }
        }
    }
}

#[test]
fn formulations_equal_burn_on_the_cpu() {
    for device in [Device::Flex, Device::NdArray] {
        if Device::compiled().contains(&device) {
            for spec in specs_of_networks().into_iter().chain(odd_specs()) {
                assert_equal_to_plain(device, &spec, Arithmetic::F32, &[0, 1, 37]);
            }
        }
    }
}

/// The parts of the split hold f32 to 22 bits, also beyond the range of f16.
#[test]
fn split_products_are_nearly_exact() {
    let Some(burn_device) = [Device::Flex, Device::NdArray].into_iter().find_map(|d| open_device(d).ok())
    else {
        return;
    };
    for spec in &specs_of_networks()[..4] {
        assert_equal_to_plain(Device::Flex, spec, Arithmetic::Split, &[5]);
    }
    let values = vec![1e-9, -3.3e-5, 0.1, 1.000_000_1, -77.7, 65_520.0, 1e6];
    let factor = Arithmetic::Split.factor(upload(values.clone(), [7, 1], &burn_device));
    let one = Arithmetic::Split.factor(upload(vec![1.0], [1, 1], &burn_device));
    let found = read(factor.product(&one, Tensor::matmul)).unwrap();
    assert_eq!(found, values, "the parts do not add up");
}

/// On the layers with 8 channels, which have every kind; with `DAC_ALL_FORMULATIONS` on all layers, which
/// takes minutes on lavapipe.
#[cfg(feature = "wgpu")]
#[test]
fn formulations_equal_burn_on_wgpu() {
    let all = std::env::var_os("DAC_ALL_FORMULATIONS").is_some();
    let specs: Vec<_> =
        specs_of_networks().into_iter().filter(|spec| all || spec.in_channels() == 8).collect();
    assert!(specs.len() >= 6, "{specs:?}");
    for spec in specs {
        assert_equal_to_plain(Device::Wgpu(None), &spec, Arithmetic::F32, &[37]);
    }
}
