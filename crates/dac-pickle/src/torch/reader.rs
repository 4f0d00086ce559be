//! Torch files read tensor by tensor.

use std::collections::HashMap;
use std::io::{Read, Seek};

use dac_sniff::Kind;

use super::{TensorRef, TorchError};
use crate::globals::Dialect;
use crate::limits::Limits;
use crate::strided::{read_strided, repeat, span};
use crate::value::Value;
use crate::zip::Directory;

/// Largest accepted `data.pkl`; it has less than 100 kB in the published checkpoints.
const MAX_PICKLE_BYTES: usize = 1 << 25;

/// Largest accepted size of an expanded tensor in bytes. Its storage does not bound it: a file of one number
/// can declare any size.
const MAX_EXPANDED_BYTES: usize = 1 << 26;

/// Number of names of entries kept for an error.
const MAX_NAMES: usize = 64;

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
        // The directory in the archive has the name under which the file was first saved, so every name is
        // accepted.
        let is_data = |name: &str| name.split_once('/').is_some_and(|(_, rest)| rest == "data.pkl");
        let data = directory.entries.iter().find(|e| is_data(&e.name));
        let data = data.ok_or_else(|| {
            let names = directory.entries.iter().take(MAX_NAMES).map(|entry| entry.name.clone());
            TorchError::NoData { names: names.collect() }
        })?;
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
    /// When the storage is missing, compressed or too small for the tensor, the tensor's rows overlap, it is
    /// expanded to more than 64 MiB, or reading fails.
    pub fn read_tensor(&mut self, tensor: &TensorRef) -> Result<Vec<u8>, TorchError> {
        let key = &*tensor.storage;
        let entry = self.storages.get(key).and_then(|&index| self.directory.entries.get(index));
        let entry = entry.ok_or_else(|| TorchError::NoStorage { key: key.to_owned() })?;
        let size = tensor.dtype.size();
        let found_bytes = entry.size_bytes.min(tensor.storage_bytes);
        if tensor.elements() == 0 {
            return Ok(Vec::new());
        }
        let expanded = || TorchError::Expanded { tensor: Box::new(tensor.clone()), found_bytes };
        let distinct = tensor.without_repetition();
        if distinct.elements() as u64 > found_bytes / size as u64 {
            return Err(expanded());
        }
        let span = span(&distinct.shape, &distinct.strides);
        let end = span.and_then(|n| n.checked_add(tensor.offset)?.checked_mul(size));
        if end.is_none_or(|end| end as u64 > found_bytes) {
            return Err(TorchError::OutOfStorage { tensor: Box::new(tensor.clone()), found_bytes });
        }
        let is_expanded = distinct.shape != tensor.shape;
        let limit = if is_expanded { MAX_EXPANDED_BYTES / size } else { usize::MAX };
        if span.is_some_and(|span| span < distinct.elements()) || tensor.elements() > limit {
            return Err(expanded());
        }
        let start = self.directory.data_start(&mut self.reader, entry)? + (tensor.offset * size) as u64;
        let mut bytes = read_strided(&mut self.reader, start, size, &distinct.shape, &distinct.strides)?;
        if self.big_endian {
            bytes.chunks_exact_mut(size).for_each(<[u8]>::reverse);
        }
        if is_expanded {
            bytes = repeat(&bytes, size, &tensor.shape, &distinct.shape).ok_or_else(expanded)?;
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

/// Checks that the first bytes are those of a zip file; the error names the likely kind of any other file.
fn check_signature<R: Read + Seek>(reader: &mut R) -> Result<(), TorchError> {
    let guess = dac_sniff::guess_file(reader)?;
    match guess.kind {
        Kind::Empty => Err(TorchError::Empty),
        Kind::LegacyTorch => Err(TorchError::Legacy),
        // The directory names the content of other zip files better than their first bytes.
        Kind::Torch | Kind::Zip | Kind::Npz => Ok(()),
        _ => Err(TorchError::NotTorch { guess }),
    }
}
