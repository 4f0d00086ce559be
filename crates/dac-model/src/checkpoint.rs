//! Checkpoints in every published layout, read one tensor at a time, weight norm folded.

mod config;
mod error;
mod infer;
mod names;
mod source;

use std::io::Read;
use std::path::Path;

use dac_nn::{NetworkShape, WeightError, Weights};
use sha2::{Digest, Sha256};

pub use config::SideConfig;
pub use error::{CheckpointError, Mismatch, Reason};
pub use names::Layout;

use crate::preset::Preset;
use infer::Shapes;
use names::{Names, Stored};
use source::{Bytes, Source};

/// What loading a checkpoint found.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct LoadReport {
    /// Whose names the file uses.
    pub layout: Layout,
    /// What stands before them.
    pub prefix: String,
    /// How many tensors the file holds for the codec.
    pub tensors: usize,
    /// How many of the weights were weight-normalised and are folded.
    pub weight_normed: usize,
    /// How many numbers the folded network has.
    pub parameters: usize,
    /// The element types in the file.
    pub storage: Vec<String>,
    /// How many keys belong to a larger model around the codec.
    pub foreign: usize,
}

/// An open checkpoint whose parameters all fit the network that its shapes describe.
pub struct Checkpoint {
    source: Source,
    names: Names,
    shape: NetworkShape,
    report: LoadReport,
}

impl std::fmt::Debug for Checkpoint {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Checkpoint")
            .field("shape", &self.shape)
            .field("report", &self.report)
            .finish_non_exhaustive()
    }
}

impl Checkpoint {
    /// Opens a `.pth`, `.pt` or `.safetensors` checkpoint (told apart by content) and checks every key.
    ///
    /// `expected` fixes the shape beforehand, the sample rate included; without it the shape is the file's.
    ///
    /// # Errors
    /// When the file is not a checkpoint of this codec, is cut, or is not `expected`; missing, unused and mis-shaped keys
    /// are all listed in one error.
    pub fn open(path: &Path, expected: Option<Preset>) -> Result<Self, CheckpointError> {
        let rate = SideConfig::beside(path).sampling_rate_hz;
        Self::read(&Bytes::Path(path), expected, rate)
    }

    /// The same for bytes that are part of the program.
    ///
    /// # Errors
    /// As [`Checkpoint::open`].
    pub fn embedded(bytes: &'static [u8], expected: Option<Preset>) -> Result<Self, CheckpointError> {
        Self::read(&Bytes::Embedded(bytes), expected, None)
    }

    fn read(
        bytes: &Bytes<'_>,
        expected: Option<Preset>,
        rate_hz: Option<i64>,
    ) -> Result<Self, CheckpointError> {
        let fail = |reason| bytes.error(reason);
        let source = Source::open(bytes)?;
        let keys: Vec<String> = source.tensors.keys().cloned().collect();
        let Some(names) = Names::map(&keys) else {
            let example = keys.first().cloned().unwrap_or_default();
            return Err(fail(if keys.is_empty() {
                Reason::NoTensors
            } else {
                Reason::NotDac { tensors: keys.len(), example }
            }));
        };
        let shapes = canonical_shapes(&source, &names);
        let rate_hz = source.number("sample_rate").or(rate_hz);
        let rate_hz = rate_hz.or(expected.map(|p| i64::from(p.shape().sample_rate_hz)));
        let shape = infer::network_shape(&shapes, rate_hz).map_err(fail)?;
        if let Some(preset) = expected {
            let wanted = preset.shape();
            if wanted != shape {
                let difference = infer::difference(&wanted, &shape);
                return Err(fail(Reason::OtherModel { expected: preset.to_string(), difference }));
            }
        }
        let mismatch = compare(&shape, &source, &names, &shapes);
        if !mismatch.is_empty() {
            return Err(fail(Reason::Mismatch(mismatch)));
        }
        let report = report(&shape, &source, &names);
        Ok(Self { source, names, shape, report })
    }

    /// The network's shape.
    pub fn shape(&self) -> &NetworkShape {
        &self.shape
    }

    /// What was found.
    pub fn report(&self) -> &LoadReport {
        &self.report
    }
}

impl Weights for Checkpoint {
    fn tensor(&mut self, name: &str, shape: &[usize]) -> Result<Vec<f32>, WeightError> {
        let missing = || WeightError::Missing { name: name.to_owned() };
        let stored = self.names.stored.get(name).ok_or_else(missing)?;
        let fail = |reason: Reason| WeightError::Read { name: name.to_owned(), source: Box::new(reason) };
        let values = match stored {
            Stored::Plain(key) => self.source.read(key).map_err(fail)?,
            Stored::WeightNorm { magnitude, direction } => {
                let g = self.source.read(magnitude).map_err(fail)?;
                let v = self.source.read(direction).map_err(fail)?;
                fold_weight_norm(&g, v)
            }
        };
        if values.len() != shape.iter().product::<usize>() {
            return Err(WeightError::Shape {
                name: name.to_owned(),
                expected: shape.to_vec(),
                found: vec![values.len()],
            });
        }
        Ok(values)
    }
}

