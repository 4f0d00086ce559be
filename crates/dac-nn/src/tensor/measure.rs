//! Times and errors of the formulations of a convolution, measured on a device.

use std::time::Instant;

use burn::tensor::{Device, Tensor};

use crate::formulation::{ConvolutionShape, Formulation};
use crate::tensor::arithmetic::Arithmetic;
use crate::tensor::convolution::Convolution;
use crate::tensor::readback::{TensorReadError, read};
use crate::tensor::sequence::upload;

/// Time and error of one formulation.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Measurement {
    /// The formulation.
    pub formulation: Formulation,
    /// Shortest time of a convolution in seconds.
    pub seconds: f64,
    /// Largest difference from exact sums, relative to the root mean square of the outputs.
    pub error: f64,
}

/// Least number of timed runs, and the least time that they take together.
const LEAST_RUNS: usize = 3;
const LEAST_SECONDS: f64 = 0.02;

/// Outputs compared with exact sums: this many positions in each of this many channels.
const COMPARED: [usize; 2] = [16, 16];

/// Measures `formulations` for inputs `[batch, positions + reach, in]` of noise, with random weights.
///
/// # Errors
/// When the device fails.
pub fn measure(
    shape: &ConvolutionShape,
    formulations: &[Formulation],
    [batch, positions]: [usize; 2],
    arithmetic: Arithmetic,
    device: &Device,
) -> Result<Vec<Measurement>, TensorReadError> {
    let ConvolutionShape { in_channels, out_channels, taps, .. } = *shape;
    let mut noise = Noise(1);
    let gain = 1.0 / ((taps * in_channels) as f32).sqrt();
    let weight: Vec<f32> = (0..taps * in_channels * out_channels).map(|_| gain * noise.next()).collect();
    let len = positions + shape.reach();
    let input: Vec<f32> = (0..batch * len * in_channels).map(|_| noise.next()).collect();
    let compared = compared_outputs(shape, positions, &input, &weight);
    let x = upload(input, [batch, len, in_channels], device);
    let mut measured = Vec::with_capacity(formulations.len());
    for &formulation in formulations {
        let bias = vec![0.0; out_channels];
        let convolution = Convolution::new(*shape, weight.clone(), bias, formulation, arithmetic, device);
        // The first run compiles kernels.
        let error = error_of(convolution.forward(x.clone()), &compared)?;
        let (started, mut seconds, mut runs) = (Instant::now(), f64::INFINITY, 0);
        while runs < LEAST_RUNS || started.elapsed().as_secs_f64() < LEAST_SECONDS {
            let run = Instant::now();
            let y = convolution.forward(x.clone());
            // Waits for the result of a device that computes in the background.
            read(y.slice([0..1, 0..1, 0..1]))?;
            seconds = seconds.min(run.elapsed().as_secs_f64());
            runs += 1;
        }
        measured.push(Measurement { formulation, seconds, error });
    }
    Ok(measured)
}

/// Positions and channels of the first item, spread over the output, and their exact values.
struct Compared {
    positions: Vec<usize>,
    channels: Vec<usize>,
    /// `[position][channel]`.
    values: Vec<f64>,
}

/// Computes some outputs by direct sums in f64.
fn compared_outputs(shape: &ConvolutionShape, positions: usize, input: &[f32], weight: &[f32]) -> Compared {
    let ConvolutionShape { in_channels, out_channels, taps, dilation } = *shape;
    let spread = |of: usize, count: usize| (0..count.min(of)).map(move |i| i * (of - 1) / (count - 1).max(1));
    let positions: Vec<usize> = spread(positions, COMPARED[0]).collect();
    let channels: Vec<usize> = spread(out_channels, COMPARED[1]).collect();
    let mut values = Vec::with_capacity(positions.len() * channels.len());
    for (&position, &channel) in positions.iter().flat_map(|p| channels.iter().map(move |c| (p, c))) {
        let taps = (0..taps).map(|tap| {
            let inputs = &input[(position + tap * dilation) * in_channels..][..in_channels];
            let weights = weight[tap * in_channels * out_channels + channel..].iter().step_by(out_channels);
            inputs.iter().zip(weights).map(|(x, w)| f64::from(*x) * f64::from(*w)).sum::<f64>()
        });
        values.push(taps.sum());
    }
    Compared { positions, channels, values }
}

fn error_of(y: Tensor<3>, compared: &Compared) -> Result<f64, TensorReadError> {
    let [_, positions, channels] = y.dims();
    let first = read(y.narrow(0, 0, 1))?;
    debug_assert_eq!(first.len(), positions * channels);
    let places = compared.positions.iter().flat_map(|p| compared.channels.iter().map(move |c| (p, c)));
    let found = places.map(|(p, c)| f64::from(first[p * channels + c]));
    let worst = found.zip(&compared.values).map(|(found, value)| (found - value).abs()).fold(0.0, worse);
    let power = compared.values.iter().map(|v| v * v).sum::<f64>() / compared.values.len().max(1) as f64;
    Ok(worst / power.sqrt())
}

/// The larger value; NaN if one is NaN, which no bound admits.
fn worse(a: f64, b: f64) -> f64 {
    if a.is_nan() || b.is_nan() { f64::NAN } else { a.max(b) }
}

/// Uniform random values in −1 to 1 (a linear congruential generator).
struct Noise(u32);

impl Noise {
    fn next(&mut self) -> f32 {
        self.0 = self.0.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (self.0 >> 8) as f32 / (1 << 23) as f32 - 1.0
    }
}
