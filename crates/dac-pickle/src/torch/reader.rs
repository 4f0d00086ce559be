//! Torch files read tensor by tensor.

use std::collections::HashMap;
use std::io::{Read, Seek, SeekFrom};

use super::{TensorRef, TorchError};
use crate::globals::Dialect;
use crate::limits::Limits;
use crate::strided::{read_strided, span};
use crate::value::Value;
use crate::zip::Directory;

/// Largest accepted `data.pkl`; it has less than 100 kB in the published checkpoints.
const MAX_PICKLE_BYTES: usize = 1 << 25;

/// First bytes of a file of torch before 1.6: a pickled magic number.
const LEGACY: [u8; 15] =
    [0x80, 2, 0x8a, 0x0a, 0x6c, 0xfc, 0x9c, 0x46, 0xf9, 0x20, 0x6a, 0xa8, 0x50, 0x19, 0x2e];

/// An open torch file. Its pickle is in memory; its tensors are read when requested.
#[derive(Debug)]
pub struct TorchFile<R> {
    reader: R,
    directory: Directory,
    /// Index of each storage in the directory, by its key.
    storages: HashMap<String, usize>,
    root: Value,
    big_endian: bool,
}

impl<R: Read + Seek> TorchFile<R> {
    /// Reads the directory and the pickle of a torch zip file, with [`Limits::default`] and at most 32 MiB of
    /// pickle.
    ///
    /// # Errors
    /// When the file is empty, of torch before 1.6, not a torch file, or truncated, an entry is compressed,
    /// or the pickle is refused or malformed.
    pub fn open(mut reader: R) -> Result<Self, TorchError> {
        let limits = Limits { max_bytes: MAX_PICKLE_BYTES, ..Limits::default() };
        check_signature(&mut reader)?;
        let directory = Directory::read(&mut reader)?;
        // The folder in the archive has the name under which the file was first saved, so every name is
        // accepted.
        let is_data = |name: &str| name.split_once('/').is_some_and(|(_, rest)| rest == "data.pkl");
        let data = directory.entries.iter().find(|e| is_data(&e.name));
        let data = data.ok_or(TorchError::NoData { entries: directory.entries.len() })?;
        if data.size_bytes > limits.max_bytes as u64 {
            let (found_bytes, limit_bytes) = (data.size_bytes, limits.max_bytes as u64);
            return Err(TorchError::PickleTooLarge { found_bytes, limit_bytes });
        }
        let pickle = directory.read_entry(&mut reader, data, data.size_bytes)?;
        let (root, _) = crate::read_pickle(&pickle, Dialect::Torch, &limits)?;

        let folder = data.name.strip_suffix("data.pkl").unwrap_or_default();
        let mut entries = directory.entries.iter();
        let big_endian = match entries.find(|e| e.name.strip_prefix(folder) == Some("byteorder")) {
            Some(entry) => directory.read_entry(&mut reader, entry, entry.size_bytes.min(16))? == b"big",
            None => false,
        };
        let key = |name: &str| name.strip_prefix(folder)?.strip_prefix("data/").map(str::to_owned);
        let entries = directory.entries.iter().enumerate();
        let storages = entries.filter_map(|(index, entry)| Some((key(&entry.name)?, index))).collect();
        Ok(Self { reader, directory, storages, root, big_endian })
    }

    /// Root of the pickle; its tensors are references for [`TorchFile::read_tensor`].
    pub fn root(&self) -> &Value {
        &self.root
    }

    /// Reads the elements of one tensor in row-major order, little-endian. Only the tensor's part of the file
    /// is read.
    ///
    /// # Errors
    /// When the storage is missing, compressed or too small for the tensor, or reading fails.
    pub fn read_tensor(&mut self, tensor: &TensorRef) -> Result<Vec<u8>, TorchError> {
        let key = &*tensor.storage;
        let entry = self.storages.get(key).and_then(|&index| self.directory.entries.get(index));
        let entry = entry.ok_or_else(|| TorchError::NoStorage { key: key.to_owned() })?;
        let size = tensor.dtype.size();
        let found_bytes = entry.size_bytes.min(tensor.storage_bytes);
        let elements = tensor.elements();
        if elements == 0 {
            return Ok(Vec::new());
        }
        if elements as u64 > found_bytes / size as u64 {
            return Err(TorchError::Expanded { tensor: Box::new(tensor.clone()), found_bytes });
        }
        let end = span(&tensor.shape, &tensor.strides)
            .and_then(|n| n.checked_add(tensor.offset)?.checked_mul(size));
        if end.is_none_or(|end| end as u64 > found_bytes) {
            return Err(TorchError::OutOfStorage { tensor: Box::new(tensor.clone()), found_bytes });
        }
        let start = self.directory.data_start(&mut self.reader, entry)? + (tensor.offset * size) as u64;
        let mut bytes = read_strided(&mut self.reader, start, size, &tensor.shape, &tensor.strides)?;
        if self.big_endian {
            bytes.chunks_exact_mut(size).for_each(<[u8]>::reverse);
        }
        Ok(bytes)
    }

    /// Reads the elements of one tensor as f32 in row-major order; wider types are rounded.
    ///
    /// # Errors
    /// The same as of [`TorchFile::read_tensor`].
    pub fn read_f32(&mut self, tensor: &TensorRef) -> Result<Vec<f32>, TorchError> {
        let bytes = self.read_tensor(tensor)?;
        Ok(tensor.dtype.to_f32(&bytes, false)?)
    }

    /// Reads the elements of one tensor as integers in row-major order.
    ///
    /// # Errors
    /// The same as of [`TorchFile::read_tensor`], and when the elements are floats or do not fit.
    pub fn read_i64(&mut self, tensor: &TensorRef) -> Result<Vec<i64>, TorchError> {
        let bytes = self.read_tensor(tensor)?;
        Ok(tensor.dtype.to_i64(&bytes, false)?)
    }
}

/// Checks that the first bytes are those of a zip file; the error names the probable kind of any other file.
fn check_signature<R: Read + Seek>(reader: &mut R) -> Result<(), TorchError> {
    reader.seek(SeekFrom::Start(0))?;
    let mut start = Vec::new();
    reader.by_ref().take(16).read_to_end(&mut start)?;
    if start.is_empty() {
        return Err(TorchError::Empty);
    }
    if start.starts_with(b"PK\x03\x04") || start.starts_with(b"PK\x05\x06") {
        return Ok(());
    }
    if start.starts_with(&LEGACY) {
        return Err(TorchError::Legacy);
    }
    let looks_like = match start.as_slice() {
        [0x80, 2..=5, ..] => "a bare pickle",
        [b'R', b'I', b'F', b'F', ..] => "an audio file",
        [0x93, b'N', b'U', b'M', b'P', b'Y', ..] => "a numpy file",
        [0x1f, 0x8b, ..] => "a gzip file",
        [_, _, _, _, _, _, 0, 0, b'{', ..] => "a safetensors file",
        text if text.iter().all(|b| matches!(b, b'\t' | b'\n' | b'\r' | 0x20..=0x7e)) => "text",
        _ => "an unknown format",
    };
    start.truncate(8);
    Err(TorchError::NotTorch { found: start, looks_like })
}
