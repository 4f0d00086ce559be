//! Builds the CPU engine's pipeline from a layer list.

use dac_kernels::{
    ConvParams, ConvTransposeParams, KernelError, LayerInfo, Pipeline, PipelineOptions, ResidualUnit,
};
use thiserror::Error;

use crate::layer::{Conv, Layer};
use crate::weights::{WeightError, Weights};

/// An error while building a pipeline.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum PipelineError {
    /// A parameter could not be loaded.
    #[error(transparent)]
    Weight(#[from] WeightError),
    /// The kernels reject a layer or an option.
    #[error(transparent)]
    Kernel(#[from] KernelError),
}

/// Packs a layer list, loading one parameter at a time so that no weight is held twice.
///
/// The pipeline's input and output rows are channels-last, `[positions][channels]`.
///
/// # Errors
/// At the first parameter missing from `weights`, or when the processor does not support `options`.
pub fn build(
    layers: &[Layer],
    weights: &mut dyn Weights,
    options: PipelineOptions,
) -> Result<Pipeline, PipelineError> {
    let mut builder = Pipeline::builder(options);
    for layer in layers {
        builder = match layer {
            Layer::Conv(conv) => {
                let (weight, bias) = (weights.parameter(conv.weight())?, weights.parameter(conv.bias())?);
                builder.conv(conv_params(conv), &weight, &bias)
            }
            Layer::ConvTranspose(conv) => {
                let (weight, bias) = (weights.parameter(conv.weight())?, weights.parameter(conv.bias())?);
                let params = ConvTransposeParams {
                    in_channels: conv.in_channels,
                    out_channels: conv.out_channels,
                    kernel: conv.kernel,
                    stride: conv.stride,
                    padding: conv.padding,
                };
                builder.conv_transpose(params, &weight, &bias)
            }
            Layer::Snake(snake) => builder.snake(&weights.parameter(snake.alpha())?),
            Layer::ResidualUnit(unit) => builder.residual_unit(ResidualUnit {
                dilation: unit.conv1.dilation,
                padding: unit.conv1.padding,
                alpha1: &weights.parameter(unit.snake1.alpha())?,
                conv7_weight: &weights.parameter(unit.conv1.weight())?,
                conv7_bias: &weights.parameter(unit.conv1.bias())?,
                alpha2: &weights.parameter(unit.snake2.alpha())?,
                conv1_weight: &weights.parameter(unit.conv2.weight())?,
                conv1_bias: &weights.parameter(unit.conv2.bias())?,
            }),
            Layer::Tanh { .. } => builder.tanh(),
        };
    }
    Ok(builder.build()?)
}

/// Names a pipeline layer after the layers of `layers` that it computes, joined by ` + `; falls back to the
/// kernels' own name if it computes none of them.
pub fn layer_name(layers: &[Layer], info: &LayerInfo) -> String {
    let names: Vec<&str> =
        layers.get(info.calls.clone()).unwrap_or_default().iter().map(Layer::name).collect();
    if names.is_empty() { info.name.clone() } else { names.join(" + ") }
}

fn conv_params(conv: &Conv) -> ConvParams {
    ConvParams {
        in_channels: conv.in_channels,
        out_channels: conv.out_channels,
        kernel: conv.kernel,
        stride: conv.stride,
        dilation: conv.dilation,
        padding: conv.padding,
    }
}
