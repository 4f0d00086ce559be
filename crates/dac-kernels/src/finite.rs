//! Search for values that are not finite.

/// Values that are tested together, so that the test uses vector instructions.
const CHUNK: usize = 1024;

/// Returns the index of the first NaN or infinity.
pub fn first_non_finite(values: &[f32]) -> Option<usize> {
    let is_finite = |chunk: &[f32]| chunk.iter().fold(true, |all, value| all & value.is_finite());
    let chunk = values.chunks(CHUNK).position(|chunk| !is_finite(chunk))?;
    let start = chunk * CHUNK;
    let at = values.get(start..)?.iter().position(|value| !value.is_finite())?;
    Some(start + at)
}

/// Origin of a value that is not finite in a pipeline.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum NonFinite {
    /// The input contained it.
    Input,
    /// The layer with this index in [`crate::Pipeline::layers`] computed it.
    Layer(usize),
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_of_several_is_found_at_any_position() {
        assert_eq!(first_non_finite(&[]), None);
        assert_eq!(first_non_finite(&vec![f32::MAX; 5000]), None);
        for value in [f32::NAN, f32::INFINITY, f32::NEG_INFINITY] {
            for at in [0, 1, 1023, 1024, 1025, 4999] {
                let mut values = vec![-0.0; 5000];
                values[at] = value;
                values[4999] = f32::NAN;
                assert_eq!(first_non_finite(&values), Some(at));
            }
        }
    }
}
