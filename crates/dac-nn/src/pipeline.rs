//! Builds the CPU engine's pipeline from a layer list.

use dac_kernels::{
    KernelError, LayerInfo, PackedSections, Pipeline, PipelineBuilder, PipelineOptions, ResidualUnit,
};
use thiserror::Error;

use crate::layer::{Layer, Parameter};
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
    add_layers(layers, weights, Pipeline::builder(options))
}

/// Builds the pipeline of a layer list from the packed weights of another with the same layers and options.
///
/// # Errors
/// When the sections do not fit the layers, or the processor does not support `options`.
pub fn build_prepared(
    layers: &[Layer],
    sections: PackedSections,
    options: PipelineOptions,
) -> Result<Pipeline, PipelineError> {
    add_layers(layers, &mut Lengths, Pipeline::builder(options).prepared(sections))
}

/// Parameters of the right lengths for a builder that does not read their values. The zeros of large ones are
/// memory that is reserved, but never touched.
struct Lengths;

impl Weights for Lengths {
    fn tensor(&mut self, _: &str, shape: &[usize]) -> Result<Vec<f32>, WeightError> {
        Ok(vec![0.0; shape.iter().product()])
    }

    fn parameter(&mut self, (name, shape): Parameter) -> Result<Vec<f32>, WeightError> {
        self.tensor(&name, &shape)
    }
}

fn add_layers(
    layers: &[Layer],
    weights: &mut dyn Weights,
    mut builder: PipelineBuilder,
) -> Result<Pipeline, PipelineError> {
    for layer in layers {
        builder = match layer {
            Layer::Conv(conv) => {
                let [weight, bias] = weights.weight_and_bias(conv.parameters())?;
                builder.conv(conv.params, &weight, &bias)
            }
            Layer::ConvTranspose(conv) => {
                let [weight, bias] = weights.weight_and_bias(conv.parameters())?;
                builder.conv_transpose(conv.params, &weight, &bias)
            }
            Layer::Snake(snake) => builder.snake(&weights.parameter(snake.alpha())?),
            Layer::ResidualUnit(unit) => {
                let alpha1 = &weights.parameter(unit.snake1.alpha())?;
                let [conv7_weight, conv7_bias] = &weights.weight_and_bias(unit.conv1.parameters())?;
                let alpha2 = &weights.parameter(unit.snake2.alpha())?;
                let [conv1_weight, conv1_bias] = &weights.weight_and_bias(unit.conv2.parameters())?;
                builder.residual_unit(ResidualUnit {
                    dilation: unit.conv1.params.dilation,
                    padding: unit.conv1.params.padding,
                    alpha1,
                    conv7_weight,
                    conv7_bias,
                    alpha2,
                    conv1_weight,
                    conv1_bias,
                })
            }
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
