//! Checkpoints in every published layout, read one tensor at a time with weight norm folded.

mod axes;
mod config_json;
mod error;
mod facts;
mod foreign;
mod infer_shape;
mod key_map;
mod properties;
mod tensor_file;

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{Cursor, Read, Seek};
use std::path::{Path, PathBuf};

use dac_kernels::first_non_finite;
use dac_nn::{NetworkShape, WeightError, Weights};
use sha2::{Digest, Sha256};

pub use config_json::{ConfigJson, ConfigJsonError};
pub use dac_sniff::{Guess, Kind};
pub use error::{CheckpointError, Mismatch, Reason};
pub use key_map::Layout;

use crate::preset::Preset;
use axes::Axes;
use config_json::ConfigFile;
use facts::Places;
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
    /// What was ignored: a `config.json` that cannot be parsed, or its values of wrong types.
    pub warnings: Vec<String>,
}

/// An open checkpoint whose parameters match its network's shape.
pub struct Checkpoint {
    path: PathBuf,
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
    /// When the file is not a checkpoint of this codec, is truncated, does not match `expected`, has elements
    /// other than floats, or disagrees with its metadata or the `config.json` next to it. Missing, unused and
    /// misshaped parameters are listed in one error. Values are checked when they are read.
    pub fn open(path: &Path, expected: Option<Preset>) -> Result<Self, CheckpointError> {
        let read = || {
            let file = File::open(path).map_err(Reason::Io)?;
            if file.metadata().is_ok_and(|m| m.is_dir()) {
                return Err(Reason::Directory { hint: foreign::folder_hint(path) });
            }
            Self::read(path, Box::new(file), expected, ConfigFile::next_to(path))
        };
        read().map_err(|reason| {
            let reason = match (reason, foreign::part_of_name(path)) {
                (
                    Reason::NotDac { .. } | Reason::MissingParts { .. } | Reason::Mismatch(_),
                    Some((part, parts)),
                ) => Reason::Part { part, parts },
                (reason, _) => reason,
            };
            CheckpointError { path: path.to_path_buf(), reason }
        })
    }

    /// Opens a checkpoint in a source other than a file; errors call it `name`.
    ///
    /// # Errors
    /// Same as [`Checkpoint::open`].
    pub fn from_reader(
        reader: impl Read + Seek + Send + 'static,
        name: &Path,
        expected: Option<Preset>,
    ) -> Result<Self, CheckpointError> {
        Self::read(name, Box::new(reader), expected, None)
            .map_err(|reason| CheckpointError { path: name.to_path_buf(), reason })
    }

    /// Opens a checkpoint embedded in the program.
    ///
    /// # Errors
    /// Same as [`Checkpoint::open`].
    pub fn embedded(bytes: &'static [u8], expected: Option<Preset>) -> Result<Self, CheckpointError> {
        Self::from_reader(Cursor::new(bytes), Path::new("<embedded>"), expected)
    }

    fn read(
        path: &Path,
        reader: Box<dyn ReadSeek>,
        expected: Option<Preset>,
        config: Option<ConfigFile>,
    ) -> Result<Self, Reason> {
        let file = TensorFile::open(reader)?;
        let names: Vec<String> = file.tensors.keys().cloned().collect();
        if names.is_empty() {
            return Err(Reason::NoTensors("it is empty".to_owned()));
        }
        let keys = KeyMap::new(&names).ok_or_else(|| foreign::explain(&names))?;
        if let Some(reason) = foreign::missing_parts(&keys.stored.keys().cloned().collect::<Vec<_>>()) {
            return Err(reason);
        }
        check_types(&file, &keys)?;
        let shapes = canonical_shapes(&file, &keys);
        let places = Places { file: &file, config: config.as_ref(), is_part: keys.is_part() };
        let rate_hz = places.sample_rate_hz()?.or(expected.map(|p| p.shape().sample_rate_hz));
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
        places.check(&shape)?;
        let warnings = config.map(|config| config.warnings()).unwrap_or_default();
        let report = LoadReport { warnings, ..report(&shape, &file, &keys) };
        Ok(Self { path: path.to_path_buf(), file, keys, shape, report })
    }

    /// Reads every parameter and checks its values, as loading a codec does.
    ///
    /// # Errors
    /// At the first value that is not finite, or when reading fails.
    pub fn check_values(&mut self) -> Result<(), WeightError> {
        self.shape.parameters().into_iter().try_for_each(|parameter| self.parameter(parameter).map(drop))
    }

    /// Reads a tensor of a parameter in the order of the network.
    fn read_tensor(&mut self, name: &str, key: &str) -> Result<Vec<f32>, Reason> {
        let values = self.file.read(key)?;
        let shape = self.file.tensors.get(key).map(|(shape, _)| shape.as_slice()).unwrap_or_default();
        Ok(Axes::of(self.keys.layout, name).values(values, shape))
    }

    /// Reads a parameter and folds its weight norm.
    fn read_parameter(&mut self, name: &str, stored: &Stored) -> Result<Vec<f32>, Reason> {
        match stored {
            Stored::Plain(key) => self.read_tensor(name, key),
            Stored::WeightNorm { magnitude, direction } => {
                let (g, v) = (self.read_tensor(name, magnitude)?, self.read_tensor(name, direction)?);
                Ok(fold_weight_norm(&g, v))
            }
        }
    }

