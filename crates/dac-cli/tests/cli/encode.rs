//! `dac encode`: records, channels, bitrates, saved arrays and reruns.

use dac::tokens::TokenFile;

use crate::support::Lab;

fn tokens(lab: &Lab, name: &str) -> TokenFile {
    TokenFile::read(&lab.path(name)).unwrap()
}

#[test]
fn encoding_a_file_gives_tokens_and_a_complete_record() {
    let lab = Lab::new();
    lab.wav("speech.wav", 16000, 8000, &[0.5]);
    let run = lab.dac("encode speech.wav --output out --model tiny --json").expect(0);
    run.says("resampled from 16000 Hz to 44100 Hz");
    let records = run.records();
    assert_eq!(records.len(), 1);
    let record = &records[0];
    assert_eq!(record["input"], "speech.wav");
    assert_eq!(record["output"], "out/speech.safetensors");
    assert_eq!(record["model"], "tiny");
    assert_eq!(record["input_samples"], 8000);
    assert_eq!(record["input_rate_hz"], 16000);
    assert_eq!(record["channels"], 1);
    assert_eq!(record["frames"], 22050_u64.div_ceil(512));
    assert_eq!(record["codebooks"], 9);
    assert_eq!(record["audio_seconds"], 0.5);
    assert_eq!(record["status"], "ok");
    assert!(record["error"].is_null() && record["elapsed_seconds"].as_f64().unwrap() > 0.0);
    let hash = record["weights_sha256"].as_str().unwrap();
    assert!(hash.len() == 64 && hash.bytes().all(|b| b.is_ascii_hexdigit()), "{hash}");

    let file = tokens(&lab, "out/speech.safetensors");
    assert_eq!(file.codes.as_ref().unwrap().shape(), [1, 9, 44]);
    file.codes.unwrap().check_range(1024).unwrap();
    assert!(file.z.is_none() && file.latents.is_none());
    let meta = file.meta;
    assert_eq!((meta.model.as_deref(), meta.weights_sha256.as_deref()), (Some("tiny"), Some(hash)));
    assert_eq!((meta.input_rate_hz, meta.input_samples), (Some(16000), Some(8000)));
    assert_eq!(lab.names("out"), ["speech.safetensors"]);
}

#[test]
fn channels_are_mixed_or_encoded_separately() {
    let lab = Lab::new();
    lab.wav("stereo.wav", 44100, 6000, &[0.6, 0.0]);
    let mono = lab.dac("encode stereo.wav --output mono --model tiny --json").expect(0);
    mono.says("2 channels mixed to 1");
    assert_eq!(mono.records()[0]["channels"], 1);
    assert_eq!(tokens(&lab, "mono/stereo.safetensors").codes.unwrap().shape(), [1, 9, 12]);

    let keep = lab.dac("encode stereo.wav --output keep --model tiny --channels keep --json").expect(0);
    assert_eq!(keep.records()[0]["channels"], 2);
    assert_eq!(tokens(&lab, "keep/stereo.safetensors").codes.unwrap().shape(), [2, 9, 12]);
    lab.dac("decode keep/stereo.safetensors --output keep").expect(0);
    let wave = lab.wave_of("keep/stereo.wav");
    assert_eq!((wave.channels, wave.samples()), (2, 6000));
    assert!(wave.rms(0) > 10.0 * wave.rms(1), "{} {}", wave.rms(0), wave.rms(1));
    assert!(wave.rms(0) > 0.05);
}

#[test]
fn quantizers_and_bitrate_set_the_number_of_codebooks() {
    let lab = Lab::new();
    lab.wav("a.wav", 44100, 5000, &[0.5]);
    lab.dac("encode a.wav --output all --model tiny").expect(0);
    let all = tokens(&lab, "all/a.safetensors").codes.unwrap();
    lab.dac("encode a.wav --output two --model tiny --quantizers 2").expect(0);
    assert_eq!(tokens(&lab, "two/a.safetensors").codes.unwrap(), all.truncate(2).unwrap());

    for (kbps, count) in [("0.1", 1), ("3.5", 4), ("7.75", 9), ("100", 9)] {
        let run = lab
            .dac(&format!("encode a.wav --output at{kbps} --model tiny --bitrate {kbps} --json"))
            .expect(0);
        run.says(&format!("{count} of 9 codebooks"));
        assert_eq!(run.records()[0]["codebooks"], count, "{kbps}");
        assert_eq!(tokens(&lab, &format!("at{kbps}/a.safetensors")).codes.unwrap().codebooks(), count);
    }
    lab.dac("encode a.wav --output ten --model tiny --quantizers 10").expect(2).says("9 codebooks");
}

