//! The .safetensors format: a JSON header with its length, then the bytes of the arrays.

use std::io::{Seek, SeekFrom, Write};

use dac_pickle::DType;
use dac_pickle::safetensors::{SafetensorsError, SafetensorsHeader};
use dac_rvq::{Array3, Codes};
use serde_json::{Map, Value, json};

use crate::arrays::{ArrayLocation, CODES, check_type, three_axes, write_codes, write_elements};
use crate::error::TokenError;
use crate::meta::TokenMeta;
use crate::options::{IntegerType, WriteOptions};
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
    integers: &IntegerType::ALL,
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
        return Err(TokenError::no_tokens(NAME, &names));
    }
    let end = header.data_start.saturating_add(header.metadata.data_len() as u64);
    let ignored_bytes = reader.seek(SeekFrom::End(0))?.saturating_sub(end);
    Ok(Opened { ignored_bytes, ..arrays.open(reader, meta) })
}

/// Equal content gives equal bytes.
fn write(writer: &mut dyn Write, file: &TokenFile, options: &WriteOptions) -> Result<(), TokenError> {
    let integer = options.integer.unwrap_or_default();
    let header = header_text(file, integer);
    writer.write_all(&(header.len() as u64).to_le_bytes())?;
    writer.write_all(&header)?;
    for array in arrays_in_order(file, integer) {
        match array {
            Array::Codes(codes) => write_codes(writer, codes, integer)?,
            Array::Floats(_, array) => {
                write_elements(writer, array.as_slice().iter().map(|v| v.to_le_bytes()))?;
            }
        }
    }
    Ok(())
}

/// An array to write; floats have a name.
enum Array<'a> {
    Codes(&'a Codes),
    Floats(&'static str, &'a Array3),
}

/// Orders the arrays by the size of their elements, so that each is aligned to them.
fn arrays_in_order(file: &TokenFile, integer: IntegerType) -> Vec<Array<'_>> {
    let floats = [("z", &file.z), ("latents", &file.latents)].into_iter();
    let mut arrays: Vec<_> =
        floats.filter_map(|(name, array)| Some(Array::Floats(name, array.as_ref()?))).collect();
    if let Some(codes) = &file.codes {
        let place = if integer.dtype().size() > DType::F32.size() { 0 } else { arrays.len() };
        arrays.insert(place, Array::Codes(codes));
    }
    arrays
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
    let unknown = || TokenError::malformed(NAME, format!("{array} has element type {:?}", info.dtype));
    let dtype = SafetensorsHeader::dtype(info).ok_or_else(unknown)?;
    check_type(dtype, array)?;
    let shape = three_axes(&info.shape, array)?;
    let start = header.data_start.saturating_add(info.data_offsets.0 as u64);
    Ok(Some(ArrayLocation::row_major(dtype, shape, start)))
}

/// The JSON header, padded to a multiple of 8 bytes.
fn header_text(file: &TokenFile, integer: IntegerType) -> Vec<u8> {
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
    for array in arrays_in_order(file, integer) {
        let (name, dtype, shape) = match array {
            Array::Codes(codes) => (CODES, integer.dtype(), codes.shape()),
            Array::Floats(name, array) => (name, DType::F32, array.shape()),
        };
        let end = offset + shape.iter().product::<usize>() * dtype.size();
        // The variants of `DType` have the names of this format.
        let entry = json!({ "dtype": format!("{dtype:?}"), "shape": shape, "data_offsets": [offset, end] });
        header.insert(name.to_owned(), entry);
        offset = end;
    }
    let mut header = Value::Object(header).to_string().into_bytes();
    header.resize(header.len().next_multiple_of(8), b' ');
    header
}
