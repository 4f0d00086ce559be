//! The .dac format of the reference codec: a numpy object array that contains one pickled dict.

mod writer;

use std::io::Read;

use dac_pickle::numpy::ArrayError;
use dac_pickle::{Dialect, Limits, Value, read_pickle};
use dac_rvq::Codes;

use crate::arrays::{CODES, check_type, three_axes};
use crate::error::TokenError;
use crate::meta::TokenMeta;
use crate::npy::{is_object_array, read_header};
use crate::options::IntegerType;
use crate::token_file::TokenFile;
use crate::token_format::{Arrays, Capacity, Input, Opened, TokenFormat};

const NAME: &str = "dac";

/// Version of the layout that is read and written.
const VERSION: &str = "1.0.0";

/// Largest number of values in the pickle; the codes count as one.
const MAX_ITEMS: usize = 1 << 16;

pub(crate) const DAC: TokenFormat = TokenFormat {
    name: NAME,
    matches: is_object_array,
    capacity: Capacity::OnlyCodes,
    integers: &[IntegerType::U16],
    stores_windows: true,
    open,
    write: |writer, file, _| file.codes.iter().try_for_each(|codes| writer::write(writer, codes, &file.meta)),
};

/// Reads the whole file: a pickle cannot be read in parts. Takes the memory of the file and of its codes.
fn open(mut reader: Input<'_>) -> Result<Opened<'_>, TokenError> {
    let malformed = |reason: &str| TokenError::malformed(NAME, reason);
    let (header, _) = read_header(&mut reader, NAME)?;
    if header.descr != "|O" || header.shape.iter().any(|&d| d != 1) {
        return Err(malformed("it is not an array of one object"));
    }
    let mut bytes = Vec::new();
    reader.read_to_end(&mut bytes)?;
    let limits = Limits { max_items: MAX_ITEMS, ..Limits::default() };
    let (root, used_bytes) = read_pickle(&bytes, Dialect::Numpy, &limits)?;
    let ignored_bytes = (bytes.len() - used_bytes) as u64;
    drop(bytes);
    let artifact = match root.as_array() {
        Some(array) => array.objects().and_then(<[Value]>::first),
        None => Some(&root),
    };
    let artifact = artifact.ok_or_else(|| malformed("its array contains no object"))?;
    let pairs = artifact.as_dict().ok_or_else(|| malformed("its object is not a dict"))?;
    let metadata = artifact.get("metadata").unwrap_or(artifact);
    check_version(metadata, pairs.is_empty())?;

    let codes = artifact.get("codes").and_then(Value::as_array);
    let codes = codes.ok_or_else(|| malformed("it has no array under \"codes\""))?;
    let dtype = codes.dtype().ok_or(ArrayError::Objects)?;
    check_type(dtype, CODES)?;
    let shape = three_axes(codes.shape(), CODES)?;
    // As in the other formats, reading reports values that are not codes, and opening does not.
    let codes = Codes::from_i64(&codes.to_i64()?, shape);
    Ok(Opened {
        shapes: Arrays { codes: Some(shape), ..Arrays::default() },
        integer: IntegerType::of(dtype),
        meta: read_meta(metadata)?,
        truncated: false,
        ignored_bytes,
        read_frames: Box::new(move |frames| {
            let codes = codes.as_ref().map_err(Clone::clone)?.slice_frames(frames);
            Ok(TokenFile { codes: Some(codes), ..TokenFile::default() })
        }),
    })
}

fn check_version(metadata: &Value, empty: bool) -> Result<(), TokenError> {
    match metadata.get("dac_version") {
        Some(version) if version.as_str() == Some(VERSION) => Ok(()),
        Some(version) => {
            let found = version.as_str().unwrap_or(version.kind());
            Err(TokenError::DacVersion { found: found.chars().take(40).collect() })
        }
        None if empty => Err(TokenError::malformed(NAME, "its dict is empty")),
        None => {
            let mut old = ["original_db", "overlap_hop_duration"].into_iter();
            let field = old.find(|name| metadata.get(name).is_some()).unwrap_or("no dac_version");
            Err(TokenError::OldDac { field: field.to_owned() })
        }
    }
}

fn read_meta(metadata: &Value) -> Result<TokenMeta, TokenError> {
    let wrong = |name: &str, value: &Value| {
        TokenError::malformed(NAME, format!("its metadata has {name} as {}", value.kind()))
    };
    // Other writers omit an unknown value or write None.
    let known = |name: &str| metadata.get(name).filter(|value| **value != Value::None);
    let integer = |name: &str| -> Result<Option<u64>, TokenError> {
        let Some(value) = known(name) else { return Ok(None) };
        let number =
            value.as_i64().or_else(|| first_number(value).filter(|v| v.fract() == 0.0).map(|v| v as i64));
        number.and_then(|n| u64::try_from(n).ok()).map(Some).ok_or_else(|| wrong(name, value))
    };
    let mut meta = TokenMeta {
        input_samples: integer("original_length")?,
        chunk_frames: integer("chunk_length")?,
        ..TokenMeta::default()
    };
    if let Some(rate) = integer("sample_rate")? {
        let rate = u32::try_from(rate).ok().filter(|&rate| rate > 0);
        let reason = "its metadata has an invalid sample_rate";
        meta.input_rate_hz = Some(rate.ok_or_else(|| TokenError::malformed(NAME, reason))?);
    }
    if let Some(value) = known("input_db") {
        meta.input_db = Some(first_number(value).ok_or_else(|| wrong("input_db", value))? as f32);
    }
    if let Some(value) = known("padding") {
        let flag = value.as_bool().or_else(|| value.as_i64().map(|v| v != 0));
        meta.padding = Some(flag.ok_or_else(|| wrong("padding", value))?);
    }
    Ok(meta)
}

/// Converts a number, or the first one of an array or list.
fn first_number(value: &Value) -> Option<f64> {
    if let Some(array) = value.as_array() {
        return array.to_f32().ok()?.first().map(|&v| v.into());
    }
    value.as_f64().or_else(|| value.as_items()?.first()?.as_f64())
}
