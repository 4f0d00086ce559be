//! Damaged, quantized and incomplete weights, on every device and instruction set.

use std::fs;
use std::path::Path;

use dac_model::checkpoint::Reason;
use dac_model::codec::Isa;
use dac_model::{Checkpoint, Codec, CodecError, CodecOptions};
use dac_nn::pipeline::PipelineError;
use dac_nn::{Device, NetworkShape, WeightError, Weights};
use dac_rvq::{Array3, Codes};
use serde_json::{Map, Value, json};

use crate::common::{Folder, devices, fixtures};

/// A checkpoint with weight norm, f32, prefix `dac.`.
const FILE: &str = "layouts/hance/model.safetensors";

/// Every device of this build, the engine with every instruction set of this machine.
fn options() -> Vec<CodecOptions> {
    let burn = devices().into_iter().filter(|device| *device != Device::Cpu).map(CodecOptions::on);
    let engine = Isa::available().into_iter().map(|isa| {
        let mut options = CodecOptions::on(Device::Cpu);
        options.isa = Some(isa);
        options
    });
    engine.chain(burn).collect()
}

/// Header and data of a safetensors file.
fn split(file: &[u8]) -> (Map<String, Value>, Vec<u8>) {
    let length = u64::from_le_bytes(file[..8].try_into().unwrap()) as usize;
    (serde_json::from_slice(&file[8..8 + length]).unwrap(), file[8 + length..].to_vec())
}

fn join(header: &Map<String, Value>, data: &[u8]) -> Vec<u8> {
    let header = serde_json::to_vec(header).unwrap();
    [&(header.len() as u64).to_le_bytes()[..], &header, data].concat()
}

fn original() -> (Map<String, Value>, Vec<u8>) {
    split(&fs::read(fixtures().join(FILE)).unwrap())
}

fn shape_of(info: &Value) -> Vec<usize> {
    serde_json::from_value(info["shape"].clone()).unwrap()
}

/// Replaces `count` values from element `first` on.
fn patch(header: &Map<String, Value>, data: &mut [u8], key: &str, first: usize, values: &[f32]) {
    let start = header[key]["data_offsets"][0].as_u64().unwrap() as usize + 4 * first;
    let bytes: Vec<u8> = values.iter().flat_map(|value| value.to_le_bytes()).collect();
    data[start..start + bytes.len()].copy_from_slice(&bytes);
}

fn open(path: &Path) -> Result<Checkpoint, String> {
    Checkpoint::open(path, None).map_err(|error| error.to_string())
}

fn load(path: &Path, options: &CodecOptions) -> Result<Codec, CodecError> {
    let mut checkpoint = open(path).unwrap();
    let shape = checkpoint.shape().clone();
    Codec::load(&shape, &mut checkpoint, options.clone())
}

/// The error of loading a parameter.
fn weight_error(error: CodecError) -> WeightError {
    match error {
        CodecError::Weight(error) | CodecError::Engine(PipelineError::Weight(error)) => error,
        other => panic!("{other}"),
    }
}

#[test]
fn one_value_that_is_not_finite_is_refused_in_every_kind_of_tensor() {
    let (header, data) = original();
    let folder = Folder::new();
    for key in [
        "dac.quantizer.quantizers.0.codebook.weight",
        "dac.quantizer.quantizers.3.in_proj.weight_v",
        "dac.quantizer.quantizers.3.in_proj.weight_g",
        "dac.quantizer.quantizers.8.out_proj.weight_v",
        "dac.quantizer.quantizers.8.out_proj.bias",
        "dac.encoder.block.0.weight_v",
        "dac.encoder.block.1.block.0.block.0.alpha",
        "dac.encoder.block.5.alpha",
        "dac.decoder.model.1.block.1.weight_v",
        "dac.decoder.model.6.bias",
    ] {
        let shape = shape_of(&header[key]);
        let last = shape.iter().product::<usize>() - 1;
        let index: Vec<usize> = shape.iter().map(|d| d - 1).collect();
        for value in [f32::NAN, f32::INFINITY, f32::NEG_INFINITY] {
            let mut data = data.clone();
            patch(&header, &mut data, key, last, &[value]);
            let path = folder.put("model.safetensors", &join(&header, &data));
            for options in options() {
                let text = weight_error(load(&path, &options).unwrap_err()).to_string();
                let expected = format!("tensor {key} contains {value} at {index:?}, expected finite numbers");
                assert!(
                    text.contains(&expected) && text.contains("model.safetensors"),
                    "{options:?}: {text}"
                );
            }
            assert!(open(&path).unwrap().check_values().is_err(), "{key} {value}");
        }
    }
    let path = folder.put("model.safetensors", &join(&header, &data));
    open(&path).unwrap().check_values().unwrap();
}

