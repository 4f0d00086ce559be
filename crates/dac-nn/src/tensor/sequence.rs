//! The encoder or decoder as a sequence of layers on burn tensors.

use burn::tensor::{Device, Tensor, TensorData};

use crate::formulation::{ConvolutionShape, Formulations};
use crate::layer::{Layer, Padding};
use crate::tensor::arithmetic::Arithmetic;
use crate::tensor::convolution::Convolution;
use crate::tensor::{Conv, ConvTranspose, ResidualUnit, Snake};
use crate::weights::{WeightError, Weights};

/// Source, device and arithmetic of layers to load.
pub struct Loader<'a> {
    /// Source of the parameters.
    pub weights: &'a mut dyn Weights,
    /// Device that runs the layers.
    pub device: &'a Device,
    /// Arithmetic of the convolutions. Snakes and sums, and all inputs and outputs, are f32.
    pub arithmetic: Arithmetic,
    /// Formulation of each convolution.
    pub formulations: &'a Formulations,
}

impl Loader<'_> {
    /// Uploads the parameters of a convolution; see [`Convolution::new`].
    pub(crate) fn convolution(
        &self,
        shape: ConvolutionShape,
        weight: Vec<f32>,
        bias: Vec<f32>,
    ) -> Convolution {
        let formulation = self.formulations.of(&shape);
        Convolution::new(shape, weight, bias, formulation, self.arithmetic, self.device)
    }
}

/// Uploads row-major values of the given shape.
pub fn upload<const D: usize>(values: Vec<f32>, shape: [usize; D], device: &Device) -> Tensor<D> {
    Tensor::from_data(TensorData::new(values, shape), device)
}

/// Adds zeros before and after the positions of `[batch, positions, channels]`.
pub(crate) fn zero_padded(x: Tensor<3>, before: usize, after: usize) -> Tensor<3> {
    if before + after == 0 {
        return x;
    }
    let [batch, _, channels] = x.dims();
    let device = x.device();
    let zeros = |positions| (positions > 0).then(|| Tensor::zeros([batch, positions, channels], &device));
    Tensor::cat([zeros(before), Some(x), zeros(after)].into_iter().flatten().collect(), 1)
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
        // The layers compute with channels last.
        let device = x.device();
        let y = self.steps.iter().fold(swap_channels(x), |x, (name, step)| {
            let y = match step {
                Step::Conv(layer) => layer.forward(x, padding),
                Step::ConvTranspose(layer) => layer.forward(x, padding),
                Step::Snake(layer) => layer.forward(x),
                Step::ResidualUnit(layer) => layer.forward(x, padding),
                // The difference is NaN for an infinite value, which is an overflow and must not be taken
                // for a sample at full scale; otherwise it is 0.
                Step::Tanh => x.clone().tanh() + (x.clone() - x),
            };
            trace(name, &swap_channels(y.clone()));
            // burn fuses a snake into one kernel only if few operations wait with it. A failure of the device
            // shows when the result is read.
            let _ = device.flush();
            y
        });
        swap_channels(y)
    }
}

/// `[batch, a, b]` to `[batch, b, a]`.
fn swap_channels(x: Tensor<3>) -> Tensor<3> {
    let [batch, a, b] = x.dims();
    if a == 1 || b == 1 { x.reshape([batch, b, a]) } else { x.swap_dims(1, 2) }
}
