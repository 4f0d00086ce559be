//! Checkpoints in every published layout, read one tensor at a time with weight norm folded.

mod config_json;
mod error;
mod infer_shape;
mod key_map;
mod tensor_file;

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{Cursor, Read};
use std::path::Path;

use dac_nn::{NetworkShape, WeightError, Weights};
use sha2::{Digest, Sha256};

pub use config_json::{ConfigJson, ConfigJsonError};
pub use error::{CheckpointError, Mismatch, Reason};
pub use key_map::Layout;

use crate::preset::Preset;
use infer_shape::Shapes;
use key_map::{KeyMap, Stored};
use tensor_file::{ReadSeek, TensorFile};

/// Facts about a loaded checkpoint.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct LoadReport {
    /// Naming scheme of the keys.
    pub layout: Layout,
    /// Prefix of the codec's keys.
    pub prefix: String,
    /// Number of tensors that belong to the codec.
    pub tensors: usize,
    /// Number of weights whose weight norm was folded.
    pub weight_normed: usize,
    /// Number of values in all parameters, weight norm folded.
    pub parameters: usize,
    /// Element types in the file, in lower case.
    pub dtypes: Vec<String>,
    /// Number of tensors of the speech model that contains the codec.
    pub other_tensors: usize,
}

/// An open checkpoint whose parameters match its network's shape.
pub struct Checkpoint {
    file: TensorFile,
    keys: KeyMap,
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
    /// Opens a `.pth`, `.pt` or `.safetensors` checkpoint (detected from the content) and checks every key.
    ///
    /// With `expected`, the network must have that preset's shape and sample rate; otherwise the shape is
    /// inferred.
    ///
    /// # Errors
    /// When the file is not a checkpoint of this codec, is truncated, or does not match `expected`. Missing,
    /// unused and misshaped parameters are listed in one error.
    pub fn open(path: &Path, expected: Option<Preset>) -> Result<Self, CheckpointError> {
        let read = || {
            let file = File::open(path).map_err(Reason::Io)?;
            if file.metadata().is_ok_and(|m| m.is_dir()) {
                return Err(Reason::Directory);
            }
            Self::read(Box::new(file), expected, ConfigJson::next_to(path).sampling_rate_hz)
        };
        read().map_err(|reason| CheckpointError { path: path.to_path_buf(), reason })
    }

    /// Opens a checkpoint embedded in the program.
    ///
    /// # Errors
    /// Same as [`Checkpoint::open`].
    pub fn embedded(bytes: &'static [u8], expected: Option<Preset>) -> Result<Self, CheckpointError> {
        Self::read(Box::new(Cursor::new(bytes)), expected, None)
            .map_err(|reason| CheckpointError { path: "<embedded>".into(), reason })
    }

    fn read(
        reader: Box<dyn ReadSeek>,
        expected: Option<Preset>,
        rate_hz: Option<i64>,
    ) -> Result<Self, Reason> {
        let file = TensorFile::open(reader)?;
        let names: Vec<String> = file.tensors.keys().cloned().collect();
        let example = names.first().ok_or(Reason::NoTensors)?;
        let not_dac = || Reason::NotDac { tensors: names.len(), example: example.clone() };
        let keys = KeyMap::new(&names).ok_or_else(not_dac)?;
        let shapes = canonical_shapes(&file, &keys);
        let rate_hz = file.number("sample_rate").or(rate_hz);
        let rate_hz = rate_hz.or(expected.map(|p| i64::from(p.shape().sample_rate_hz)));
        let shape = infer_shape::network_shape(&shapes, rate_hz)?;
        if let Some(preset) = expected {
            let expected = preset.shape();
            if expected != shape {
                let difference = infer_shape::describe_difference(&expected, &shape);
                return Err(Reason::OtherModel { expected: preset.to_string(), difference });
            }
        }
        let mismatch = find_mismatch(&shape, &file, &keys, &shapes);
        if mismatch != Mismatch::default() {
            return Err(Reason::Mismatch(mismatch));
        }
        let report = report(&shape, &file, &keys);
        Ok(Self { file, keys, shape, report })
    }

    /// Returns the network's shape.
    pub fn shape(&self) -> &NetworkShape {
        &self.shape
    }

    /// Returns facts about the file.
    pub fn report(&self) -> &LoadReport {
        &self.report
    }
}

