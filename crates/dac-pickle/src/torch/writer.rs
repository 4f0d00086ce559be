//! Torch files written as `torch.save` writes them.

use std::io::{self, Write};

use crate::dtype::{DType, Naming};
use crate::strided::element_count;
use crate::writer::PickleWriter;
use crate::zip::ZipWriter;

/// Content of a torch file to be written.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub enum Saved {
    /// A tensor with its elements in row-major order, little-endian.
    Tensor {
        /// Element type: any but U16, U32 and U64, which have no typed storage in torch.
        dtype: DType,
        /// Length of each axis.
        shape: Vec<usize>,
        /// Bytes of the elements.
        bytes: Vec<u8>,
    },
    /// A dict with text keys.
    Dict(Vec<(String, Saved)>),
}

impl Saved {
    /// Makes a LongTensor.
    pub fn long_tensor(values: &[i64], shape: &[usize]) -> Self {
        let bytes = values.iter().flat_map(|v| v.to_le_bytes()).collect();
        Self::Tensor { dtype: DType::I64, shape: shape.to_vec(), bytes }
    }

    /// Makes a FloatTensor.
    pub fn float_tensor(values: &[f32], shape: &[usize]) -> Self {
        let bytes = values.iter().flat_map(|v| v.to_le_bytes()).collect();
        Self::Tensor { dtype: DType::F32, shape: shape.to_vec(), bytes }
    }
}

/// Writes `value` so that `torch.load(..., weights_only=True)` returns it. `archive` is the name of the
/// directory within the zip file, for which torch takes the file's stem.
///
/// # Errors
/// When writing fails, a tensor's bytes do not fill its shape, torch has no storage of its type, or the file
/// exceeds 4 GiB.
pub fn write<W: Write>(writer: W, archive: &str, value: &Saved) -> io::Result<()> {
    let mut pickle = PickleWriter::new(2);
    let mut storages = Vec::new();
    write_value(&mut pickle, &mut storages, value)?;
    pickle.push_opcodes(b".");
    let mut zip = ZipWriter::new(writer);
    let mut add = |name: &str, bytes: &[u8]| zip.add(&format!("{archive}/{name}"), bytes);
    add("data.pkl", &pickle.take_bytes())?;
    add("byteorder", b"little")?;
    for (key, bytes) in storages.iter().enumerate() {
        add(&format!("data/{key}"), bytes)?;
    }
    add("version", b"3\n")?;
    zip.finish()
}

/// Appends a value to the pickle and the bytes of its tensors to `storages`.
fn write_value<'a>(
    pickle: &mut PickleWriter,
    storages: &mut Vec<&'a [u8]>,
    value: &'a Saved,
) -> io::Result<()> {
    match value {
        Saved::Tensor { dtype, shape, bytes } => {
            write_tensor(pickle, &storages.len().to_string(), *dtype, shape, bytes.len())?;
            storages.push(bytes);
        }
        Saved::Dict(pairs) => {
            pickle.push_memoized(b"}");
            // Python's pickler sets a single item directly and several items with a mark.
            let (begin, end): (&[u8], &[u8]) = match pairs.len() {
                0 => (b"", b""),
                1 => (b"", b"s"),
                _ => (b"(", b"u"),
            };
            pickle.push_opcodes(begin);
            for (key, value) in pairs {
                pickle.push_text(key)?;
                write_value(pickle, storages, value)?;
            }
            pickle.push_opcodes(end);
        }
    }
    Ok(())
}

/// Appends `_rebuild_tensor_v2(storage, 0, shape, strides, False, OrderedDict())`.
fn write_tensor(
    pickle: &mut PickleWriter,
    key: &str,
    dtype: DType,
    shape: &[usize],
    found_bytes: usize,
) -> io::Result<()> {
    let invalid = |message| io::Error::new(io::ErrorKind::InvalidInput, message);
    let storage = dtype.name(Naming::TorchStorage);
    let storage = storage.ok_or_else(|| invalid("torch has no storage of this element type"))?;
    if element_count(shape).and_then(|n| n.checked_mul(dtype.size())) != Some(found_bytes) {
        return Err(invalid("a tensor's bytes do not fill its shape"));
    }
    let mut strides = vec![1; shape.len()];
    for axis in (1..shape.len()).rev() {
        strides[axis - 1] = strides[axis] * shape[axis].max(1);
    }

    pickle.push_global("torch._utils", "_rebuild_tensor_v2");
    pickle.push_opcodes(b"((");
    pickle.push_text("storage")?;
    pickle.push_global("torch", &format!("{storage}Storage"));
    pickle.push_text(key)?;
    pickle.push_text("cpu")?;
    pickle.push_int((found_bytes / dtype.size()).try_into().unwrap_or(i64::MAX));
    pickle.push_memoized(b"t");
    pickle.push_opcodes(b"QK\x00");
    pickle.push_tuple(shape);
    pickle.push_tuple(&strides);
    pickle.push_bool(false);
    pickle.push_global("collections", "OrderedDict");
    pickle.push_memoized(b")R");
    pickle.push_memoized(b"t");
    pickle.push_memoized(b"R");
    Ok(())
}
