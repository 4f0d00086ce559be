//! Loading of models.

use std::ffi::{CString, c_char};
use std::fmt::Display;
use std::ptr;
use std::str::FromStr;

use dac::cache::Environment;
use dac::prepared::Prepared;
use dac::{Dac, Device, LoadOptions, ModelSource};
use dac_batch::BatchError;

use crate::pointers::{create, free, optional_text, text};
use crate::status::{Status, invalid};

/// A loaded model. Threads may share it.
pub struct Model {
    pub(crate) dac: Dac,
    weights_sha256: CString,
}

/// Parses `threads=4,low_latency=1`.
fn parse_options(text: &str) -> Result<LoadOptions, BatchError> {
    let mut options = LoadOptions::on(Device::Cpu);
    for option in text.split(',').map(str::trim).filter(|option| !option.is_empty()) {
        let (key, value) = option.split_once('=').unwrap_or((option, ""));
        match key.trim() {
            "device" => options.device = parse(key, value)?,
            "precision" => options.precision = parse(key, value)?,
            "threads" => options.threads = Some(parse(key, value)?).filter(|threads| *threads > 0),
            "low_latency" => options.low_latency = parse::<u8>(key, value)? != 0,
            "prepared" => options.prepared = prepared(value)?,
            _ => {
                let known = "device, precision, threads, low_latency or prepared";
                return Err(invalid(format!("the options contain '{option}', expected {known} with =VALUE")));
            }
        }
    }
    Ok(options)
}

fn parse<T: FromStr<Err: Display>>(key: &str, value: &str) -> Result<T, BatchError> {
    value.trim().parse().map_err(|error| invalid(format!("option {key} is '{value}': {error}")))
}

fn prepared(value: &str) -> Result<Prepared, BatchError> {
    let folder = Environment::from_process().prepared_folder();
    match (value.trim(), folder) {
        ("off", _) | ("read" | "write", None) => Ok(Prepared::Off),
        ("read", Some(folder)) => Ok(Prepared::Read(folder)),
        ("write", Some(folder)) => Ok(Prepared::ReadOrWrite(folder)),
        _ => Err(invalid(format!("option prepared is '{value}', expected off, read or write"))),
    }
}

/// Loads a model: the name of a published one (such as "44khz", found in the caches of this machine), "tiny",
/// which is part of the library, or the path of a weights file. Nothing is downloaded.
///
/// `options` is NULL or a list such as "threads=4,low_latency=1" of
/// - device: cpu (default), or a device that the library was built with;
/// - precision: f32 (default), exact or bf16;
/// - threads: of this model; 0 (default) uses one for each processor, shared by all models;
/// - low_latency: 1 makes streams and groups return their results as early as possible; default 0;
/// - prepared: off (default), read, or write: use, and write if missing, prepared weights in the cache.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn dac_model_load(
    model: *const c_char,
    options: *const c_char,
    out: *mut *mut Model,
) -> Status {
    // SAFETY: the header requires valid texts and a valid output parameter.
    unsafe {
        create(out, || {
            let options = parse_options(optional_text("options", options)?.unwrap_or_default())?;
            let dac = Dac::open(&ModelSource::from(text("model", model)?), None, &options)?;
            let weights_sha256 = CString::new(dac.info().weights_sha256.clone()).unwrap_or_default();
            Ok(Model { dac, weights_sha256 })
        })
    }
}

/// Releases a model.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn dac_model_free(model: *mut Model) {
    // SAFETY: the header requires NULL or a handle of this type.
    unsafe { free(model) }
}

/// Applies `get` to a model; 0 for NULL.
///
/// # Safety
/// `model` is NULL or valid.
unsafe fn fact(model: *const Model, get: impl Fn(&Dac) -> usize) -> usize {
    // SAFETY: as for this function.
    unsafe { model.as_ref() }.map_or(0, |model| get(&model.dac))
}

/// Returns the sample rate in Hz; 0 for NULL.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn dac_model_sample_rate(model: *const Model) -> u32 {
    // SAFETY: the header requires NULL or a handle of this type.
    unsafe { fact(model, |dac| dac.shape().sample_rate_hz as usize) as u32 }
}

/// Returns the number of codebooks; 0 for NULL.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn dac_model_codebooks(model: *const Model) -> usize {
    // SAFETY: the header requires NULL or a handle of this type.
    unsafe { fact(model, |dac| dac.shape().codebooks) }
}

/// Returns the number of entries of a codebook: codes are smaller; 0 for NULL.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn dac_model_codebook_size(model: *const Model) -> usize {
    // SAFETY: the header requires NULL or a handle of this type.
    unsafe { fact(model, |dac| dac.shape().codebook_size) }
}

/// Returns the samples of a frame, at the model's rate; 0 for NULL.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn dac_model_hop_samples(model: *const Model) -> usize {
    // SAFETY: the header requires NULL or a handle of this type.
    unsafe { fact(model, |dac| dac.shape().hop_samples()) }
}

/// Returns the samples, at the model's rate, that have to follow a frame's first one before a stream with
/// low latency returns the frame; 0 for NULL.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn dac_model_encoder_latency_samples(model: *const Model) -> usize {
    // SAFETY: the header requires NULL or a handle of this type.
    unsafe { fact(model, |dac| dac.geometry().encoder_right_samples) }
}

/// Returns the frames that have to follow a frame before a stream with low latency has returned all of its
/// samples; 0 for NULL.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn dac_model_decoder_latency_frames(model: *const Model) -> usize {
    // SAFETY: the header requires NULL or a handle of this type.
    unsafe { fact(model, |dac| dac.geometry().decoder_right_frames) }
}

/// Returns the SHA-256 of the weights in lower-case hexadecimal; NULL for NULL.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn dac_model_weights_sha256(model: *const Model) -> *const c_char {
    // SAFETY: the header requires NULL or a handle of this type.
    unsafe { model.as_ref() }.map_or(ptr::null(), |model| model.weights_sha256.as_ptr())
}
