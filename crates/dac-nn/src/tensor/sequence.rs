//! The encoder or decoder as a sequence of layers on burn tensors.

use burn::tensor::{Device, FloatDType, Tensor, TensorData};

use crate::layer::{Layer, Padding};
use crate::tensor::{Conv, ConvTranspose, ResidualUnit, Snake};
use crate::weights::{WeightError, Weights};

/// Source, device and arithmetic of layers to load.
pub struct Loader<'a> {
    /// Source of the parameters.
    pub weights: &'a mut dyn Weights,
    /// Device that runs the layers.
    pub device: &'a Device,
    /// Type in which convolutions compute. Snakes and sums, and all inputs and outputs, are f32.
    pub arithmetic: FloatDType,
}

/// Uploads row-major values of the given shape.
pub fn upload<const D: usize>(values: Vec<f32>, shape: [usize; D], device: &Device) -> Tensor<D> {
    Tensor::from_data(TensorData::new(values, shape), device)
}

#[derive(Debug, Clone)]
enum Step {
    Conv(Conv),
    ConvTranspose(ConvTranspose),
    Snake(Snake),
    ResidualUnit(Box<ResidualUnit>),
    Tanh,
}

/// The named layers of an encoder or decoder, in order.
#[derive(Debug, Clone)]
pub struct Sequence {
    steps: Vec<(String, Step)>,
}

impl Sequence {
    /// Loads and uploads every layer, one parameter at a time.
    ///
    /// # Errors
    /// At the first parameter that cannot be loaded.
    pub fn load(layers: &[Layer], loader: &mut Loader<'_>) -> Result<Self, WeightError> {
        let mut steps = Vec::with_capacity(layers.len());
        for layer in layers {
            let step = match layer {
                Layer::Conv(spec) => Step::Conv(Conv::load(spec, loader)?),
                Layer::ConvTranspose(spec) => Step::ConvTranspose(ConvTranspose::load(spec, loader)?),
                Layer::Snake(spec) => Step::Snake(Snake::load(spec, loader)?),
                Layer::ResidualUnit(spec) => Step::ResidualUnit(Box::new(ResidualUnit::load(spec, loader)?)),
                Layer::Tanh { .. } => Step::Tanh,
            };
            steps.push((layer.name().to_owned(), step));
        }
        Ok(Self { steps })
    }

    /// # Shapes
    /// Encoder: `[batch, 1, samples]` to `[batch, latent, frames]`. Decoder: `[batch, latent, frames]` to
    /// `[batch, 1, samples]`. Lengths follow [`Layer::output_len`] or [`Layer::unpadded_len`] of each layer.
    pub fn forward(&self, x: Tensor<3>, padding: Padding) -> Tensor<3> {
        self.forward_traced(x, padding, |_, _| {})
    }

    /// Does what [`Sequence::forward`] does and passes each layer's name and output to `trace`.
    pub fn forward_traced(
        &self,
        x: Tensor<3>,
        padding: Padding,
        mut trace: impl FnMut(&str, &Tensor<3>),
    ) -> Tensor<3> {
        self.steps.iter().fold(x, |x, (name, step)| {
            let y = match step {
                Step::Conv(layer) => layer.forward(x, padding),
                Step::ConvTranspose(layer) => layer.forward(x, padding),
                Step::Snake(layer) => layer.forward(x),
                Step::ResidualUnit(layer) => layer.forward(x, padding),
                // The difference is NaN for an infinite value, which is an overflow and must not be taken
                // for a sample at full scale; otherwise it is 0.
                Step::Tanh => x.clone().tanh() + (x.clone() - x),
            };
            trace(name, &y);
            y
        })
    }
}
