//! Winograd's convolution on burn tensors: two small transforms, and one batched matrix product over the
//! points.

use burn::tensor::{Device, Tensor};
use dac_kernels::WinogradMatrices;

use crate::formulation::ConvolutionShape;
use crate::tensor::arithmetic::{Arithmetic, Factor};
use crate::tensor::sequence::{upload, zero_padded};

/// F(m, taps) with its transformed weight.
#[derive(Debug, Clone)]
pub(super) struct Winograd {
    /// m.
    outputs: usize,
    points: usize,
    /// Bᵀ, `[points, points]`.
    input: Tensor<2>,
    /// G · weight, `[points, in, out]`.
    weight: Factor<3>,
    /// Aᵀ, `[m, points]`.
    output: Tensor<2>,
}

impl Winograd {
    /// Transforms and uploads a weight `[taps, in, out]`.
    pub(super) fn new(
        outputs: usize,
        shape: &ConvolutionShape,
        weight: &[f32],
        arithmetic: Arithmetic,
        device: &Device,
    ) -> Self {
        let matrices = WinogradMatrices::new(outputs, shape.taps).expect("formulations are chosen by taps");
        let WinogradMatrices { points, input, weight: transform, output } = matrices;
        let values = shape.in_channels * shape.out_channels;
        let mut transformed = Vec::with_capacity(points * values);
        for row in transform.chunks(shape.taps) {
            transformed.extend((0..values).map(|i| {
                let taps = row.iter().zip(weight[i..].iter().step_by(values));
                taps.map(|(factor, value)| factor * f64::from(*value)).sum::<f64>() as f32
            }));
        }
        let weight = upload(transformed, [points, shape.in_channels, shape.out_channels], device);
        Self {
            outputs,
            points,
            input: upload(input, [points, points], device),
            weight: arithmetic.factor(weight),
            output: upload(output, [outputs, points], device),
        }
    }

    /// As [`super::Convolution::forward`], without the bias.
    ///
    /// The phases of a dilated convolution become items of the batch.
    pub(super) fn forward(
        &self,
        x: Tensor<3>,
        shape: &ConvolutionShape,
        arithmetic: Arithmetic,
    ) -> Tensor<3> {
        let (m, points) = (self.outputs, self.points);
        let ConvolutionShape { in_channels, out_channels, dilation, .. } = *shape;
        let [batch, positions, _] = x.dims();
        let outputs = positions - shape.reach();
        let tiles = outputs.div_ceil(dilation).div_ceil(m);
        // A tile reads the blocks of m positions that begin at its own.
        let reads = points.div_ceil(m);
        let blocks = tiles + reads - 1;
        let needed = blocks * m * dilation;
        let x = zero_padded(x, 0, needed.saturating_sub(positions)).narrow(1, 0, needed);
        // Position (block · m + i) · dilation + phase.
        let x = x.reshape([batch, blocks, m, dilation, in_channels]).permute([2, 0, 3, 1, 4]);
        let read = |first| x.clone().narrow(3, first, tiles);
        let tiled = Tensor::cat((0..reads).map(read).collect(), 0).narrow(0, 0, points);
        let rows = batch * dilation * tiles;
        let transformed = self.input.clone().matmul(tiled.reshape([points, rows * in_channels]));
        let transformed = arithmetic.factor(transformed.reshape([points, rows, in_channels]));
        let products = transformed.product(&self.weight, Tensor::matmul);
        let y = self.output.clone().matmul(products.reshape([points, rows * out_channels]));
        let y = y.reshape([m, batch, dilation, tiles, out_channels]).permute([1, 3, 0, 2, 4]);
        y.reshape([batch, tiles * m * dilation, out_channels]).narrow(1, 0, outputs)
    }
}
