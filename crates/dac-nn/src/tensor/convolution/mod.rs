//! Convolutions of stride 1 on burn tensors, in every formulation.

mod winograd;

use burn::tensor::module::conv1d;
use burn::tensor::ops::ConvOptions;
use burn::tensor::{Device, Tensor};

use self::winograd::Winograd;
use crate::formulation::{ConvolutionShape, Formulation};
use crate::tensor::arithmetic::{Arithmetic, Factor};
use crate::tensor::sequence::upload;

/// A convolution of stride 1 without padding, channels last.
#[derive(Debug, Clone)]
pub struct Convolution {
    weight: Weight,
    /// `[1, 1, out]`, f32.
    bias: Tensor<3>,
    shape: ConvolutionShape,
    arithmetic: Arithmetic,
}

/// The weight as a formulation uses it.
#[derive(Debug, Clone)]
enum Weight {
    /// `[out, in, taps]`.
    Conv(Factor<3>),
    /// `[1, in, out]` of each tap.
    Shifted(Vec<Factor<3>>),
    /// `[1, taps · in, out]`.
    Unfolded(Factor<3>),
    Winograd(Box<Winograd>),
}

impl Convolution {
    /// Uploads `weight`, `[taps, in, out]`, and `bias`, `[out]`, for a formulation.
    pub fn new(
        shape: ConvolutionShape,
        weight: Vec<f32>,
        bias: Vec<f32>,
        formulation: Formulation,
        arithmetic: Arithmetic,
        device: &Device,
    ) -> Self {
        let ConvolutionShape { in_channels, out_channels, taps, .. } = shape;
        let bias = upload(bias, [1, 1, out_channels], device);
        let upload = |shape| upload(weight.clone(), shape, device);
        let formulation = formulation.for_shape(&shape);
        let weight = match (formulation, formulation.tile(taps)) {
            (_, Some((outputs, _))) => {
                Weight::Winograd(Box::new(Winograd::new(outputs, &shape, &weight, arithmetic, device)))
            }
            (Formulation::Conv, None) => {
                Weight::Conv(arithmetic.factor(upload([taps, in_channels, out_channels]).permute([2, 1, 0])))
            }
            (Formulation::Unfolded, None) => {
                Weight::Unfolded(arithmetic.factor(upload([1, taps * in_channels, out_channels])))
            }
            _ => {
                let all = upload([taps, in_channels, out_channels]);
                Weight::Shifted(
                    (0..taps).map(|tap| arithmetic.factor(all.clone().narrow(0, tap, 1))).collect(),
                )
            }
        };
        Self { weight, bias, shape, arithmetic }
    }

    /// # Shapes
    /// `[batch, positions, in]` to `[batch, positions − dilation · (taps − 1), out]`, both f32.
    pub fn forward(&self, x: Tensor<3>) -> Tensor<3> {
        let ConvolutionShape { taps, dilation, .. } = self.shape;
        let positions = x.dims()[1] - self.shape.reach();
        let y = match &self.weight {
            Weight::Conv(weight) => {
                let x = self.arithmetic.factor(x).map(|x| x.swap_dims(1, 2));
                let options = || ConvOptions::new([1], [0], [dilation], 1);
                x.product(weight, |x, weight| conv1d(x, weight, None, options())).swap_dims(1, 2)
            }
            Weight::Shifted(weights) => {
                let x = self.arithmetic.factor(x);
                let tap = |(tap, weight): (usize, &Factor<3>)| {
                    let shifted = x.clone().map(|x| x.narrow(1, tap * dilation, positions));
                    shifted.product(weight, Tensor::matmul)
                };
                let mut taps = weights.iter().enumerate().map(tap);
                let first = taps.next().expect("a convolution has taps");
                taps.fold(first, |sum, product| sum + product)
            }
            Weight::Unfolded(weight) => {
                let tap = |tap| x.clone().narrow(1, tap * dilation, positions);
                let unfolded = Tensor::cat((0..taps).map(tap).collect(), 2);
                self.arithmetic.factor(unfolded).product(weight, Tensor::matmul)
            }
            Weight::Winograd(winograd) => winograd.forward(x, &self.shape, self.arithmetic),
        };
        y + self.bias.clone()
    }
}
