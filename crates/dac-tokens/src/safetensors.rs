//! The .safetensors format: a JSON header with its length, then the bytes of the arrays.

use std::io::Write;

use dac_pickle::safetensors::{SafetensorsError, SafetensorsHeader};
use serde_json::{Map, Value, json};

use crate::arrays::{ArrayLocation, three_axes, write_elements};
use crate::error::TokenError;
use crate::meta::TokenMeta;
use crate::options::WriteOptions;
use crate::token_file::TokenFile;
use crate::token_format::{Arrays, Capacity, Input, Opened, TokenFormat};

const NAME: &str = "safetensors";

/// Longest header read; token files need under 2 kB.
const MAX_HEADER_BYTES: u64 = 1 << 20;

pub(crate) const SAFETENSORS: TokenFormat = TokenFormat {
    name: NAME,
    // The first 8 bytes are the length of the header, which is a JSON object.
    matches: |start| start.get(8) == Some(&b'{'),
    capacity: Capacity::AnyArrays,
    stores_windows: true,
    open,
    write,
};

fn open(mut reader: Input<'_>) -> Result<Opened<'_>, TokenError> {
    let header = SafetensorsHeader::read(&mut reader, MAX_HEADER_BYTES).map_err(header_error)?;
    let find = |array| find_array(&header, array);
    let arrays = Arrays { codes: find("codes")?, z: find("z")?, latents: find("latents")? };
    let mut meta = TokenMeta::default();
    for (name, text) in header.metadata.metadata().iter().flatten() {
        let invalid = |name| TokenError::malformed(NAME, format!("its metadata has {name} = {text:.40?}"));
        meta.set(name, text).map_err(invalid)?;
    }
    if arrays.is_empty() {
        let names = header.metadata.offset_keys();
        let found = names.iter().take(8).map(String::as_str).collect::<Vec<_>>().join(", ");
        return Err(TokenError::NoTokens { format: NAME, found });
    }
    Ok(arrays.open(reader, meta))
}

/// Writes the floats first, so that every array is aligned to its elements. Equal content gives equal
/// bytes.
fn write(writer: &mut dyn Write, file: &TokenFile, _: &WriteOptions) -> Result<(), TokenError> {
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

fn header_error(error: SafetensorsError) -> TokenError {
    match error {
        SafetensorsError::Io(error) => error.into(),
        SafetensorsError::HeaderLength { length, total, limit } => {
            let available = total.saturating_sub(8).min(limit);
            TokenError::TooLarge { format: NAME, what: "a header", declared: length, available }
        }
        SafetensorsError::Truncated { expected, found } => {
            TokenError::Truncated { format: NAME, needed: expected, available: found }
        }
        other => TokenError::malformed(NAME, other.to_string()),
    }
}

fn find_array(header: &SafetensorsHeader, array: &'static str) -> Result<Option<ArrayLocation>, TokenError> {
    let Some(info) = header.metadata.info(array) else { return Ok(None) };
    let shape = three_axes(&info.shape, array)?;
    let unknown = || TokenError::malformed(NAME, format!("{array} has element type {:?}", info.dtype));
    let dtype = SafetensorsHeader::dtype(info).ok_or_else(unknown)?;
    let start = header.data_start.saturating_add(info.data_offsets.0 as u64);
    Ok(Some(ArrayLocation::row_major(dtype, shape, start)))
}

/// The JSON header, padded to a multiple of 8 bytes.
fn header_text(file: &TokenFile) -> Vec<u8> {
    let mut meta = Map::new();
    for field in file.meta.fields() {
        meta.extend(field.value.to_text().map(|text| (field.name.to_owned(), text.into())));
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
