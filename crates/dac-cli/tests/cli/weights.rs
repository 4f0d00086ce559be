//! Weights that are damaged, foreign or contradict their settings.

use std::fs;

use crate::support::Lab;

fn fixture(name: &str) -> Vec<u8> {
    let path = format!("{}/../../fixtures/parity/layouts/{name}", env!("CARGO_MANIFEST_DIR"));
    fs::read(&path).unwrap_or_else(|error| panic!("{path}: {error}"))
}

/// Writes NaN at a byte of the data of a tensor.
fn with_nan(mut file: Vec<u8>, key: &str) -> Vec<u8> {
    let length = u64::from_le_bytes(file[..8].try_into().unwrap()) as usize;
    let header: serde_json::Value = serde_json::from_slice(&file[8..8 + length]).unwrap();
    let at = 8 + length + header[key]["data_offsets"][0].as_u64().unwrap() as usize;
    file[at..at + 4].copy_from_slice(&f32::NAN.to_le_bytes());
    file
}

#[test]
fn a_damaged_value_is_refused_with_its_tensor_before_any_file_is_written() {
    let lab = Lab::new();
    lab.wav("a.wav", 44100, 4000, &[0.5]);
    let key = "dac.quantizer.quantizers.4.codebook.weight";
    lab.put("model.safetensors", &with_nan(fixture("hance/model.safetensors"), key));
    for device in ["cpu", "flex"] {
        let run =
            lab.dac(&format!("encode a.wav --output out --weights model.safetensors --device {device}"));
        run.expect(3).says(&format!("model.safetensors: tensor {key} contains NaN at [0, 0]"));
    }
    assert!(!lab.path("out").exists());
    // The shape of the file is right; `info` reads no values.
    lab.dac("info model.safetensors").expect(0);
    lab.dac("download 44khz --from model.safetensors").expect(1).says("not weights of 44khz");
}

#[test]
fn foreign_files_are_named_as_weights_and_as_audio() {
    let lab = Lab::new();
    lab.wav("a.wav", 44100, 1000, &[0.5]);
    let pointer = b"version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 306717287\n";
    lab.put("pointer", pointer);
    lab.put("page", b"<!DOCTYPE html>\n<html><body>log in</body></html>");
    lab.put("index", br#"{"weight_map": {"a": "model-00001-of-00002.safetensors"}}"#);
    for (name, expected) in [
        (
            "pointer",
            "a Git LFS pointer to a file of 306717287 bytes, not the file itself; run `git lfs pull`",
        ),
        ("page", "a web page; the download failed or needs a login"),
        ("index", "the index of a checkpoint in several parts"),
    ] {
        lab.dac(&format!("encode a.wav --output out --weights {name}")).expect(3).says(expected);
        let run = lab.dac(&format!("encode {name} --output out --model tiny")).expect(1);
        run.says("not an audio file").says(expected);
        lab.dac(&format!("info {name}"))
            .expect(1)
            .says("neither audio nor tokens nor weights")
            .says(expected);
    }
    lab.put("folder/weights.pth", b"x");
    let run = lab.dac("encode a.wav --output out --weights folder").expect(2);
    run.says("is a directory, expected a checkpoint file").says("give folder/weights.pth");
}

#[test]
fn files_that_are_neither_tokens_nor_weights_are_explained_once() {
    let lab = Lab::new();
    let other = |name: &str| {
        let header = format!(r#"{{"{name}":{{"dtype":"F32","shape":[1],"data_offsets":[0,4]}}}}"#);
        [&(header.len() as u64).to_le_bytes()[..], header.as_bytes(), &[0; 4]].concat()
    };
    lab.put("other.safetensors", &other("layers.0.weight"));
    let run = lab.dac("info other.safetensors").expect(1);
    run.says("contains no tokens (codes, z or latents), and as weights it is refused: not a DAC checkpoint");
    // Malformed tokens are described as tokens only, a broken container only once.
    lab.put("codes.safetensors", &other("codes"));
    let run = lab.dac("info codes.safetensors").expect(1);
    assert!(!run.stderr.contains("checkpoint"), "{}", run.stderr);
    let whole = other("codes");
    lab.put("cut.safetensors", &whole[..whole.len() - 2]);
    let run = lab.dac("info cut.safetensors").expect(1);
    run.says("truncated").says("download or copy the file again");
    assert_eq!(run.stderr.matches("truncated").count(), 1, "{}", run.stderr);
}

#[test]
fn settings_that_contradict_the_weights_are_errors_and_unreadable_ones_warnings() {
    let lab = Lab::new();
    lab.wav("a.wav", 44100, 2000, &[0.5]);
    lab.put("model.safetensors", &fixture("transformers/model.safetensors"));
    lab.put("config.json", br#"{"sampling_rate": 44100, "n_codebooks": 12}"#);
    let encode = "encode a.wav --output out --weights model.safetensors";
    let run = lab.dac(encode).expect(3);
    run.says(
        "two sources disagree about the number of codebooks: 9 by its tensors, but 12 by n_codebooks in",
    );
    run.says("config.json");
    lab.put("config.json", br#"{"sampling_rate": -24000}"#);
    lab.dac(encode).expect(3).says("config.json is -24000, expected a sample rate from 1000 to 768000 Hz");
    lab.put("config.json", b"{sampling_rate: 44100}");
    for command in [encode, "info model.safetensors"] {
        let run = lab.dac(command).expect(0);
        run.says("warning: ").says("config.json: is ignored, because it is not valid JSON");
        assert_eq!(run.stderr.matches("config.json").count(), 1, "{}", run.stderr);
    }
}
