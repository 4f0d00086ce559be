//! The raw tensors of a checkpoint file, read one at a time.

use std::collections::{BTreeMap, HashMap};
use std::io::{Read, Seek, SeekFrom};

use dac_pickle::safetensors::SafetensorsHeader;
use dac_pickle::torch::{TensorRef, TorchFile};
use dac_pickle::{DType, Value};

use super::error::Reason;

/// Maximum length of a safetensors header; those of the published checkpoints have less than 50 kB.
const MAX_HEADER_BYTES: u64 = 16 << 20;

/// A reader with random access: a file or embedded bytes.
pub(crate) trait ReadSeek: Read + Seek + Send {}
impl<T: Read + Seek + Send> ReadSeek for T {}

enum Format {
    Safetensors { reader: Box<dyn ReadSeek>, header: SafetensorsHeader },
    Torch { file: TorchFile<Box<dyn ReadSeek>>, tensors: HashMap<String, TensorRef>, kwargs: Option<Value> },
}

/// An open checkpoint: names and shapes of its tensors; values are read on request.
pub(crate) struct TensorFile {
    format: Format,
    /// Shape and element type by key.
    pub(crate) tensors: BTreeMap<String, (Vec<usize>, DType)>,
}

impl TensorFile {
    /// Detects the format from the first bytes and reads names and shapes.
    pub(crate) fn open(mut reader: Box<dyn ReadSeek>) -> Result<Self, Reason> {
        let mut start = Vec::new();
        reader.by_ref().take(9).read_to_end(&mut start).map_err(Reason::Io)?;
        reader.rewind().map_err(Reason::Io)?;
        match start[..] {
            [_, _, _, _, _, _, _, _, b'{'] => open_safetensors(reader),
            _ => open_torch(reader),
        }
    }

    /// Reads the values of one key, row-major.
    pub(crate) fn read(&mut self, key: &str) -> Result<Vec<f32>, Reason> {
        match &mut self.format {
            Format::Safetensors { reader, header } => {
                let info = header.metadata.info(key).ok_or(Reason::NoTensors)?;
                let (start, end) = info.data_offsets;
                let dtype = SafetensorsHeader::dtype(info)
                    .ok_or_else(|| Reason::DType { key: key.to_owned(), found: info.dtype.to_string() })?;
                reader.seek(SeekFrom::Start(header.data_start + start as u64)).map_err(Reason::Io)?;
                let mut bytes = vec![0; end - start];
                reader.read_exact(&mut bytes).map_err(Reason::Io)?;
                dtype.to_f32(&bytes, false).map_err(|e| Reason::Convert(e.to_string()))
            }
            Format::Torch { file, tensors, .. } => {
                let tensor = tensors.get(key).ok_or(Reason::NoTensors)?;
                file.read_f32(tensor).map_err(Reason::Torch)
            }
        }
    }

    /// Returns a numeric constructor argument recorded in the file.
    pub(crate) fn number(&self, name: &str) -> Option<i64> {
        match &self.format {
            Format::Safetensors { header, .. } => {
                header.metadata.metadata().as_ref()?.get(name)?.parse().ok()
            }
            Format::Torch { kwargs, .. } => kwargs.as_ref()?.get(name)?.as_i64(),
        }
    }
}

fn open_safetensors(mut reader: Box<dyn ReadSeek>) -> Result<TensorFile, Reason> {
    let header = SafetensorsHeader::read(&mut reader, MAX_HEADER_BYTES).map_err(Reason::Safetensors)?;
    let mut tensors = BTreeMap::new();
    for (key, info) in header.metadata.tensors() {
        let dtype = SafetensorsHeader::dtype(info)
            .ok_or_else(|| Reason::DType { key: key.clone(), found: info.dtype.to_string() })?;
        tensors.insert(key, (info.shape.clone(), dtype));
    }
    Ok(TensorFile { format: Format::Safetensors { reader, header }, tensors })
}

fn open_torch(reader: Box<dyn ReadSeek>) -> Result<TensorFile, Reason> {
    let file = TorchFile::open(reader).map_err(Reason::Torch)?;
    let root = file.root();
    // The reference saves {"state_dict", "metadata"}; a bare state dict is accepted, too.
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
    Ok(TensorFile { format: Format::Torch { file, tensors: refs, kwargs }, tensors })
}
