//! The encoder or decoder as a sequence of layers on burn tensors.

use burn::tensor::{Device, FloatDType, Tensor, TensorData};

use crate::layer::Layer;
use crate::tensor::{Conv, ConvTranspose, ResidualUnit, Snake};
use crate::weights::{WeightError, Weights};

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
    /// At the first parameter missing from `weights`.
    pub fn load(layers: &[Layer], weights: &mut dyn Weights, device: &Device) -> Result<Self, WeightError> {
        let steps = layers
            .iter()
            .map(|layer| {
                let step = match layer {
                    Layer::Conv(spec) => Step::Conv(Conv::load(spec, weights, device)?),
                    Layer::ConvTranspose(spec) => {
                        Step::ConvTranspose(ConvTranspose::load(spec, weights, device)?)
                    }
                    Layer::Snake(spec) => Step::Snake(Snake::load(spec, weights, device)?),
                    Layer::ResidualUnit(spec) => {
                        Step::ResidualUnit(Box::new(ResidualUnit::load(spec, weights, device)?))
                    }
                    Layer::Tanh { .. } => Step::Tanh,
                };
                Ok((layer.name().to_owned(), step))
            })
            .collect::<Result<_, WeightError>>()?;
        Ok(Self { steps })
    }

    /// Returns a copy whose layers do not pad; lengths follow [`Layer::unpadded_len`]. Tensors are shared.
    #[must_use]
    pub fn unpadded(&self) -> Self {
        self.clone().map(|step| match step {
            Step::Conv(layer) => Step::Conv(layer.unpadded()),
            Step::ConvTranspose(layer) => Step::ConvTranspose(layer.unpadded()),
            Step::ResidualUnit(layer) => Step::ResidualUnit(Box::new(layer.unpadded())),
            Step::Snake(_) | Step::Tanh => step,
        })
    }

    /// Applies [`Conv::with_arithmetic`] to every convolution; snakes and sums stay in f32.
    #[must_use]
    pub fn with_arithmetic(self, arithmetic: FloatDType) -> Self {
        self.map(|step| match step {
            Step::Conv(layer) => Step::Conv(layer.with_arithmetic(arithmetic)),
            Step::ConvTranspose(layer) => Step::ConvTranspose(layer.with_arithmetic(arithmetic)),
            Step::ResidualUnit(layer) => Step::ResidualUnit(Box::new(layer.with_arithmetic(arithmetic))),
            Step::Snake(_) | Step::Tanh => step,
        })
    }

    fn map(self, change: impl Fn(Step) -> Step) -> Self {
        Self { steps: self.steps.into_iter().map(|(name, step)| (name, change(step))).collect() }
    }

    /// # Shapes
    /// Encoder: `[batch, 1, samples]` to `[batch, latent, frames]`. Decoder: `[batch, latent, frames]` to
    /// `[batch, 1, samples]`. Lengths follow [`Layer::output_len`] of each layer.
    pub fn forward(&self, x: Tensor<3>) -> Tensor<3> {
        self.forward_traced(x, |_, _| {})
    }

    /// Does what [`Sequence::forward`] does and passes each layer's name and output to `trace`.
    pub fn forward_traced(&self, x: Tensor<3>, mut trace: impl FnMut(&str, &Tensor<3>)) -> Tensor<3> {
        self.steps.iter().fold(x, |x, (name, step)| {
            let y = match step {
                Step::Conv(layer) => layer.forward(x),
                Step::ConvTranspose(layer) => layer.forward(x),
                Step::Snake(layer) => layer.forward(x),
                Step::ResidualUnit(layer) => layer.forward(x),
                // The difference is NaN for an infinite value, which is an overflow and must not be taken
                // for a sample at full scale; otherwise it is 0.
                Step::Tanh => x.clone().tanh() + (x.clone() - x),
            };
            trace(name, &y);
            y
        })
    }
}
