//! Files that are no checkpoints of this codec, and contradictory settings. Messages name the next step.

use std::fs;
use std::path::Path;

use dac_model::checkpoint::{Layout, Reason};
use dac_model::{Checkpoint, Preset};
use dac_pickle::torch::{Saved, write};
use serde_json::{Map, Value, json};

use crate::common::{Folder, fixtures};

fn layout(name: &str) -> Vec<u8> {
    fs::read(fixtures().join("layouts").join(name)).unwrap()
}

fn error(path: &Path) -> String {
    Checkpoint::open(path, None).map(drop).unwrap_err().to_string()
}

/// A safetensors file of f16 zeros with these keys and shapes, and metadata.
fn zeros(keys: &[(String, Vec<usize>)], metadata: &Value) -> Vec<u8> {
    let (mut header, mut at) = (Map::new(), 0);
    header.insert("__metadata__".to_owned(), metadata.clone());
    for (key, shape) in keys {
        let end = at + 2 * shape.iter().product::<usize>();
        header.insert(key.clone(), json!({ "dtype": "F16", "shape": shape, "data_offsets": [at, end] }));
        at = end;
    }
    let header = serde_json::to_vec(&header).unwrap();
    [&(header.len() as u64).to_le_bytes()[..], &header, &vec![0; at]].concat()
}

/// Parameters of the tiny model under names that `rename` makes of the canonical ones.
fn tiny_keys(rename: impl Fn(&str) -> Option<String>) -> Vec<(String, Vec<usize>)> {
    Preset::Tiny
        .shape()
        .parameters()
        .into_iter()
        .filter_map(|(key, shape)| Some((rename(&key)?, shape)))
        .collect()
}

#[test]
fn files_of_other_kinds_are_named() {
    let folder = Folder::new();
    let pointer = "version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 306717287\n";
    for (bytes, expected) in [
        (
            pointer.as_bytes(),
            "a Git LFS pointer to a file of 306717287 bytes, not the file itself; run `git lfs pull`",
        ),
        (b"<!DOCTYPE html><html>", "it is a web page; the download failed"),
        (
            br#"{"weight_map": {}}"#,
            "the index of a checkpoint in several parts, not the checkpoint itself; join",
        ),
        (
            br#"{"architectures": ["DacModel"]}"#,
            "JSON, the settings of a model (config.json) without its weights",
        ),
        (b"RIFF\x24\0\0\0WAVEfmt ", "a RIFF file, such as WAV audio"),
        (b"12345678", "has only 8 bytes, too few for a safetensors or torch file"),
        (b"\x10", "has only 1 bytes"),
        (b"", "empty"),
    ] {
        let text = error(&folder.put("weights.pth", bytes));
        assert!(text.contains(expected) && text.contains("weights.pth: "), "{text}");
    }
}

#[test]
fn parts_of_a_checkpoint_are_named() {
    let folder = Folder::new();
    let none = json!({});
    let keys = tiny_keys(|key| key.starts_with("decoder").then(|| key.to_owned()));
    let text = error(&folder.put("vocoder.safetensors", &zeros(&keys, &none)));
    assert!(text.contains("no encoder and no quantizer in this file, only decoder"), "{text}");
    let keys = tiny_keys(|key| (!key.starts_with("encoder")).then(|| format!("model.{key}")));
    let text = error(&folder.put("decoder.safetensors", &zeros(&keys, &none)));
    assert!(text.contains("no encoder in this file, only quantizer and decoder"), "{text}");
    let keys = tiny_keys(|key| (!key.starts_with("decoder")).then(|| key.to_owned()));
    let text = error(&folder.put("encoder.safetensors", &zeros(&keys, &none)));
    assert!(text.contains("no decoder in this file, only encoder and quantizer"), "{text}");

    let text = error(&folder.put("model-00001-of-00002.safetensors", &zeros(&keys, &none)));
    assert!(
        text.contains("is part 1 of 2 of a checkpoint, and cannot be read alone; join the parts"),
        "{text}"
    );
    let text = error(folder.0.path());
    assert!(text.contains("it contains a checkpoint in 2 parts: join the parts"), "{text}");
    let single = Folder::new();
    let path = single.put("model.safetensors", b"");
    let text = error(single.0.path());
    assert!(text.contains("is a directory, expected a checkpoint file"), "{text}");
    assert!(text.ends_with(&format!("; give {}", path.display())), "{text}");
}