/// `g · v / ‖v‖`, the norm over all axes but the first (Salimans and Kingma 2016).
fn fold_weight_norm(g: &[f32], mut v: Vec<f32>) -> Vec<f32> {
    let row = v.len().checked_div(g.len()).unwrap_or(0).max(1);
    for (values, g) in v.chunks_mut(row).zip(g) {
        let norm = values.iter().map(|&x| f64::from(x) * f64::from(x)).sum::<f64>().sqrt() as f32;
        let scale = g / norm;
        values.iter_mut().for_each(|x| *x *= scale);
    }
    v
}

fn canonical_shapes(source: &Source, names: &Names) -> Shapes {
    let shape_of = |stored: &Stored| {
        let key = match stored {
            Stored::Plain(key) => key,
            Stored::WeightNorm { direction, .. } => direction,
        };
        source.tensors.get(key).map(|(shape, _)| shape.clone()).unwrap_or_default()
    };
    names.stored.iter().map(|(name, stored)| (name.clone(), shape_of(stored))).collect()
}

fn compare(shape: &NetworkShape, source: &Source, names: &Names, shapes: &Shapes) -> Mismatch {
    let mut mismatch = Mismatch { unused: names.unused.clone(), ..Mismatch::default() };
    let wanted: std::collections::BTreeMap<_, _> = shape.parameters().into_iter().collect();
    for (name, expected) in &wanted {
        match shapes.get(name) {
            None => mismatch.missing.push(name.clone()),
            Some(found) if found != expected => {
                mismatch.misshaped.push((name.clone(), expected.clone(), found.clone()));
            }
            Some(_) => {}
        }
        if let Some(Stored::WeightNorm { magnitude, .. }) = names.stored.get(name) {
            let found = source.tensors.get(magnitude).map(|(s, _)| s.clone()).unwrap_or_default();
            let mut magnitude_shape = vec![1; expected.len()];
            magnitude_shape[0] = expected[0];
            if found != magnitude_shape {
                mismatch.misshaped.push((format!("{name} (magnitude)"), magnitude_shape, found));
            }
        }
    }
    for (name, stored) in &names.stored {
        if !wanted.contains_key(name) {
            match stored {
                Stored::Plain(key) => mismatch.unused.push(key.clone()),
                Stored::WeightNorm { magnitude, direction } => {
                    mismatch.unused.extend([magnitude.clone(), direction.clone()]);
                }
            }
        }
    }
    mismatch
}

fn report(shape: &NetworkShape, source: &Source, names: &Names) -> LoadReport {
    let normed = names.stored.values().filter(|s| matches!(s, Stored::WeightNorm { .. })).count();
    let mut storage: Vec<String> =
        source.tensors.values().map(|(_, dtype)| format!("{dtype:?}").to_lowercase()).collect();
    storage.sort();
    storage.dedup();
    LoadReport {
        layout: names.layout,
        prefix: names.prefix.to_owned(),
        tensors: names.stored.len() + normed,
        weight_normed: normed,
        parameters: shape.parameters().iter().map(|(_, s)| s.iter().product::<usize>()).sum(),
        storage,
        foreign: names.foreign.len(),
    }
}

/// SHA-256 of a file, in lower-case hexadecimal, read in pieces.
///
/// # Errors
/// When the file cannot be read.
pub fn sha256_of_file(path: &Path) -> std::io::Result<String> {
    let mut file = std::fs::File::open(path)?;
    let mut hasher = Sha256::new();
    let mut buffer = vec![0; 1 << 20];
    loop {
        match file.read(&mut buffer)? {
            0 => return Ok(hex(&hasher.finalize())),
            n => hasher.update(&buffer[..n]),
        }
    }
}

/// SHA-256 of bytes in memory, in lower-case hexadecimal.
pub fn sha256_of_bytes(bytes: &[u8]) -> String {
    hex(&Sha256::digest(bytes))
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|b| format!("{b:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn folding_gives_rows_of_the_given_magnitude() {
        let folded = fold_weight_norm(&[10.0, 1.0], vec![3.0, 4.0, 0.0, 2.0]);
        assert_eq!(folded, [6.0, 8.0, 0.0, 1.0]);
    }

    #[test]
    fn hashes_are_hexadecimal() {
        assert_eq!(sha256_of_bytes(b""), "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
    }
}
