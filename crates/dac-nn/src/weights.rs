//! Where layers get their parameters from: one tensor at a time, so that nothing is held twice.

use thiserror::Error;

/// Why a parameter could not be had.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum WeightError {
    /// No parameter of that name.
    #[error("parameter {name} is missing")]
    Missing {
        /// Canonical name.
        name: String,
    },
    /// The parameter has another shape.
    #[error("parameter {name} has shape {found:?}, expected {expected:?}")]
    Shape {
        /// Canonical name.
        name: String,
        /// The shape the layer needs.
        expected: Vec<usize>,
        /// The shape that is there.
        found: Vec<usize>,
    },
    /// The source failed.
    #[error("parameter {name} cannot be read: {source}")]
    Read {
        /// Canonical name.
        name: String,
        /// What the source says.
        source: Box<dyn std::error::Error + Send + Sync>,
    },
}

/// A source of parameters under their canonical names, weight norm folded.
pub trait Weights {
    /// The values of parameter `name`, row-major, whose shape must be `shape`.
    ///
    /// # Errors
    /// When it is missing, of another shape, or cannot be read.
    fn tensor(&mut self, name: &str, shape: &[usize]) -> Result<Vec<f32>, WeightError>;

    /// The parameter that a layer names, as [`crate::layer::Layer::parameters`] gives it.
    ///
    /// # Errors
    /// As [`Weights::tensor`].
    fn parameter(&mut self, (name, shape): (String, Vec<usize>)) -> Result<Vec<f32>, WeightError> {
        self.tensor(&name, &shape)
    }
}