#[test]
fn codes_do_not_depend_on_the_chunk() {
    let lab = Lab::new();
    lab.wav("a.wav", 44100, 20000, &[0.5]);
    lab.dac("encode a.wav --output whole --model tiny --chunk whole").expect(0);
    lab.dac("encode a.wav --output exact --model tiny --chunk exact --chunk-seconds 0.05").expect(0);
    assert_eq!(
        tokens(&lab, "whole/a.safetensors").codes.unwrap(),
        tokens(&lab, "exact/a.safetensors").codes.unwrap()
    );
}

#[test]
fn z_and_latents_are_saved_on_request() {
    let lab = Lab::new();
    lab.wav("a.wav", 44100, 3000, &[0.5]);
    lab.dac("encode a.wav --output all --model tiny --save codes,z,latents").expect(0);
    let file = tokens(&lab, "all/a.safetensors");
    assert_eq!(file.codes.unwrap().shape(), [1, 9, 6]);
    assert_eq!(file.z.unwrap().shape(), [1, 256, 6]);
    assert_eq!(file.latents.unwrap().shape(), [1, 72, 6]);
    lab.dac("encode a.wav --output z --model tiny --save z").expect(0);
    assert!(tokens(&lab, "z/a.safetensors").codes.is_none());

    for (format, save) in [("npy", "codes,z"), ("dacp", "z"), ("dac", "codes,z")] {
        let run = lab.dac(&format!("encode a.wav --output no --model tiny --format {format} --save {save}"));
        run.expect(2).says(&format!("--format {format}"));
    }
}

#[test]
fn existing_outputs_are_skipped_redone_or_refused() {
    let lab = Lab::new();
    lab.wav("a.wav", 44100, 3000, &[0.5]);
    lab.dac("encode a.wav --output out --model tiny").expect(0);
    let first = lab.read("out/a.safetensors");

    let again = lab.dac("encode a.wav --output out --model tiny --json").expect(0);
    assert_eq!(again.records()[0]["status"], "skipped");
    let redone = lab.dac("encode a.wav --output out --model tiny --overwrite --json").expect(0);
    assert_eq!(redone.records()[0]["status"], "ok");
    assert_eq!(lab.read("out/a.safetensors"), first, "the same input gives the same bytes");

    // Other settings, then another input with the same name.
    let other = lab.dac("encode a.wav --output out --model tiny --quantizers 3 --json").expect(0);
    assert_eq!((&other.records()[0]["status"], &other.records()[0]["codebooks"]), (&"ok".into(), &3.into()));
    other.says("changed codebooks");
    lab.wav("a.wav", 44100, 4000, &[0.5]);
    lab.dac("encode a.wav --output out --model tiny --quantizers 3").expect(0).says("changed input");
    assert_eq!(tokens(&lab, "out/a.safetensors").codes.unwrap().shape(), [1, 3, 8]);

    lab.put("out/a.safetensors", b"a diary");
    let refused = lab.dac("encode a.wav --output out --model tiny").expect(1);
    refused.says("--overwrite");
    assert_eq!(lab.read("out/a.safetensors"), b"a diary");
    lab.dac("encode a.wav --output out --model tiny --overwrite").expect(0);

    // Without a record, a file is accepted if its metadata match, else refused.
    let whole = lab.read("out/a.safetensors");
    std::fs::remove_file(lab.path("out/.dac-manifest.jsonl")).unwrap();
    let refused = lab.dac("encode a.wav --output out --model tiny --quantizers 3").expect(1);
    refused.says("no manifest lists it, and it differs in number of codebooks").says("--overwrite");
    assert_eq!(lab.read("out/a.safetensors"), whole);
    let kept = lab.dac("encode a.wav --output out --model tiny --json").expect(0);
    assert_eq!(kept.records()[0]["status"], "skipped");
}
