//! Invalid and hostile files, and wrong usage: exit codes, messages and remaining files.

use crate::support::{Lab, wav_bytes, wav_file};

#[test]
fn invalid_files_do_not_stop_a_batch() {
    let lab = Lab::new();
    lab.put("empty.wav", b"");
    lab.put("text.wav", b"this is a letter, not a recording\n");
    let whole = wav_bytes(44100, 2000, &[0.5]);
    lab.put("header.wav", &whole[..30]);
    lab.put("nothing.wav", &wav_file(1, 44100, 1, 16, &[]));
    lab.wav("good.wav", 44100, 2000, &[0.5]);
    let mut floats: Vec<u8> = (0..600).flat_map(|_| 0.1_f32.to_le_bytes()).collect();
    floats[4 * 300..4 * 301].copy_from_slice(&f32::NAN.to_le_bytes());
    lab.put("nan.wav", &wav_file(3, 44100, 1, 32, &floats));

    let names = ["empty", "text", "header", "nothing", "nan", "good"];
    let inputs: Vec<_> = names.iter().map(|name| format!("{name}.wav")).collect();
    let run =
        lab.dac(&format!("encode {} --output out --model tiny --json --jobs 1", inputs.join(" "))).expect(1);
    let records = run.records();
    assert_eq!(records.len(), names.len());
    for (record, name) in records.iter().zip(names) {
        assert_eq!(record["input"], format!("{name}.wav"));
        let status = if name == "good" { "ok" } else { "error" };
        assert_eq!(record["status"], status, "{record}");
        assert_eq!(record["error"].is_null(), name == "good", "{record}");
    }
    let error = |at: usize| records[at]["error"].as_str().unwrap().to_owned();
    assert!(error(0).contains("empty"), "{}", error(0));
    assert!(error(1).contains("not an audio file"), "{}", error(1));
    assert!(error(4).contains("sample 300"), "{}", error(4));
    assert_eq!(lab.names("out"), ["good.safetensors"]);
    run.says("1 done, 0 skipped, 5 failed");
}

#[test]
fn hostile_token_files_are_rejected() {
    let lab = Lab::new();
    let mut header = (1_u64 << 60).to_le_bytes().to_vec();
    header.extend(b"{\"codes\":{}}");
    lab.put("huge.safetensors", &header);
    lab.put("system.pt", b"cos\nsystem\n(S'touch owned'\ntR.");
    lab.put("cut.npy", b"\x93NUMPY\x01\x00");
    lab.put("empty.dacp", b"");
    lab.wav("a.wav", 44100, 3000, &[0.5]);
    lab.dac("encode a.wav --output . --model tiny").expect(0);
    let whole = lab.read("a.safetensors");
    lab.put("cut.safetensors", &whole[..whole.len() - 7]);

    let names = "huge.safetensors system.pt empty.dacp cut.safetensors";
    let run = lab.dac(&format!("decode {names} --output out --model tiny --json")).expect(1);
    assert!(run.records().iter().all(|record| record["status"] == "error"), "{}", run.stdout);
    lab.dac("decode cut.npy --output out --model tiny").expect(1);
    assert_eq!(lab.names("out"), [""; 0]);
    assert!(!lab.path("owned").exists());
}

#[test]
fn tokens_of_another_model_are_rejected() {
    let lab = Lab::new();
    let weights = format!("{}/../../fixtures/parity/44khz/weights.pth", env!("CARGO_MANIFEST_DIR"));
    lab.wav("a.wav", 44100, 1000, &[0.5]);
    lab.dac(&format!("encode a.wav --output t --weights {weights}")).expect(0);
    lab.dac("decode t/a.safetensors --output d").expect(1).says("--weights FILE");
    lab.dac("decode t/a.safetensors --output d --model tiny")
        .expect(1)
        .says("made with custom weights (SHA-256 ")
        .says("; the model 'tiny' cannot decode it: give the same weights with --weights FILE");
    assert_eq!(lab.names("d"), [""; 0]);
    lab.dac(&format!("decode t/a.safetensors --output d --weights {weights}")).expect(0);
    // The weights have another shape than the named preset.
    lab.dac(&format!("encode a.wav --output u --model 44khz --weights {weights}")).expect(3).says("44khz");
}

#[test]
fn codes_beyond_the_codebook_are_reported() {
    let lab = Lab::new();
    // 1 × 9 × 2 codes, one of which is 1024.
    let text = "{'descr': '<u2', 'fortran_order': False, 'shape': (1, 9, 2), }";
    let mut file = b"\x93NUMPY\x01\x00\x76\x00".to_vec();
    file.extend(format!("{text:<117}\n").bytes());
    file.extend((0..18_u16).flat_map(|i| (if i == 5 { 1024 } else { i }).to_le_bytes()));
    lab.put("bad.npy", &file);
    lab.dac("decode bad.npy --output out --model tiny").expect(1).says("1024");
}

