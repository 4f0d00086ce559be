//! The choice of formulations by measurement on a burn device.

use dac_nn::tensor::{Measurement, device_name, measure, open_device};
use dac_nn::{ConvolutionShape, Formulation, Formulations, Layer, NetworkShape};

use super::error::CodecError;
use super::options::CodecOptions;
use super::tensor::{arithmetic, failed};

/// Largest error, relative to the root mean square of a convolution's outputs, that a formulation may always
/// have. The CPU engine's convolutions have errors of this size.
const ERROR_BOUND: f64 = 1e-4;
/// Error that it may have relative to shifted products, which have the error of the precision.
const RELATIVE_ERROR_BOUND: f64 = 4.0;

/// The formulations of a convolution, measured.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct MeasuredConvolution {
    /// The layers that contain this convolution.
    pub layers: Vec<String>,
    /// Its shape.
    pub shape: ConvolutionShape,
    /// Windows and output positions of the measurement.
    pub size: [usize; 2],
    /// Times and errors.
    pub measurements: Vec<Measurement>,
    /// The fastest formulation with an admissible error.
    pub best: Formulation,
}

/// Formulations measured on a device.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct MeasuredFormulations {
    /// The driver's name of the device; `None` on the CPU.
    pub device_name: Option<String>,
    /// Every convolution of the network.
    pub convolutions: Vec<MeasuredConvolution>,
}

impl MeasuredFormulations {
    /// Returns the fastest formulations.
    pub fn formulations(&self, options: &CodecOptions) -> Formulations {
        let mut formulations = Formulations::unmeasured(options.device);
        for convolution in &self.convolutions {
            formulations.set(convolution.shape, convolution.best);
        }
        formulations
    }

    /// Measures all formulations of the convolutions of a network at the lengths of a batch of `windows`
    /// windows of `frames` frames, with random weights. `report` receives each convolution.
    ///
    /// Where a memory budget is set, formulations whose temporaries exceed it are left out.
    ///
    /// # Errors
    /// When the device is not available, does not support the precision, or fails.
    pub fn measure(
        shape: &NetworkShape,
        options: &CodecOptions,
        frames: usize,
        windows: usize,
        mut report: impl FnMut(&MeasuredConvolution),
    ) -> Result<Self, CodecError> {
        let device = open_device(options.device)?;
        let arithmetic = arithmetic(options.device, options.precision, &device)?;
        let mut convolutions = convolutions(shape, frames, windows);
        for convolution in &mut convolutions {
            let MeasuredConvolution { shape, size: [windows, positions], .. } = convolution;
            let fits = |formulation: &Formulation| {
                let values = formulation.temporary_values(shape, (*windows * *positions) as u64);
                options.memory_budget_bytes.is_none_or(|budget| 4 * values <= budget)
            };
            let candidates: Vec<_> = Formulation::candidates(shape).into_iter().filter(fits).collect();
            let measured = measure(shape, &candidates, convolution.size, arithmetic, &device);
            convolution.measurements = measured.map_err(|error| failed(options.device, &error))?;
            convolution.best = best(&convolution.measurements);
            report(convolution);
        }
        Ok(Self { device_name: device_name(&device), convolutions })
    }
}

/// Lists the distinct convolutions of a network, each at the longest of its lengths.
fn convolutions(shape: &NetworkShape, frames: usize, windows: usize) -> Vec<MeasuredConvolution> {
    let mut found: Vec<MeasuredConvolution> = Vec::new();
    for (layers, len) in [(shape.encoder(), frames * shape.hop_samples()), (shape.decoder(), frames)] {
        let mut positions = len;
        for layer in layers {
            let output = layer.output_len(positions);
            let outputs = if matches!(layer, Layer::ConvTranspose(_)) { positions + 1 } else { output };
            for shape in ConvolutionShape::of_layer(&layer) {
                let name = layer.name().to_owned();
                match found.iter_mut().find(|convolution| convolution.shape == shape) {
                    Some(known) => {
                        known.size[1] = known.size[1].max(outputs);
                        known.layers.push(name);
                    }
                    None => found.push(MeasuredConvolution {
                        layers: vec![name],
                        shape,
                        size: [windows, outputs],
                        measurements: Vec::new(),
                        best: Formulation::Shifted,
                    }),
                }
            }
            positions = output;
        }
    }
    found
}

/// Returns the fastest formulation within the error bounds; shifted products if no other is.
fn best(measurements: &[Measurement]) -> Formulation {
    let direct = measurements.iter().find(|m| m.formulation == Formulation::Shifted).map_or(0.0, |m| m.error);
    let bound = ERROR_BOUND.max(RELATIVE_ERROR_BOUND * direct);
    let admissible = measurements.iter().filter(|m| m.error <= bound);
    let fastest = admissible.min_by(|a, b| a.seconds.total_cmp(&b.seconds));
    fastest.map_or(Formulation::Shifted, |m| m.formulation)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_fastest_formulation_within_the_error_bounds_is_chosen() {
        let measured = |list: &[(Formulation, f64, f64)]| {
            let measurement = |&(formulation, seconds, error)| Measurement { formulation, seconds, error };
            best(&list.iter().map(measurement).collect::<Vec<_>>())
        };
        use Formulation::{Conv, Shifted, Unfolded, Winograd4, Winograd6};
        assert_eq!(measured(&[(Conv, 2.0, 1e-6), (Shifted, 1.0, 1e-6)]), Shifted);
        assert_eq!(
            measured(&[(Shifted, 2.0, 1e-6), (Winograd4, 1.0, 9e-5), (Winograd6, 0.5, 1.1e-4)]),
            Winograd4
        );
        assert_eq!(
            measured(&[(Shifted, 2.0, 1e-3), (Winograd4, 1.0, 3.9e-3), (Unfolded, 0.9, 4.1e-3)]),
            Winograd4
        );
        assert_eq!(measured(&[(Conv, 1.0, f64::NAN), (Unfolded, 1.0, f64::NAN)]), Shifted);
    }
}
