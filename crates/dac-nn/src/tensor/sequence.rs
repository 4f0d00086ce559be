//! The encoder or decoder as a sequence of layers on burn tensors.

use burn::tensor::{Device, Int, Tensor, TensorData};

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

/// The layers of an encoder or decoder, in order.
#[derive(Debug, Clone)]
pub struct Sequence {
    steps: Vec<(Layer, Step)>,
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
            steps.push((layer.clone(), step));
        }
        Ok(Self { steps })
    }

    /// Returns the output length with zero padding.
    pub fn output_len(&self, len: usize) -> usize {
        self.steps.iter().fold(len, |len, (layer, _)| layer.output_len(len))
    }

    /// # Shapes
    /// Encoder: `[batch, 1, samples]` to `[batch, latent, frames]`. Decoder: `[batch, latent, frames]` to
    /// `[batch, 1, samples]`. Lengths follow [`Layer::output_len`] or [`Layer::unpadded_len`] of each layer.
    pub fn forward(&self, x: Tensor<3>, padding: Padding) -> Tensor<3> {
        self.forward_traced(x, padding, |_, _| {})
    }

    /// Does what [`Sequence::forward`] does with zero padding, for items of different lengths. Each is padded
    /// where it ends, so that it gives the same output as alone.
    ///
    /// # Shapes
    /// As [`Sequence::forward`], where item i has `lengths[i]` positions, and output positions by
    /// [`Layer::output_len`]. What the input and the output contain behind an item has no meaning.
    pub fn forward_items(&self, x: Tensor<3>, lengths: &[usize]) -> Tensor<3> {
        let mask = ItemMask::new(lengths.to_vec(), x.dims()[2], &x.device());
        self.run(x, Padding::Zeros, mask, |_, _| {})
    }

    /// Does what [`Sequence::forward`] does and passes each layer's name and output to `trace`.
    pub fn forward_traced(
        &self,
        x: Tensor<3>,
        padding: Padding,
        trace: impl FnMut(&str, &Tensor<3>),
    ) -> Tensor<3> {
        self.run(x, padding, None, trace)
    }

    fn run(
        &self,
        x: Tensor<3>,
        padding: Padding,
        mut mask: Option<ItemMask>,
        mut trace: impl FnMut(&str, &Tensor<3>),
    ) -> Tensor<3> {
        // The layers compute with channels last.
        let device = x.device();
        let mut x = swap_channels(x);
        let mut is_after_snake = false;
        for (layer, step) in &self.steps {
            // A snake keeps the zeros.
            if let Some(mask) = mask.as_ref().filter(|_| !is_after_snake) {
                x = mask.apply(x);
            }
            is_after_snake = matches!(step, Step::Snake(_));
            x = match step {
                Step::Conv(layer) => layer.forward(x, padding),
                Step::ConvTranspose(layer) => layer.forward(x, padding),
                Step::Snake(layer) => layer.forward(x),
                Step::ResidualUnit(layer) => layer.forward(x, padding),
                // The difference is NaN for an infinite value, which is an overflow and must not be taken
                // for a sample at full scale; otherwise it is 0.
                Step::Tanh => x.clone().tanh() + (x.clone() - x),
            };
            mask = mask.and_then(|mask| mask.behind(layer, x.dims()[1], &device));
            trace(layer.name(), &swap_channels(x.clone()));
            // burn fuses a snake into one kernel only if few operations wait with it. A failure of the device
            // shows when the result is read.
            let _ = device.flush();
        }
        swap_channels(x)
    }
}

/// The positions of a batch that belong to its items, for items of different lengths.
struct ItemMask {
    lengths: Vec<usize>,
    /// `[batch, positions, 1]`: 1 inside the items, 0 behind them.
    values: Tensor<3>,
}

impl ItemMask {
    /// Returns `None` if all items have all `positions`.
    fn new(lengths: Vec<usize>, positions: usize, device: &Device) -> Option<Self> {
        if lengths.iter().all(|&length| length == positions) {
            return None;
        }
        let ends: Vec<i32> = lengths.iter().map(|&length| length as i32).collect();
        let ends = Tensor::<3, Int>::from_data(TensorData::new(ends, [lengths.len(), 1, 1]), device);
        let at = Tensor::<1, Int>::arange(0..positions as i64, device).reshape([1, positions, 1]);
        Some(Self { values: (ends - at).clamp(0, 1).float(), lengths })
    }

    /// Replaces what is behind the items by 0.
    fn apply(&self, x: Tensor<3>) -> Tensor<3> {
        x * self.values.clone()
    }

    /// Returns the mask of a layer's output, which has `positions`.
    fn behind(self, layer: &Layer, positions: usize, device: &Device) -> Option<Self> {
        let lengths: Vec<_> = self.lengths.iter().map(|&length| layer.output_len(length)).collect();
        let is_same = lengths == self.lengths && positions == self.values.dims()[1];
        if is_same { Some(self) } else { Self::new(lengths, positions, device) }
    }
}

/// `[batch, a, b]` to `[batch, b, a]`.
fn swap_channels(x: Tensor<3>) -> Tensor<3> {
    let [batch, a, b] = x.dims();
    if a == 1 || b == 1 { x.reshape([batch, b, a]) } else { x.swap_dims(1, 2) }
}
