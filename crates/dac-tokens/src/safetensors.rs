//! The .safetensors format: a JSON header with its length, then the bytes of the arrays.

use std::io::{Read, Seek, SeekFrom, Write};

use dac_pickle::DType;
use safetensors::tensor::Metadata;
use serde_json::{Map, Value, json};

use crate::arrays::{ArrayLocation, ArrayLocations, three_axes, write_elements};
use crate::error::TokenError;
use crate::meta::TokenMeta;
use crate::options::WriteOptions;
use crate::token_file::TokenFile;
use crate::token_format::{Capacity, Input, Opened, TokenFormat};

const NAME: &str = "safetensors";

/// Longest header read; token files need under 2 kB.
const MAX_HEADER_BYTES: u64 = 1 << 20;

pub(crate) struct Safetensors;

impl TokenFormat for Safetensors {
    fn name(&self) -> &'static str {
        NAME
    }

    fn matches(&self, start: &[u8]) -> bool {
        // The first 8 bytes are the length of the header, which is a JSON object.
        start.get(8) == Some(&b'{')
    }

    fn capacity(&self) -> Capacity {
        Capacity::AnyArrays
    }

    fn stores_windows(&self) -> bool {
        true
    }

    fn open<'a>(&self, mut reader: Input<'a>) -> Result<Opened<'a>, TokenError> {
        let (header, start) = read_header(&mut reader)?;
        let find = |array| find_array(&header, start, array);
        let arrays = ArrayLocations { codes: find("codes")?, z: find("z")?, latents: find("latents")? };
        let mut meta = TokenMeta::default();
        for (name, text) in header.metadata().iter().flatten() {
            let invalid =
                |name| TokenError::malformed(NAME, format!("its metadata has {name} = {text:.40?}"));
            meta.set(name, text).map_err(invalid)?;
        }
        if arrays.codes.is_none() && arrays.z.is_none() && arrays.latents.is_none() {
            let names = header.offset_keys();
            let found = names.iter().take(8).map(String::as_str).collect::<Vec<_>>().join(", ");
            return Err(TokenError::NoTokens { format: NAME, found });
        }
        Ok(arrays.open(reader, meta))
    }

    /// Writes the floats first, so that every array is aligned to its elements. Equal content gives equal
    /// bytes.
    fn write(&self, writer: &mut dyn Write, file: &TokenFile, _: &WriteOptions) -> Result<(), TokenError> {
        let header = header_text(file);
        writer.write_all(&(header.len() as u64).to_le_bytes())?;
        writer.write_all(&header)?;
        for array in [&file.z, &file.latents].into_iter().flatten() {
            write_elements(writer, array.as_slice().iter().map(|v| v.to_le_bytes()))?;
        }
        if let Some(codes) = &file.codes {
            write_elements(writer, codes.as_slice().iter().map(|v| v.to_le_bytes()))?;
        }
        Ok(())
    }
}

/// Reads the header. Returns it and the position of the first array.
fn read_header(reader: &mut Input<'_>) -> Result<(Metadata, u64), TokenError> {
    let length_bytes = reader.seek(SeekFrom::End(0))?;
    reader.rewind()?;
    let mut declared = [0; 8];
    let truncated = |needed| TokenError::Truncated { format: NAME, needed, available: length_bytes };
    reader.read_exact(&mut declared).map_err(|_| truncated(8))?;
    let declared = u64::from_le_bytes(declared);
    let available = length_bytes.saturating_sub(8).min(MAX_HEADER_BYTES);
    if declared > available {
        return Err(TokenError::TooLarge { format: NAME, what: "a header", declared, available });
    }
    let mut header = Vec::new();
    reader.take(declared).read_to_end(&mut header)?;
    let header: Metadata =
        serde_json::from_slice(&header).map_err(|e| TokenError::malformed(NAME, e.to_string()))?;
    let start = 8 + declared;
    let needed = start.saturating_add(header.data_len() as u64);
    if needed > length_bytes { Err(truncated(needed)) } else { Ok((header, start)) }
}

fn find_array(
    header: &Metadata,
    start: u64,
    array: &'static str,
) -> Result<Option<ArrayLocation>, TokenError> {
    let Some(info) = header.info(array) else { return Ok(None) };
    let shape = three_axes(&info.shape, array)?;
    let unknown = || TokenError::malformed(NAME, format!("{array} has element type {:?}", info.dtype));
    let dtype = DType::from_safetensors(&info.dtype.to_string()).ok_or_else(unknown)?;
    let start = start.saturating_add(info.data_offsets.0 as u64);
    Ok(Some(ArrayLocation::row_major(dtype, shape, start)))
}

/// The JSON header, padded to a multiple of 8 bytes.
fn header_text(file: &TokenFile) -> Vec<u8> {
    let mut meta = Map::new();
    for field in file.meta.fields() {
        meta.extend(field.value.map(|value| (field.name.to_owned(), value.to_string().into())));
    }
    if let Some([channels, ..]) = file.shape() {
        meta.insert("channels".to_owned(), channels.to_string().into());
    }
    let mut header = Map::new();
    header.insert("__metadata__".to_owned(), Value::Object(meta));
    let mut offset = 0usize;
    let mut add = |name: &str, dtype: &str, shape: [usize; 3], bytes: usize| {
        let offsets = [offset, offset + bytes];
        offset += bytes;
        header.insert(name.to_owned(), json!({ "dtype": dtype, "shape": shape, "data_offsets": offsets }));
    };
    for (name, array) in [("z", &file.z), ("latents", &file.latents)] {
        if let Some(array) = array {
            add(name, "F32", array.shape(), array.as_slice().len() * 4);
        }
    }
    if let Some(codes) = &file.codes {
        add("codes", "U16", codes.shape(), codes.as_slice().len() * 2);
    }
    let mut header = Value::Object(header).to_string().into_bytes();
    header.resize(header.len().next_multiple_of(8), b' ');
    header
}
