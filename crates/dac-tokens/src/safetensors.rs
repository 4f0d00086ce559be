//! The .safetensors format: a length, a JSON header, then the arrays' bytes.

use std::io::{Read, Seek, Write};

use dac_pickle::safetensors::{SafetensorsError, SafetensorsHeader};
use serde_json::{Map, Value, json};

use crate::arrays::{CODEBOOKS, LATENT, Located, three_axes};
use crate::error::TokenError;
use crate::file::TokenFile;
use crate::format::Format;
use crate::meta::TokenMeta;
use crate::npy::write_all;

/// Longest header read; token files need under 2 kB.
const MAX_HEADER_BYTES: u64 = 1 << 20;

/// What a file holds and where.
#[derive(Debug, Default)]
pub(crate) struct Content {
    pub(crate) codes: Option<Located>,
    pub(crate) z: Option<Located>,
    pub(crate) latents: Option<Located>,
    pub(crate) meta: TokenMeta,
}

/// Reads the header and finds the arrays.
pub(crate) fn locate<R: Read + Seek>(reader: &mut R) -> Result<Content, TokenError> {
    let format = Format::Safetensors;
    let SafetensorsHeader { metadata: header, data_start, .. } =
        SafetensorsHeader::read(reader, MAX_HEADER_BYTES).map_err(header_error)?;

    let find = |name: &'static str, axis| -> Result<Option<Located>, TokenError> {
        let Some(info) = header.info(name) else { return Ok(None) };
        let shape = three_axes(&info.shape, name, axis)?;
        let refused = || TokenError::malformed(format, format!("{name} has element type {:?}", info.dtype));
        let dtype = SafetensorsHeader::dtype(info).ok_or_else(refused)?;
        let at = data_start.saturating_add(info.data_offsets.0 as u64);
        Ok(Some(Located::new(dtype, false, false, shape, at)))
    };
    let mut content = Content {
        codes: find("codes", CODEBOOKS)?,
        z: find("z", LATENT)?,
        latents: find("latents", LATENT)?,
        meta: TokenMeta::default(),
    };
    for (name, text) in header.metadata().iter().flatten() {
        let bad = |name| TokenError::malformed(format, format!("its metadata has {name} = {text:.40?}"));
        content.meta.set(name, text).map_err(bad)?;
    }
    if content.codes.is_none() && content.z.is_none() && content.latents.is_none() {
        let names = header.offset_keys();
        let found = names.iter().take(8).map(String::as_str).collect::<Vec<_>>().join(", ");
        return Err(TokenError::NoTokens { format, found });
    }
    Ok(content)
}

fn header_error(error: SafetensorsError) -> TokenError {
    let format = Format::Safetensors;
    match error {
        SafetensorsError::Io(error) => error.into(),
        SafetensorsError::HeaderLength { length, total, limit } => {
            let available = total.saturating_sub(8).min(limit);
            TokenError::TooLarge { format, what: "a header", declared: length, available }
        }
        SafetensorsError::Truncated { expected, found } => {
            TokenError::Truncated { format, needed: expected, available: found }
        }
        other => TokenError::malformed(format, other.to_string()),
    }
}

/// Writes floats first, so that every array is aligned to its elements; equal content gives equal bytes.
pub(crate) fn write<W: Write>(writer: &mut W, file: &TokenFile) -> Result<(), TokenError> {
    let mut header = Map::new();
    let mut meta = Map::new();
    for (name, text) in file.meta.to_pairs() {
        meta.insert(name.to_owned(), text.into());
    }
    if let Some([channels, ..]) = file.shape() {
        meta.insert("channels".to_owned(), channels.to_string().into());
    }
    header.insert("__metadata__".to_owned(), Value::Object(meta));
    let mut offset = 0usize;
    let mut place = |name: &str, dtype: &str, shape: [usize; 3], bytes: usize| {
        let offsets = [offset, offset + bytes];
        offset += bytes;
        header.insert(name.to_owned(), json!({ "dtype": dtype, "shape": shape, "data_offsets": offsets }));
    };
    let floats = [("z", &file.z), ("latents", &file.latents)];
    for (name, array) in floats {
        if let Some(array) = array {
            place(name, "F32", array.shape(), array.as_slice().len() * 4);
        }
    }
    if let Some(codes) = &file.codes {
        place("codes", "U16", codes.shape(), codes.as_slice().len() * 2);
    }
    let mut header = Value::Object(header).to_string().into_bytes();
    header.resize(header.len().next_multiple_of(8), b' ');
    writer.write_all(&(header.len() as u64).to_le_bytes())?;
    writer.write_all(&header)?;
    for (_, array) in floats {
        if let Some(array) = array {
            write_all(writer, array.as_slice().iter().map(|v| v.to_le_bytes()))?;
        }
    }
    if let Some(codes) = &file.codes {
        write_all(writer, codes.as_slice().iter().map(|v| v.to_le_bytes()))?;
    }
    Ok(())
}