#[test]
fn names_of_training_wrappers_are_accepted_and_other_layouts_named() {
    let folder = Folder::new();
    for prefix in ["module.", "module.dac.", "_orig_mod.", "_orig_mod.module.model."] {
        let keys = tiny_keys(|key| Some(format!("{prefix}{key}")));
        let path = folder.put("model.safetensors", &zeros(&keys, &json!({})));
        let checkpoint = Checkpoint::open(&path, Some(Preset::Tiny)).unwrap();
        let report = checkpoint.report();
        assert_eq!((report.prefix.as_str(), report.layout), (prefix, Layout::Reference));
    }
    let named =
        |keys: Vec<(String, Vec<usize>)>| error(&folder.put("x.safetensors", &zeros(&keys, &json!({}))));
    for (keys, layout) in [
        (
            vec![("codec.decoder.model.layers.0.weight".into(), vec![2, 2])],
            "named as in an MLX conversion (codec.decoder.model.layers.0.weight)",
        ),
        (vec![("quantizer.layers.0.codebook.embed".into(), vec![2, 2])], "named as in EnCodec"),
        (
            vec![("discriminators.0.convs.0.weight".into(), vec![2, 2])],
            "the discriminator with which a DAC model",
        ),
        (vec![("layers.0.weight".into(), vec![2, 2])], "none of its 1 tensors has a name of the codec"),
    ] {
        let text = named(keys);
        assert!(text.contains(layout) && text.contains("descript-audio-codec"), "{text}");
    }
    let last = |(key, mut shape): (String, Vec<usize>)| {
        if key.ends_with(".weight") && shape.len() == 3 {
            shape.swap(1, 2);
        }
        (key, shape)
    };
    let text = named(tiny_keys(|key| Some(key.to_owned())).into_iter().map(last).collect());
    assert!(text.contains("MLX conversion (encoder.block.0 has a weight of [out, kernel, in])"), "{text}");
}

