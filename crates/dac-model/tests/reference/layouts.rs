//! One network in every published layout, and invalid files.

use std::io::Write;
use std::path::PathBuf;

use crate::common::{Expected, Folder, audio_bound, fixtures, max_abs};
use dac_model::checkpoint::{Layout, Reason};
use dac_model::{Checkpoint, Codec, CodecOptions, Preset};
use dac_nn::{Device, Weights};
use safetensors::tensor::{Dtype, SafeTensors, TensorView};

const FILES: [(&str, &str, Layout); 7] = [
    ("reference/weights.pth", "", Layout::Reference),
    ("reference_f16/weights.pth", "", Layout::Reference),
    ("parametrized/weights.pth", "", Layout::Reference),
    ("hance/model.safetensors", "dac.", Layout::Reference),
    ("prefix_model_f16/model.safetensors", "model.", Layout::Reference),
    ("prefix_audio_encoder_bf16/model.safetensors", "audio_encoder.model.", Layout::Reference),
    ("transformers/model.safetensors", "", Layout::Transformers),
];

fn path(file: &str) -> PathBuf {
    fixtures().join("layouts").join(file)
}

#[test]
fn all_layouts_load_the_same_network() {
    let expected = Expected::read("layouts");
    for (file, prefix, layout) in FILES {
        let mut checkpoint = Checkpoint::open(&path(file), None).unwrap_or_else(|e| panic!("{e}"));
        let report = checkpoint.report().clone();
        assert_eq!((report.prefix.as_str(), report.layout), (prefix, layout), "{file}");
        assert_eq!(report.weight_normed > 0, layout == Layout::Reference, "{file}");
        assert_eq!(report.other_tensors > 0, prefix.starts_with("audio_encoder"), "{file}");
        let shape = checkpoint.shape().clone();
        assert_eq!((shape.sample_rate_hz, shape.codebooks, shape.codebook_size), (44100, 9, 32), "{file}");
        let codec = Codec::load(&shape, &mut checkpoint, CodecOptions::on(Device::Cpu)).unwrap();
        let encoded = codec.encode(&expected.array("odd.input"), None).unwrap();
        assert_eq!(encoded.codes, expected.codes("odd.codes"), "{file}");
        let audio = codec.decode_codes(&encoded.codes).unwrap();
        assert!(max_abs(&audio, &expected.array("odd.audio")).unwrap() <= audio_bound(Device::Cpu), "{file}");
    }
}

/// Converts the reference's weights as MLX stores them: modules in `layers`, channels last.
fn to_mlx(bytes: &[u8]) -> Vec<u8> {
    let file = SafeTensors::deserialize(bytes).unwrap();
    let converted = file.iter().map(|(key, tensor)| {
        let name = key.strip_prefix("dac.").unwrap();
        let name = name.replace("block.", "block.layers.").replace("model.", "model.layers.");
        let is_transposed = name.starts_with("decoder.model.layers.")
            && name.split('.').count() == 8
            && name.contains(".block.layers.1.weight");
        let moves = name.ends_with("weight_g") || name.ends_with("weight_v") || name.ends_with("alpha");
        let (shape, values) = (tensor.shape().to_vec(), tensor.data());
        if !moves {
            return (name, shape, values.to_vec());
        }
        // For each axis of the new array, the axis of the old one.
        let axes = if is_transposed { [1, 2, 0] } else { [0, 2, 1] };
        let strides = [shape[1] * shape[2], shape[2], 1];
        let [rows, columns, depth] = axes.map(|axis| shape[axis]);
        let mut moved = Vec::new();
        for (row, column) in (0..rows).flat_map(|row| (0..columns).map(move |column| (row, column))) {
            for at in 0..depth {
                let from = row * strides[axes[0]] + column * strides[axes[1]] + at * strides[axes[2]];
                moved.extend(&values[4 * from..4 * from + 4]);
            }
        }
        (name, vec![rows, columns, depth], moved)
    });
    let converted: Vec<_> = converted.collect();
    let views = converted.iter().map(|(name, shape, values)| {
        (name.as_str(), TensorView::new(Dtype::F32, shape.clone(), values).unwrap())
    });
    safetensors::serialize(views, None).unwrap()
}

#[test]
fn conversions_for_mlx_have_the_parameters_of_the_reference() {
    let mut expected = Checkpoint::open(&path("hance/model.safetensors"), None).unwrap();
    let bytes = to_mlx(&std::fs::read(path("hance/model.safetensors")).unwrap());
    let folder = Folder::new();
    let file = folder.put("model.safetensors", &bytes);
    let mut found = Checkpoint::open(&file, None).unwrap_or_else(|error| panic!("{error}"));
    let report = found.report().clone();
    assert_eq!((report.layout, report.prefix.as_str()), (Layout::Mlx, ""));
    assert_eq!(report.weight_normed, expected.report().weight_normed);
    let shape = expected.shape().clone();
    assert_eq!(*found.shape(), shape);
    for (name, axes) in shape.parameters() {
        assert_eq!(found.tensor(&name, &axes).unwrap(), expected.tensor(&name, &axes).unwrap(), "{name}");
    }
}