#[test]
fn invalid_weights_are_reported_before_any_file_is_read() {
    let lab = Lab::new();
    lab.wav("a.wav", 44100, 1000, &[0.5]);
    lab.put("text.pth", b"not weights");
    let run = lab.dac("encode a.wav --output out --weights text.pth --json").expect(3);
    run.says("text.pth");
    assert_eq!(run.stdout, "");
    lab.dac("encode a.wav --output out --weights missing.pth").expect(2).says("missing.pth");
}

#[test]
fn missing_weights_are_reported_with_the_remedies() {
    let lab = Lab::new();
    lab.wav("a.wav", 44100, 1000, &[0.5]);
    let run = lab.dac("encode a.wav --output out").expect(2);
    run.says("dac download 44khz").says("--model tiny").says("--weights FILE");
    assert!(!lab.path("out").exists());
    lab.dac("encode a.wav --output out --model 16khz").expect(2).says("dac download 16khz");
}

#[test]
fn a_plan_with_errors_writes_nothing() {
    let lab = Lab::new();
    lab.wav("one/a.wav", 44100, 1000, &[0.5]);
    lab.wav("two/a.wav", 44100, 1000, &[0.5]);
    let run = lab
        .dac("encode one/a.wav two/a.wav missing.wav nothing/*.wav --output out --model tiny --json")
        .expect(2);
    run.says("missing.wav: no such file").says("nothing/*.wav");
    run.says("out/a.safetensors would be written by 2 inputs").says("two/a.wav");
    assert_eq!((run.stdout.as_str(), lab.path("out").exists()), ("", false));
}

#[test]
fn wrong_usage_exits_with_2() {
    let lab = Lab::new();
    lab.wav("a.wav", 44100, 1000, &[0.5]);
    for arguments in [
        "",
        "compress a.wav",
        "encode a.wav",
        "encode --output out",
        "encode a.wav --output out --model 48khz",
        "encode a.wav --output out --model tiny --chunk whole --chunk-seconds 1",
        "encode a.wav --output out --model tiny --device cpu:3",
        "encode a.wav --output a.wav --model tiny",
        "download tiny",
        "download 44khz-16kbps --source hance",
        "download 44khz --url ftp://a/b",
        "download 44khz --sha256 abc",
        "bench --weights a --random-weights",
        "encode a.wav --output out --model tiny --memory-budget 1G",
        "doctor --device wgpu",
    ] {
        let run = lab.dac(arguments).expect(2);
        assert!(run.stdout.is_empty() && !run.stderr.is_empty(), "{arguments}");
    }
    assert_eq!(lab.names("out"), [""; 0]);
    lab.dac("--help").expect(0);
    assert!(lab.dac("--version").expect(0).stdout.starts_with("dac "));
}

#[test]
fn an_uncompiled_device_is_reported_with_its_feature() {
    let lab = Lab::new();
    lab.wav("a.wav", 44100, 1000, &[0.5]);
    if cfg!(not(feature = "cuda")) {
        lab.dac("encode a.wav --output out --model tiny --device cuda:0").expect(2).says("feature 'cuda'");
    }
    if cfg!(not(any(feature = "wgpu", feature = "cuda"))) {
        for option in ["--autotune", "--warm"] {
            lab.dac(&format!("doctor {option}")).expect(2).says("--autotune needs a burn device");
        }
    }
}

#[test]
fn a_debug_build_warns_once() {
    let lab = Lab::new();
    lab.wav("a.wav", 44100, 1000, &[0.5]);
    lab.wav("b.wav", 44100, 1000, &[0.5]);
    let run = lab.dac("encode a.wav b.wav --output out --model tiny").expect(0);
    assert_eq!(run.stderr.matches("debug build").count(), usize::from(cfg!(debug_assertions)));
    assert_eq!(lab.dac("models").expect(0).stderr, "");
}