#[test]
fn a_state_dict_inside_another_dict_is_named_with_its_key() {
    let folder = Folder::new();
    let put = |saved: &Saved| {
        let mut bytes = Vec::new();
        write(&mut bytes, "x", saved).unwrap();
        error(&folder.put("x.pth", &bytes))
    };
    let tensor = |key: &str| (key.to_owned(), Saved::float_tensor(&[1.0], &[1]));
    let dict = |key: &str, items| (key.to_owned(), Saved::Dict(items));
    let text = put(&Saved::Dict(vec![
        dict("model", vec![tensor("encoder.block.0.bias"), tensor("encoder.block.1.bias")]),
        dict("optimizer", vec![]),
        tensor("step"),
    ]));
    assert!(
        text.contains("it is a dict with the keys model, optimizer, step; model contains 2 tensors"),
        "{text}"
    );
    assert!(text.contains(r#"torch.save(torch.load(OLD)["model"], NEW)"#), "{text}");
    let text = put(&Saved::Dict(vec![]));
    assert!(text.contains("contains no state dict of tensors: it is a dict with the keys"), "{text}");
    let text = put(&Saved::float_tensor(&[1.0], &[1]));
    assert!(text.contains("contains no state dict of tensors: it is a tensor"), "{text}");
}

/// Opens the tiny shape with `sample_rate` in its metadata and this `config.json`.
fn with_config(metadata: &Value, config: &str) -> Result<(u32, Vec<String>), String> {
    let folder = Folder::new();
    let keys = tiny_keys(|key| Some(key.to_owned()));
    let path = folder.put("model.safetensors", &zeros(&keys, metadata));
    let config_path = folder.put("config.json", config.as_bytes());
    let shown = |text: String| text.replace(&config_path.display().to_string(), "CONFIG");
    let checkpoint = Checkpoint::open(&path, None).map_err(|error| shown(error.reason.to_string()))?;
    let warnings = checkpoint.report().warnings.iter().cloned().map(shown).collect();
    Ok((checkpoint.shape().sample_rate_hz, warnings))
}

#[test]
fn two_sources_of_one_fact_must_agree() {
    let rate = json!({ "sample_rate": "44100" });
    assert_eq!(with_config(&rate, r#"{"sampling_rate": 44100}"#), Ok((44100, vec![])));
    assert_eq!(with_config(&json!({}), r#"{"sampling_rate": 24000.0}"#), Ok((24000, vec![])));
    let text = with_config(&rate, r#"{"sampling_rate": 24000}"#).unwrap_err();
    assert!(
        text.contains(
            "two sources disagree about the sample rate: 44100 by sample_rate in the file's metadata, but \
             24000 by sampling_rate in CONFIG"
        ),
        "{text}"
    );
    for (config, expected) in [
        (r#"{"n_codebooks": 32}"#, "number of codebooks: 9 by its tensors, but 32 by n_codebooks in CONFIG"),
        (
            r#"{"codebook_size": 4096}"#,
            "codebook size: 1024 by its tensors, but 4096 by codebook_size in CONFIG",
        ),
        (r#"{"hop_length": 320}"#, "hop: 512 by its tensors, but 320 by hop_length in CONFIG"),
        (r#"{"downsampling_ratios": [2, 4, 5, 8]}"#, "[2, 4, 8, 8] by its tensors, but [2, 4, 5, 8] by"),
    ] {
        let text = with_config(&json!({}), config).unwrap_err();
        assert!(text.contains(expected) && text.contains("correct or remove the wrong one"), "{text}");
    }
    let text = with_config(&json!({ "n_codebooks": "8" }), "{}").unwrap_err();
    assert!(text.contains("9 by its tensors, but 8 by n_codebooks in the file's metadata"), "{text}");
}

#[test]
fn sample_rates_out_of_range_are_shown_as_they_are_with_their_file() {
    for (config, found) in [("-24000", "-24000"), ("99999999999", "99999999999"), ("0", "0")] {
        let text = with_config(&json!({}), &format!(r#"{{"sampling_rate": {config}}}"#)).unwrap_err();
        let expected =
            format!("sampling_rate in CONFIG is {found}, expected a sample rate from 1000 to 768000 Hz");
        assert_eq!(text, expected);
    }
    let text = with_config(&json!({ "sample_rate": "-1" }), "{}").unwrap_err();
    assert!(text.starts_with("sample_rate in the file's metadata is -1, expected"), "{text}");
}

#[test]
fn settings_that_cannot_be_read_give_warnings_that_name_the_file() {
    for (config, expected) in [
        ("{broken", "CONFIG: is ignored, because it is not valid JSON: "),
        ("", "CONFIG: is ignored, because it is not valid JSON: "),
        ("[1]", "CONFIG: expected a JSON object"),
        (
            r#"{"sampling_rate": "44100"}"#,
            "sampling_rate in CONFIG is \"44100\", expected an integer; it is ignored",
        ),
        (r#"{"n_codebooks": [9]}"#, "n_codebooks in CONFIG is [9], expected an integer; it is ignored"),
        (r#"{"upsampling_ratios": "8"}"#, "is \"8\", expected a list of integers; it is ignored"),
        (r#"{"decoding_chunk_rate": 2}"#, "CONFIG: decoding_chunk_rate is 2, expected a number from 0 to 1"),
    ] {
        let (rate_hz, warnings) = with_config(&json!({}), config).unwrap();
        assert_eq!((rate_hz, warnings.len()), (44100, 1), "{warnings:?}");
        assert!(warnings[0].contains(expected), "{}", warnings[0]);
    }
}

#[test]
fn the_settings_of_a_codec_in_a_speech_model_are_in_their_own_object() {
    let folder = Folder::new();
    let path = folder.put("model.safetensors", &layout("prefix_audio_encoder_bf16/model.safetensors"));
    folder.put(
        "config.json",
        br#"{"n_codebooks": 1, "audio_encoder": {"sampling_rate": 44100, "n_codebooks": 9}}"#,
    );
    Checkpoint::open(&path, None).unwrap();
    folder.put("config.json", br#"{"audio_encoder": {"n_codebooks": 4}}"#);
    let error = Checkpoint::open(&path, None).map(drop).unwrap_err();
    assert!(matches!(error.reason, Reason::Conflict { property: "number of codebooks", .. }), "{error}");
}