    /// Explains why the folded value at `position` is not finite, from the tensors of the file.
    fn explain_non_finite(
        &mut self,
        name: &str,
        stored: &Stored,
        position: usize,
        value: f32,
    ) -> Result<Reason, Reason> {
        let keys = match stored {
            Stored::Plain(key) => vec![key],
            Stored::WeightNorm { magnitude, direction } => vec![magnitude, direction],
        };
        for key in keys {
            let values = self.file.read(key)?;
            if let Some(at) = first_non_finite(&values) {
                return Ok(self.at_index(key, at, values[at]));
            }
        }
        let (magnitude, direction) = match stored {
            Stored::Plain(key) => return Ok(self.at_index(key, position, value)),
            Stored::WeightNorm { magnitude, direction } => (magnitude, direction),
        };
        let (g, v) = (self.read_tensor(name, magnitude)?, self.read_tensor(name, direction)?);
        // All are finite: the norm of the row is 0, or too small or large to divide by.
        let width = row_width(&g, &v);
        let row = position / width;
        let norm = v.chunks(width).nth(row).map_or(0.0, norm);
        Ok(Reason::ZeroRow { key: direction.clone(), row, norm })
    }

    /// Describes a value that is not finite by its position on each axis.
    fn at_index(&self, key: &str, position: usize, value: f32) -> Reason {
        let shape = self.file.tensors.get(key).map(|(shape, _)| shape.as_slice()).unwrap_or_default();
        let (mut index, mut rest) = (vec![0; shape.len()], position);
        for (at, &d) in index.iter_mut().zip(shape).rev() {
            *at = rest % d.max(1);
            rest /= d.max(1);
        }
        Reason::NonFinite { key: key.to_owned(), index, value }
    }

    fn weight_error(&self, name: &str, reason: Reason) -> WeightError {
        let source = Box::new(CheckpointError { path: self.path.clone(), reason });
        WeightError::Read { name: name.to_owned(), source }
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
        let stored = self.keys.stored.get(name).cloned().ok_or_else(missing)?;
        let values = self.read_parameter(name, &stored).map_err(|reason| self.weight_error(name, reason))?;
        if values.len() != shape.iter().product::<usize>() {
            return Err(WeightError::Shape {
                name: name.to_owned(),
                expected: shape.to_vec(),
                found: vec![values.len()],
            });
        }
        Ok(values)
    }

    fn non_finite(&mut self, name: &str, position: usize, value: f32) -> WeightError {
        let Some(stored) = self.keys.stored.get(name).cloned() else {
            return WeightError::Missing { name: name.to_owned() };
        };
        let (Ok(reason) | Err(reason)) = self.explain_non_finite(name, &stored, position, value);
        self.weight_error(name, reason)
    }
}

/// Computes `g · v / ‖v‖` with the norm over all axes but the first (Salimans and Kingma 2016).
fn fold_weight_norm(g: &[f32], mut v: Vec<f32>) -> Vec<f32> {
    let width = row_width(g, &v);
    for (values, g) in v.chunks_mut(width).zip(g) {
        let norm = norm(values);
        // A norm that overflows would make weights of 0.
        let scale = if norm.is_finite() { g / norm } else { f32::NAN };
        values.iter_mut().for_each(|x| *x *= scale);
    }
    v
}

/// Number of directions per magnitude.
fn row_width(g: &[f32], v: &[f32]) -> usize {
    v.len().checked_div(g.len()).unwrap_or(0).max(1)
}

/// Euclidean norm, summed in f64.
fn norm(values: &[f32]) -> f32 {
    values.iter().map(|&x| f64::from(x) * f64::from(x)).sum::<f64>().sqrt() as f32
}

/// Checks that the codec's tensors are floats. Integers would be taken for weights of that size.
fn check_types(file: &TensorFile, keys: &KeyMap) -> Result<(), Reason> {
    for key in keys.keys() {
        if let Some((_, dtype)) = file.tensors.get(key).filter(|(_, dtype)| !dtype.is_float()) {
            return Err(Reason::DType { key: key.clone(), found: format!("{dtype:?}").to_lowercase() });
        }
    }
    Ok(())
}

/// Shapes by canonical name, weight norm folded.
fn canonical_shapes(file: &TensorFile, keys: &KeyMap) -> Shapes {
    let shape_of = |name: &str, stored: &Stored| {
        let key = match stored {
            Stored::Plain(key) => key,
            Stored::WeightNorm { direction, .. } => direction,
        };
        canonical_shape(file, keys, name, key)
    };
    keys.stored.iter().map(|(name, stored)| (name.clone(), shape_of(name, stored))).collect()
}

/// Shape of a tensor of a parameter in the order of the network.
fn canonical_shape(file: &TensorFile, keys: &KeyMap, name: &str, key: &str) -> Vec<usize> {
    let stored = file.tensors.get(key).map(|(shape, _)| shape.as_slice()).unwrap_or_default();
    Axes::of(keys.layout, name).shape(stored)
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
            let found = canonical_shape(file, keys, name, magnitude);
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
        prefix: keys.prefix.clone(),
        tensors: keys.stored.len() + normed,
        weight_normed: normed,
        parameters: shape.parameters().iter().map(|(_, s)| s.iter().product::<usize>()).sum(),
        dtypes,
        other_tensors: keys.other.len(),
        warnings: Vec::new(),
    }
}

/// Returns a file's SHA-256 in lower-case hexadecimal.
///
/// # Errors
/// When the file cannot be read.
pub fn sha256_of_file(path: &Path) -> std::io::Result<String> {
    sha256_of_reader(File::open(path)?)
}

/// Returns the SHA-256 of the rest of a reader in lower-case hexadecimal.
///
/// # Errors
/// When reading fails.
pub fn sha256_of_reader(mut reader: impl Read) -> std::io::Result<String> {
    let mut hasher = Sha256::new();
    let mut buffer = vec![0; 1 << 20];
    loop {
        match reader.read(&mut buffer)? {
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