#[test]
fn samples_that_are_not_finite_are_errors_or_become_zero() {
    let lab = Lab::new();
    let wave = |odd: [f32; 3]| {
        let mut values: Vec<f32> = (0..9_000).map(|i| 0.4 * (i as f32 * 0.03).sin()).collect();
        // Sample 500 of the second channel, then two samples of the first.
        [values[1_001], values[4_000], values[8_998]] = odd;
        let bytes: Vec<u8> = values.iter().flat_map(|v| v.to_le_bytes()).collect();
        wav_file(3, 44100, 2, 32, &bytes)
    };
    let odd = wave([f32::NAN, f32::INFINITY, f32::NEG_INFINITY]);
    lab.put("odd.wav", &odd);
    lab.put("zero.wav", &wave([0.0; 3]));
    for options in ["", "--channels keep", "--format dac", "--chunk descript"] {
        let run = lab.dac(&format!("encode odd.wav --output no --model tiny {options}")).expect(1);
        run.says("odd.wav: sample 500 of channel 1 is NaN, expected a finite number");
        assert_eq!(lab.names("no"), [""; 0], "{options}");

        let both = format!("encode odd.wav zero.wav --output out --model tiny --overwrite {options}");
        let run = lab.dac(&format!("{both} --nan zero")).expect(0);
        run.says("odd.wav: NaN and infinite samples replaced by 0: 3");
        assert_eq!(run.stderr.matches("NaN and infinite").count(), 1, "{}", run.stderr);
        let names = lab.names("out");
        let read = |name: &str| dac::TokenFile::read(&lab.path("out").join(name)).unwrap();
        let of = |stem: &str| read(names.iter().rev().find(|name| name.starts_with(stem)).unwrap());
        let (found, wanted) = (of("odd"), of("zero"));
        assert_eq!((&found.codes, found.meta.input_db), (&wanted.codes, wanted.meta.input_db), "{options}");
        std::fs::remove_dir_all(lab.path("out")).unwrap();
    }
    lab.dac("roundtrip odd.wav --output both --model tiny").expect(1).says("sample 500");
    assert_eq!(lab.names("both"), [""; 0]);
    lab.dac("roundtrip odd.wav --output both --model tiny --nan zero").expect(0).says("replaced by 0: 3");
    let meta = dac::TokenFile::read(&lab.path("both/odd.safetensors")).unwrap().meta;
    assert_eq!(meta.replaced_samples, Some(3));

    let refused = lab.run_with("encode - --model tiny", &odd);
    assert_eq!(refused.status.code(), Some(1));
    assert!(String::from_utf8_lossy(&refused.stderr).contains("-: sample 500 of channel 1 is NaN"));
    let silenced = lab.run_with("encode - --model tiny --nan zero", &odd);
    assert!(
        String::from_utf8_lossy(&silenced.stderr).contains("-: NaN and infinite samples replaced by 0: 3")
    );
    assert_eq!(silenced.stdout, lab.pipe("encode - --model tiny", &wave([0.0; 3])));
}

#[test]
fn a_truncated_recording_is_reported_and_skipped_by_a_rerun() {
    let lab = Lab::new();
    let whole = lab.wav("whole.wav", 44100, 9_000, &[0.5]);
    let cut = std::fs::read(whole).unwrap();
    lab.put("cut.wav", &cut[..cut.len() - 6_001]);
    let run = lab.dac("encode cut.wav whole.wav --output out --model tiny --json").expect(0);
    assert_eq!(run.stderr.matches("input is truncated; encoded the available samples").count(), 1);
    run.says("cut.wav: input is truncated");
    let records = run.records();
    let truncated = |name: &str| {
        records.iter().find(|record| record["input"] == name).map(|record| record["input_truncated"].clone())
    };
    assert_eq!((truncated("cut.wav"), truncated("whole.wav")), (Some(true.into()), Some(().into())));
    // Without the manifest, the token file records that the input was truncated.
    std::fs::remove_file(lab.path("out/.dac-manifest.jsonl")).unwrap();
    lab.dac("encode cut.wav whole.wav --output out --model tiny").expect(0).says("2 skipped");
    let piped = lab.run_with("encode - --model tiny", &cut[..cut.len() - 6_001]);
    assert!(String::from_utf8_lossy(&piped.stderr).contains("-: input is truncated"));
}

#[test]
fn output_that_is_not_finite_is_not_written() {
    let lab = Lab::new();
    let latents = |value: f32| {
        let text = "{'descr': '<f4', 'fortran_order': False, 'shape': (1, 256, 3), }";
        let mut file = b"\x93NUMPY\x01\x00\x76\x00".to_vec();
        file.extend(format!("{text:<117}\n").bytes());
        file.extend((0..256 * 3).flat_map(|i| (if i == 300 { value } else { 0.5 }).to_le_bytes()));
        file
    };
    lab.put("fine.npy", &latents(0.5));
    lab.dac("decode fine.npy --output out --model tiny").expect(0);
    assert_eq!(lab.names("out"), ["fine.wav"]);
    for (name, value) in [("nan", f32::NAN), ("infinite", f32::NEG_INFINITY)] {
        lab.put(&format!("{name}.npy"), &latents(value));
        for options in ["", "--chunk whole", "--device flex", "--sample-format f32 --output-rate 16000"] {
            let run = lab.dac(&format!("decode {name}.npy --output no --model tiny {options}")).expect(1);
            run.says(&format!("{name}.npy")).says("not finite");
            assert_eq!(lab.names("no"), [""; 0], "{name} {options}");
        }
    }
    // The samples are finite, but overflow inside the network.
    let loud: Vec<u8> = (0..4_000).flat_map(|i| (f32::MAX * (i as f32).sin()).to_le_bytes()).collect();
    lab.put("loud.wav", &wav_file(3, 44100, 1, 32, &loud));
    for options in ["", "--save z", "--device flex", "--chunk whole"] {
        lab.dac(&format!("encode loud.wav --output no --model tiny {options}")).expect(1).says("not finite");
        assert_eq!(lab.names("no"), [""; 0], "{options}");
    }
}