#[test]
fn an_unexpected_model_is_rejected_with_the_differences() {
    let error = Checkpoint::open(&path("reference/weights.pth"), Some(Preset::Khz24)).unwrap_err();
    let text = error.to_string();
    assert!(matches!(error.reason, Reason::OtherModel { .. }), "{text}");
    assert!(
        text.contains("sample rate: expected 24000, found 44100")
            && text.contains("codebooks: expected 32, found 9"),
        "{text}"
    );
}

/// A safetensors file with f32 tensors of the given names and shapes.
fn safetensors(keys: &[(&str, &[usize])]) -> tempfile::NamedTempFile {
    let mut at = 0;
    let entries: Vec<String> = keys
        .iter()
        .map(|(key, shape)| {
            let bytes = 4 * shape.iter().product::<usize>();
            at += bytes;
            format!(r#""{key}":{{"dtype":"F32","shape":{shape:?},"data_offsets":[{},{at}]}}"#, at - bytes)
        })
        .collect();
    let header = format!("{{{}}}", entries.join(","));
    let mut file = tempfile::NamedTempFile::new().unwrap();
    file.write_all(&(header.len() as u64).to_le_bytes()).unwrap();
    file.write_all(header.as_bytes()).unwrap();
    file.write_all(&vec![0; at]).unwrap();
    file
}

#[test]
fn all_missing_and_unused_keys_are_listed_in_one_error() {
    // Two keys of a valid file, renamed.
    let bytes = std::fs::read(path("hance/model.safetensors")).unwrap();
    let replace = |from: &str, to: &str, bytes: Vec<u8>| {
        let at =
            bytes.windows(from.len()).position(|w| w == from.as_bytes()).unwrap_or_else(|| panic!("{from}"));
        [&bytes[..at], to.as_bytes(), &bytes[at + from.len()..]].concat()
    };
    let bytes = replace("dac.decoder.model.1.block.0.alpha", "dac.decoder.model.1.block.0.alphb", bytes);
    let bytes = replace("dac.encoder.block.1.block.3.alpha", "dac.encoder.block.1.blocc.3.alpha", bytes);
    let mut file = tempfile::NamedTempFile::new().unwrap();
    file.write_all(&bytes).unwrap();
    let error = Checkpoint::open(file.path(), None).unwrap_err();
    let Reason::Mismatch(mismatch) = &error.reason else { panic!("{error}") };
    assert_eq!(mismatch.missing, ["decoder.model.1.block.0.alpha", "encoder.block.1.block.3.alpha"]);
    assert_eq!(mismatch.unused, ["dac.decoder.model.1.block.0.alphb", "dac.encoder.block.1.blocc.3.alpha"]);
    let text = error.to_string();
    for name in mismatch.missing.iter().chain(&mismatch.unused) {
        assert!(text.contains(name.as_str()), "{text}");
    }
}

#[test]
fn invalid_files_are_rejected_with_the_reason() {
    let write = |bytes: &[u8]| {
        let mut file = tempfile::NamedTempFile::new().unwrap();
        file.write_all(bytes).unwrap();
        file
    };
    let whole = std::fs::read(path("hance/model.safetensors")).unwrap();
    let torch = std::fs::read(path("reference/weights.pth")).unwrap();
    let mut huge = (1u64 << 60).to_le_bytes().to_vec();
    huge.extend(b"{}");
    // A pickle that would call os.system in a general unpickler.
    let malicious = b"\x80\x02cos\nsystem\nX\x05\x00\x00\x00echo \x85R.";
    for (what, bytes, expected) in [
        ("empty", &b""[..], "empty"),
        ("text", b"this is no checkpoint, it is text", "text"),
        ("header of 2^60", &huge, "header declares 1152921504606846976 bytes"),
        ("truncated safetensors", &whole[..whole.len() - 5], "truncated"),
        ("truncated header", &whole[..50], "header declares"),
        ("truncated torch file", &torch[..torch.len() / 2], "checkpoint"),
        ("pickle that calls os.system", malicious, "pickle"),
        ("header that is not JSON", b"\x05\0\0\0\0\0\0\0{abcd", "not a valid safetensors file"),
    ] {
        let error = Checkpoint::open(write(bytes).path(), None).unwrap_err().to_string();
        assert!(error.contains(expected), "{what}: {error}");
    }
    let error = Checkpoint::open(&fixtures(), None).unwrap_err().to_string();
    assert!(error.contains("directory"), "{error}");
    let error = Checkpoint::open(&fixtures().join("none.pth"), None).unwrap_err().to_string();
    assert!(error.contains("none.pth"), "{error}");
    let error =
        Checkpoint::open(safetensors(&[("layers.0.weight", &[2, 2])]).path(), None).unwrap_err().to_string();
    assert!(error.contains("not a DAC checkpoint") && error.contains("layers.0.weight"), "{error}");
    let error = Checkpoint::open(safetensors(&[("encoder.block.0.weight", &[2, 1, 7])]).path(), None)
        .unwrap_err()
        .to_string();
    assert!(error.contains("no quantizer and no decoder in this file, only encoder"), "{error}");
}
