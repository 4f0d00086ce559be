//! Errors of planning.

use std::fmt;
use std::path::PathBuf;

/// Everything that prevents a plan, reported at once.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct PlanError {
    /// Inputs that are missing or not files, each with the reason.
    pub(crate) invalid: Vec<(PathBuf, String)>,
    /// Outputs that several inputs would write.
    pub(crate) collisions: Vec<(PathBuf, Vec<PathBuf>)>,
    /// Inputs that an output would replace, each with the output.
    pub(crate) overwritten: Vec<(PathBuf, PathBuf)>,
}

impl std::error::Error for PlanError {}

impl fmt::Display for PlanError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "nothing was done, because of:")?;
        for (path, reason) in &self.invalid {
            write!(f, "\n  {}: {reason}", path.display())?;
        }
        for (output, inputs) in &self.collisions {
            write!(f, "\n  {} would be written by {} inputs:", output.display(), inputs.len())?;
            for input in inputs {
                write!(f, "\n    {}", input.display())?;
            }
        }
        if !self.collisions.is_empty() {
            write!(
                f,
                "\n  (--keep-extension writes a.wav.dac for a.wav; --root DIR keeps directories below DIR)"
            )?;
        }
        for (input, output) in &self.overwritten {
            write!(f, "\n  {}: its output {} is itself an input", input.display(), output.display())?;
        }
        Ok(())
    }
}