impl Weights for Checkpoint {
    fn tensor(&mut self, name: &str, shape: &[usize]) -> Result<Vec<f32>, WeightError> {
        let missing = || WeightError::Missing { name: name.to_owned() };
        let stored = self.keys.stored.get(name).ok_or_else(missing)?;
        let fail = |reason: Reason| WeightError::Read { name: name.to_owned(), source: Box::new(reason) };
        let values = match stored {
            Stored::Plain(key) => self.file.read(key).map_err(fail)?,
            Stored::WeightNorm { magnitude, direction } => {
                let g = self.file.read(magnitude).map_err(fail)?;
                let v = self.file.read(direction).map_err(fail)?;
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

/// Computes `g · v / ‖v‖` with the norm over all axes but the first (Salimans and Kingma 2016).
fn fold_weight_norm(g: &[f32], mut v: Vec<f32>) -> Vec<f32> {
    let row = v.len().checked_div(g.len()).unwrap_or(0).max(1);
    for (values, g) in v.chunks_mut(row).zip(g) {
        let norm = values.iter().map(|&x| f64::from(x) * f64::from(x)).sum::<f64>().sqrt() as f32;
        let scale = g / norm;
        values.iter_mut().for_each(|x| *x *= scale);
    }
    v
}

/// Shapes by canonical name, weight norm folded.
fn canonical_shapes(file: &TensorFile, keys: &KeyMap) -> Shapes {
    let shape_of = |stored: &Stored| {
        let key = match stored {
            Stored::Plain(key) => key,
            Stored::WeightNorm { direction, .. } => direction,
        };
        file.tensors.get(key).map(|(shape, _)| shape.clone()).unwrap_or_default()
    };
    keys.stored.iter().map(|(name, stored)| (name.clone(), shape_of(stored))).collect()
}

/// Compares the file's parameters with those of a network of this shape.
fn find_mismatch(shape: &NetworkShape, file: &TensorFile, keys: &KeyMap, shapes: &Shapes) -> Mismatch {
    let mut mismatch = Mismatch { unused: keys.unused.clone(), ..Mismatch::default() };
    let parameters: BTreeMap<_, _> = shape.parameters().into_iter().collect();
    for (name, expected) in &parameters {
        match shapes.get(name) {
            None => mismatch.missing.push(name.clone()),
            Some(found) if found != expected => {
                mismatch.misshaped.push((name.clone(), expected.clone(), found.clone()));
            }
            Some(_) => {}
        }
        if let Some(Stored::WeightNorm { magnitude, .. }) = keys.stored.get(name) {
            let found = file.tensors.get(magnitude).map(|(s, _)| s.clone()).unwrap_or_default();
            let mut magnitude_shape = vec![1; expected.len()];
            magnitude_shape[0] = expected[0];
            if found != magnitude_shape {
                mismatch.misshaped.push((format!("{name} (magnitude)"), magnitude_shape, found));
            }
        }
    }
    for (name, stored) in &keys.stored {
        if !parameters.contains_key(name) {
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

fn report(shape: &NetworkShape, file: &TensorFile, keys: &KeyMap) -> LoadReport {
    let normed = keys.stored.values().filter(|s| matches!(s, Stored::WeightNorm { .. })).count();
    let mut dtypes: Vec<String> =
        file.tensors.values().map(|(_, dtype)| format!("{dtype:?}").to_lowercase()).collect();
    dtypes.sort();
    dtypes.dedup();
    LoadReport {
        layout: keys.layout,
        prefix: keys.prefix.to_owned(),
        tensors: keys.stored.len() + normed,
        weight_normed: normed,
        parameters: shape.parameters().iter().map(|(_, s)| s.iter().product::<usize>()).sum(),
        dtypes,
        other_tensors: keys.other.len(),
    }
}

/// Returns a file's SHA-256 in lower-case hexadecimal.
///
/// # Errors
/// When the file cannot be read.
pub fn sha256_of_file(path: &Path) -> std::io::Result<String> {
    let mut file = File::open(path)?;
    let mut hasher = Sha256::new();
    let mut buffer = vec![0; 1 << 20];
    loop {
        match file.read(&mut buffer)? {
            0 => return Ok(hex(&hasher.finalize())),
            n => hasher.update(&buffer[..n]),
        }
    }
}

/// Returns the SHA-256 of bytes in lower-case hexadecimal.
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
    fn folded_rows_have_the_given_magnitude() {
        let folded = fold_weight_norm(&[10.0, 1.0], vec![3.0, 4.0, 0.0, 2.0]);
        assert_eq!(folded, [6.0, 8.0, 0.0, 1.0]);
    }
}
