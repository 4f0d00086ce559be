//! `dac info` and `dac models`.

use std::fs;

use crate::support::{Lab, wav_bytes};

#[test]
fn audio_and_tokens_are_detected_from_the_content() {
    let lab = Lab::new();
    lab.wav("a.wav", 16000, 8000, &[0.5, 0.5]);
    lab.dac("encode a.wav --output . --model tiny --quantizers 4").expect(0);
    fs::rename(lab.path("a.safetensors"), lab.path("renamed.bin")).unwrap();
    lab.put("letter.txt", b"dear reader");
    let run = lab.dac("info a.wav renamed.bin letter.txt missing --json").expect(1);
    let records = run.records();
    let [audio, tokens, letter, missing] = records.as_slice() else { panic!("{}", run.stdout) };
    assert_eq!(
        (&audio["kind"], &audio["samples"], &audio["channels"]),
        (&"audio".into(), &8000.into(), &2.into())
    );
    assert_eq!((&audio["sample_rate_hz"], &audio["audio_seconds"]), (&16000.into(), &0.5.into()));
    assert_eq!((&tokens["kind"], &tokens["model"]), (&"tokens".into(), &"tiny".into()));
    assert_eq!(tokens["codes_shape"], serde_json::json!([1, 4, 44]));
    assert_eq!((&tokens["input_samples"], &tokens["input_rate_hz"]), (&8000.into(), &16000.into()));
    let bytes = fs::metadata(lab.path("renamed.bin")).unwrap().len();
    assert_eq!((&tokens["file_bytes"], &tokens["nominal_kbps"]), (&bytes.into(), &3.45.into()));
    for wrong in [letter, missing] {
        assert!(wrong["status"] == "error" && wrong["error"].is_string(), "{wrong}");
    }

    let text = lab.dac("info renamed.bin").expect(0).stdout;
    assert!(text.contains("tokens") && text.contains("1 × 4 × 44"), "{text}");
}

#[test]
fn models_are_listed_with_the_weights_on_this_machine() {
    let lab = Lab::new();
    let run = lab.dac("models --json").expect(0);
    let records = run.records();
    let names: Vec<_> = records.iter().map(|record| record["model"].as_str().unwrap()).collect();
    assert_eq!(
        names,
        ["44khz", "44khz-16kbps", "24khz", "16khz", "24khz-speech-1.5kbps", "24khz-speech-3kbps", "tiny"]
    );
    let kbps: Vec<_> = records.iter().map(|record| record["nominal_kbps"].as_f64().unwrap()).collect();
    assert_eq!(kbps, [7.75, 15.5, 24.0, 6.0, 1.5, 3.0, 7.75]);
    let cached: Vec<_> = records.iter().map(|record| record["cached"].as_bool().unwrap()).collect();
    assert_eq!(cached, [false, false, false, false, false, false, true]);
    assert_eq!(records[0]["sources"].as_array().unwrap().len(), 3);

    lab.put("home/.cache/descript/dac/weights_24khz_8kbps_0.0.4.pth", b"x");
    lab.put("home/dac/weights/44khz-hance.safetensors", b"x");
    lab.put("home/dac/weights/16khz-hance.safetensors.part", b"x");
    let records = lab.dac("models --json").expect(0).records();
    let cached: Vec<_> = records.iter().map(|record| record["cached"].as_bool().unwrap()).collect();
    assert_eq!(cached, [true, false, true, false, false, false, true]);
    let text = lab.dac("models").expect(0).stdout;
    for part in ["weights_24khz_8kbps_0.0.4.pth", "dac download 16khz", "part of this program", "7.75"] {
        assert!(text.contains(part), "{part} in {text}");
    }
}

#[test]
fn all_stored_metadata_of_tokens_is_shown() {
    let lab = Lab::new();
    let wav = wav_bytes(44100, 5_000, &[0.5]);
    lab.put("half.wav", &wav[..wav.len() / 2]);
    lab.dac("encode half.wav --output . --model tiny").expect(0);
    let record = lab.dac("info half.safetensors --json").expect(0).records().remove(0);
    assert_eq!((&record["input_truncated"], &record["truncated"]), (&true.into(), &false.into()));
    assert_eq!((&record["codebook_size"], &record["hop_samples"]), (&1024.into(), &512.into()));
    assert!(record["input_db"].is_null() && record["ignored_bytes"].is_null(), "{record}");
    let text = lab.dac("info half.safetensors").expect(0).stdout;
    for line in ["input truncated   true", "file truncated    false", "codes dtype       u16"] {
        assert!(text.contains(line), "{line} is not in:\n{text}");
    }
    lab.wav("a.wav", 44100, 24_000, &[0.5]);
    lab.dac("encode a.wav --output . --model tiny --chunk descript --chunk-seconds 0.4").expect(0);
    let record = lab.dac("info a.dac --json").expect(0).records().remove(0);
    assert_eq!(record["padding"], false);
    assert!(record["chunk_frames"].is_u64() && record["input_db"].is_f64(), "{record}");
}
