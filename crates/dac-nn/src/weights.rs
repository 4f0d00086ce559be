//! The interface through which layers load their parameters.

use dac_kernels::first_non_finite;
use thiserror::Error;

use crate::layer::Parameter;

/// An error while loading a parameter.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum WeightError {
    /// The parameter does not exist.
    #[error("parameter {name} is missing")]
    Missing {
        /// Canonical name.
        name: String,
    },
    /// The parameter has the wrong shape.
    #[error("parameter {name} has shape {found:?}, expected {expected:?}")]
    Shape {
        /// Canonical name.
        name: String,
        /// Shape that the layer needs.
        expected: Vec<usize>,
        /// Shape in the source.
        found: Vec<usize>,
    },
    /// A value is NaN or infinite.
    #[error("parameter {name} contains {value} at position {position}, expected finite numbers")]
    NonFinite {
        /// Canonical name.
        name: String,
        /// Index of the first such value, row-major.
        position: usize,
        /// NaN or infinity.
        value: f32,
    },
    /// Reading the parameter failed.
    #[error("parameter {name} cannot be read: {source}")]
    Read {
        /// Canonical name.
        name: String,
        /// Cause.
        source: Box<dyn std::error::Error + Send + Sync>,
    },
}

/// A source of parameters under their canonical names, weight norm folded.
///
/// Layers load one tensor at a time, so that no weight is held twice.
pub trait Weights {
    /// Returns the values of parameter `name`, row-major; its shape must be `shape`.
    ///
    /// # Errors
    /// When the parameter is missing, has another shape, or cannot be read.
    fn tensor(&mut self, name: &str, shape: &[usize]) -> Result<Vec<f32>, WeightError>;

    /// Describes a value that is not finite, at `position` of the values of parameter `name`.
    fn non_finite(&mut self, name: &str, position: usize, value: f32) -> WeightError {
        WeightError::NonFinite { name: name.to_owned(), position, value }
    }

    /// Returns the values of a parameter, all of them finite. A network with one NaN may give finite results
    /// that are wrong.
    ///
    /// # Errors
    /// Same as [`Weights::tensor`], and when a value is not finite.
    fn parameter(&mut self, (name, shape): Parameter) -> Result<Vec<f32>, WeightError> {
        let values = self.tensor(&name, &shape)?;
        match first_non_finite(&values) {
            Some(position) => Err(self.non_finite(&name, position, values[position])),
            None => Ok(values),
        }
    }

    /// Returns the values of a convolution's parameters.
    ///
    /// # Errors
    /// Same as [`Weights::parameter`].
    fn weight_and_bias(&mut self, [weight, bias]: [Parameter; 2]) -> Result<[Vec<f32>; 2], WeightError> {
        Ok([self.parameter(weight)?, self.parameter(bias)?])
    }
}