#[test]
fn a_row_that_weight_norm_cannot_divide_by_is_refused() {
    let (header, data) = original();
    let folder = Folder::new();
    let key = "dac.encoder.block.1.block.4.weight_v";
    let width: usize = shape_of(&header[key])[1..].iter().product();
    for (value, norm) in [(0.0, "0"), (3e38, "inf")] {
        let mut data = data.clone();
        patch(&header, &mut data, key, width, &vec![value; width]);
        let path = folder.put("model.safetensors", &join(&header, &data));
        for options in options() {
            let text = weight_error(load(&path, &options).unwrap_err()).to_string();
            assert!(text.contains(&format!("tensor {key} has norm {norm} in row 1")), "{text}");
        }
    }
}

#[test]
fn weights_of_integer_types_are_refused() {
    let (header, _) = original();
    let folder = Folder::new();
    for (dtype, size) in
        [("I8", 1), ("U8", 1), ("BOOL", 1), ("I16", 2), ("I32", 4), ("I64", 8), ("F8_E4M3", 1)]
    {
        let (mut quantized, mut at) = (Map::new(), 0);
        for (key, info) in header.iter().filter(|(key, _)| *key != "__metadata__") {
            let end = at + size * shape_of(info).iter().product::<usize>();
            quantized.insert(
                key.clone(),
                json!({ "dtype": dtype, "shape": info["shape"], "data_offsets": [at, end] }),
            );
            at = end;
        }
        let path = folder.put("model.safetensors", &join(&quantized, &vec![1; at]));
        let error = Checkpoint::open(&path, None).unwrap_err();
        assert!(matches!(error.reason, Reason::DType { .. }), "{dtype}: {error}");
        let text = error.to_string().to_lowercase();
        assert!(text.contains(&dtype.to_lowercase()) && text.contains("f16 or bf16"), "{dtype}: {text}");
    }
}

/// A checkpoint with all values of one parameter replaced, below the checks of files.
struct Replaced {
    inner: Checkpoint,
    name: &'static str,
    value: f32,
}

impl Weights for Replaced {
    fn tensor(&mut self, name: &str, shape: &[usize]) -> Result<Vec<f32>, WeightError> {
        let mut values = self.inner.tensor(name, shape)?;
        if name == self.name {
            values.fill(self.value);
        }
        Ok(values)
    }
}

fn replaced(name: &'static str, value: f32, options: &CodecOptions) -> Result<Codec, CodecError> {
    let inner = open(&fixtures().join(FILE)).unwrap();
    let shape: NetworkShape = inner.shape().clone();
    Codec::load(&shape, &mut Replaced { inner, name, value }, options.clone())
}

#[test]
fn any_source_of_weights_is_checked() {
    for options in options() {
        let name = "quantizer.quantizers.2.codebook.weight";
        let error = weight_error(replaced(name, f32::NAN, &options).unwrap_err());
        assert!(
            matches!(&error, WeightError::NonFinite { name: found, position: 0, .. } if found == name),
            "{error}"
        );
    }
}

/// Audio of three seconds, so that several runs of a stream are needed.
fn audio() -> Array3 {
    let samples: Vec<f32> = (0..3 * 44_100).map(|i| (i as f32 * 0.03).sin() * 0.5).collect();
    Array3::mono(samples)
}

#[test]
fn overflows_are_errors_that_name_the_layer() {
    for options in options() {
        let fails = |name: &'static str, value: f32, what: &str, in_layer: &str| {
            let codec = replaced(name, value, &options).unwrap();
            let codes = Codes::new(vec![3; 9 * 80], [1, 9, 80]).unwrap();
            let result = match name.starts_with("decoder") {
                true => codec.decode_codes(&codes).map(drop),
                false => codec.encode(&audio(), None).map(drop),
            };
            let Err(CodecError::NonFinite { what: found, layer, .. }) = &result else {
                panic!("{name} {options:?}: {result:?}")
            };
            assert!(found.contains(what), "{name} {options:?}: {found}");
            let layer = layer.clone().unwrap_or_default();
            assert!(layer.split(" + ").any(|layer| layer == in_layer), "{name} {options:?}: {layer:?}");
        };
        fails("encoder.block.2.block.1.block.1.weight", 2e38, "encoder", "encoder.block.2.block.1");
        fails("encoder.block.4.block.4.bias", f32::MAX, "encoder", "encoder.block.5");
        fails("decoder.model.2.block.1.weight", 3e38, "decoder", "decoder.model.2.block.1");
        // Infinity before the final tanh, which would make full-scale samples of it.
        fails("decoder.model.6.weight", f32::MAX, "decoder", "decoder.model.6");
        // The search ignores NaNs and infinities; the codes would be valid.
        fails("quantizer.quantizers.0.in_proj.weight", f32::MAX, "quantizer", "");
        fails("quantizer.quantizers.0.out_proj.weight", f32::MAX, "quantizer", "");
    }
}
