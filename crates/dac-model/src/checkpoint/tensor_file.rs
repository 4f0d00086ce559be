//! The raw tensors of a checkpoint file, read one at a time.

use std::collections::{BTreeMap, HashMap};
use std::io::{Read, Seek, SeekFrom};

use dac_pickle::safetensors::SafetensorsHeader;
use dac_pickle::torch::{TensorRef, TorchError, TorchFile};
use dac_pickle::{DType, Value};

use super::error::Reason;
use super::properties::Fact;

/// Maximum length of a safetensors header; those of the published checkpoints have less than 50 kB.
const MAX_HEADER_BYTES: u64 = 16 << 20;

/// Number of keys that a message lists.
const LISTED_KEYS: usize = 8;

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
            [_, _, _, _, _, _, _, _, _] | [] => open_torch(reader),
            ref short => Err(Reason::TooShort { bytes: short.len() }),
        }
    }

    /// Reads the values of one key, row-major.
    pub(crate) fn read(&mut self, key: &str) -> Result<Vec<f32>, Reason> {
        let missing = || Reason::MissingTensor(key.to_owned());
        match &mut self.format {
            Format::Safetensors { reader, header } => {
                let info = header.metadata.info(key).ok_or_else(missing)?;
                let (start, end) = info.data_offsets;
                let dtype = SafetensorsHeader::dtype(info)
                    .ok_or_else(|| Reason::DType { key: key.to_owned(), found: info.dtype.to_string() })?;
                reader.seek(SeekFrom::Start(header.data_start + start as u64)).map_err(Reason::Io)?;
                let mut bytes = vec![0; end - start];
                reader.read_exact(&mut bytes).map_err(Reason::Io)?;
                dtype.to_f32(&bytes, false).map_err(|e| Reason::Convert(e.to_string()))
            }
            Format::Torch { file, tensors, .. } => {
                let tensor = tensors.get(key).ok_or_else(missing)?;
                file.read_f32(tensor).map_err(Reason::Torch)
            }
        }
    }

    /// Returns a constructor argument recorded in the file: a number, or a list of numbers.
    pub(crate) fn fact(&self, name: &str) -> Option<Fact> {
        match &self.format {
            Format::Safetensors { header, .. } => {
                header.metadata.metadata().as_ref()?.get(name)?.parse().ok().map(Fact::Number)
            }
            Format::Torch { kwargs, .. } => {
                let value = kwargs.as_ref()?.get(name)?;
                let list = || value.as_items()?.iter().map(Value::as_i64).collect::<Option<_>>();
                value.as_i64().map(Fact::Number).or_else(|| list().map(Fact::Numbers))
            }
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
    let file = TorchFile::open(reader).map_err(|error| match error {
        TorchError::NotTorch { guess } => Reason::Foreign(guess),
        other => Reason::Torch(other),
    })?;
    let root = file.root();
    // The reference saves {"state_dict", "metadata"}; a bare state dict is accepted, too.
    let state = root.get("state_dict").unwrap_or(root);
    let refs: HashMap<String, TensorRef> = tensors_in(state).collect();
    // The tensors next to a nested state dict are counters and the like.
    let has_nested = || dicts_in(state).any(|(_, dict)| tensors_in(dict).count() > refs.len());
    if refs.is_empty() || has_nested() {
        return Err(Reason::NoTensors(describe_content(state)));
    }
    let kwargs = root.get("metadata").and_then(|m| m.get("kwargs")).cloned();
    let tensors = refs.iter().map(|(k, t)| (k.clone(), (t.shape.clone(), t.dtype))).collect();
    Ok(TensorFile { format: Format::Torch { file, tensors: refs, kwargs }, tensors })
}

/// Tensors of a dict, by their keys.
fn tensors_in(dict: &Value) -> impl Iterator<Item = (String, TensorRef)> {
    let pairs = dict.as_dict().unwrap_or_default().iter();
    pairs.filter_map(|(key, value)| Some((key.as_str()?.to_owned(), value.as_tensor()?.clone())))
}

/// Dicts in a dict, by their keys.
fn dicts_in(dict: &Value) -> impl Iterator<Item = (&str, &Value)> {
    let pairs = dict.as_dict().unwrap_or_default().iter();
    pairs.filter_map(|(key, value)| value.as_dict().and(Some((key.as_str()?, value))))
}

/// Describes a value that is not a state dict: the keys of a dict, and the one with the most tensors.
fn describe_content(value: &Value) -> String {
    let Some(pairs) = value.as_dict() else { return format!("it is {}", value.kind()) };
    let keys: Vec<&str> = pairs.iter().filter_map(|(key, _)| key.as_str()).take(LISTED_KEYS).collect();
    let more = if pairs.len() > keys.len() { ", …" } else { "" };
    let mut text = format!("it is a dict with the keys {}{more}", keys.join(", "));
    let counts = dicts_in(value).map(|(key, dict)| (tensors_in(dict).count(), key));
    if let Some((count, key)) = counts.max().filter(|(count, _)| *count > 0) {
        text += &format!(
            "; {key} contains {count} tensors: save only those with torch.save(torch.load(OLD)[{key:?}], NEW)"
        );
    }
    text
}
