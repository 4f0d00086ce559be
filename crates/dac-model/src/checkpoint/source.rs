//! The raw tensors of a checkpoint file, read one at a time.

use std::collections::{BTreeMap, HashMap};
use std::fs::File;
use std::io::{Cursor, Read, Seek, SeekFrom};
use std::path::Path;

use dac_pickle::torch::{TensorRef, TorchFile};
use dac_pickle::{DType, Value};
use safetensors::tensor::{Dtype, Metadata};

use super::error::{CheckpointError, Reason};

/// Longest safetensors header read; the published checkpoints' have under 50 kB.
const MAX_HEADER_BYTES: u64 = 16 << 20;

/// Bytes that can be read in any order: a file or embedded ones.
pub(crate) trait ReadSeek: Read + Seek + Send {}
impl<T: Read + Seek + Send> ReadSeek for T {}

/// Where a checkpoint's bytes are.
pub(crate) enum Bytes<'a> {
    Path(&'a Path),
    Embedded(&'static [u8]),
}

impl Bytes<'_> {
    pub(crate) fn open(&self) -> Result<Box<dyn ReadSeek>, CheckpointError> {
        match self {
            Self::Path(path) => {
                let file = File::open(path).map_err(|e| self.error(Reason::Io(e)))?;
                if file.metadata().is_ok_and(|m| m.is_dir()) {
                    return Err(self.error(Reason::Directory));
                }
                Ok(Box::new(file))
            }
            Self::Embedded(bytes) => Ok(Box::new(Cursor::new(*bytes))),
        }
    }

    pub(crate) fn error(&self, reason: Reason) -> CheckpointError {
        let path = match self {
            Self::Path(path) => path.to_path_buf(),
            Self::Embedded(_) => "<embedded>".into(),
        };
        CheckpointError { path, reason }
    }
}

enum Kind {
    Safetensors { reader: Box<dyn ReadSeek>, data_start: u64, metadata: Metadata },
    Torch { file: TorchFile<Box<dyn ReadSeek>>, tensors: HashMap<String, TensorRef>, kwargs: Option<Value> },
}

/// An open checkpoint: names, shapes, and each tensor's values when asked.
pub(crate) struct Source {
    kind: Kind,
    /// Every key with its shape and element type.
    pub(crate) tensors: BTreeMap<String, (Vec<usize>, DType)>,
}

impl Source {
    /// Tells the format by its first bytes and reads names and shapes only.
    pub(crate) fn open(bytes: &Bytes<'_>) -> Result<Self, CheckpointError> {
        let mut reader = bytes.open()?;
        let mut start = [0; 9];
        let found = read_up_to(&mut reader, &mut start).map_err(|e| bytes.error(Reason::Io(e)))?;
        reader.rewind().map_err(|e| bytes.error(Reason::Io(e)))?;
        let result = match start[..found] {
            [_, _, _, _, _, _, _, _, b'{'] => open_safetensors(reader),
            _ => open_torch(reader),
        };
        result.map_err(|reason| bytes.error(reason))
    }

    /// The values of one key, row-major.
    pub(crate) fn read(&mut self, key: &str) -> Result<Vec<f32>, Reason> {
        match &mut self.kind {
            Kind::Safetensors { reader, data_start, metadata } => {
                let info = metadata.info(key).ok_or(Reason::NoTensors)?;
                let (from, to) = info.data_offsets;
                let dtype = dtype_of(info.dtype)
                    .ok_or_else(|| Reason::DType { key: key.to_owned(), found: info.dtype.to_string() })?;
                reader.seek(SeekFrom::Start(*data_start + from as u64)).map_err(Reason::Io)?;
                let mut bytes = vec![0; to - from];
                reader.read_exact(&mut bytes).map_err(Reason::Io)?;
                dtype.to_f32(&bytes, false).map_err(|e| Reason::Convert(e.to_string()))
            }
            Kind::Torch { file, tensors, .. } => {
                let tensor = tensors.get(key).ok_or(Reason::NoTensors)?;
                file.read_f32(tensor).map_err(Reason::Torch)
            }
        }
    }

    /// A number among the constructor's arguments that the file carries, if it does.
    pub(crate) fn number(&self, name: &str) -> Option<i64> {
        match &self.kind {
            Kind::Safetensors { metadata, .. } => metadata.metadata().as_ref()?.get(name)?.parse().ok(),
            Kind::Torch { kwargs, .. } => kwargs.as_ref()?.get(name)?.as_i64(),
        }
    }
}

fn read_up_to(reader: &mut dyn Read, buffer: &mut [u8]) -> std::io::Result<usize> {
    let mut found = 0;
    while found < buffer.len() {
        match reader.read(&mut buffer[found..])? {
            0 => break,
            n => found += n,
        }
    }
    Ok(found)
}

fn open_safetensors(mut reader: Box<dyn ReadSeek>) -> Result<Source, Reason> {
    let mut length = [0; 8];
    reader.read_exact(&mut length).map_err(Reason::Io)?;
    let length = u64::from_le_bytes(length);
    let total = reader.seek(SeekFrom::End(0)).map_err(Reason::Io)?;
    if length > MAX_HEADER_BYTES || length + 8 > total {
        return Err(Reason::Header { length, total, limit: MAX_HEADER_BYTES });
    }
    reader.seek(SeekFrom::Start(8)).map_err(Reason::Io)?;
    let mut header = vec![0; length as usize];
    reader.read_exact(&mut header).map_err(Reason::Io)?;
    let metadata: Metadata =
        serde_json::from_slice(&header).map_err(|e| Reason::HeaderJson(e.to_string()))?;
    let data_start = length + 8;
    let expected = data_start + metadata.data_len() as u64;
    if total < expected {
        return Err(Reason::Truncated { expected, found: total });
    }
    let mut tensors = BTreeMap::new();
    for (key, info) in metadata.tensors() {
        let dtype = dtype_of(info.dtype)
            .ok_or_else(|| Reason::DType { key: key.clone(), found: info.dtype.to_string() })?;
        tensors.insert(key, (info.shape.clone(), dtype));
    }
    Ok(Source { kind: Kind::Safetensors { reader, data_start, metadata }, tensors })
}

fn dtype_of(dtype: Dtype) -> Option<DType> {
    DType::from_safetensors(&dtype.to_string())
}

fn open_torch(reader: Box<dyn ReadSeek>) -> Result<Source, Reason> {
    let file = TorchFile::open(reader).map_err(Reason::Torch)?;
    let root = file.root();
    // The reference saves {"state_dict", "metadata"}; a bare state dict is as good.
    let state = root.get("state_dict").unwrap_or(root);
    let mut refs = HashMap::new();
    for (key, value) in state.as_dict().ok_or(Reason::NoTensors)? {
        if let (Some(key), Some(tensor)) = (key.as_str(), value.as_tensor()) {
            refs.insert(key.to_owned(), tensor.clone());
        }
    }
    if refs.is_empty() {
        return Err(Reason::NoTensors);
    }
    let kwargs = root.get("metadata").and_then(|m| m.get("kwargs")).cloned();
    let tensors = refs.iter().map(|(k, t)| (k.clone(), (t.shape.clone(), t.dtype))).collect();
    Ok(Source { kind: Kind::Torch { file, tensors: refs, kwargs }, tensors })
}
