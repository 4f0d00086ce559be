//! `dac decode`: lengths, rates, ranges, sample formats, fewer codebooks, z and all token formats.

use crate::support::{Lab, largest_difference};

#[test]
fn decoded_files_have_the_length_of_the_input() {
    let lab = Lab::new();
    let lengths = [1, 2, 511, 512, 513, 1023, 1024, 1025, 4801];
    let inputs: Vec<_> = lengths.iter().map(|n| format!("n{n}.wav")).collect();
    for (name, &samples) in inputs.iter().zip(&lengths) {
        lab.wav(name, 44100, samples, &[0.5]);
    }
    let run =
        lab.dac(&format!("encode {} --output t --model tiny --json --jobs 1", inputs.join(" "))).expect(0);
    for (record, samples) in run.records().iter().zip(lengths) {
        assert_eq!(record["frames"], samples.div_ceil(512));
    }
    let tokens: Vec<_> = lengths.iter().map(|n| format!("t/n{n}.safetensors")).collect();
    let run = lab.dac(&format!("decode {} --output d --json --jobs 1", tokens.join(" "))).expect(0);
    assert_eq!(run.records().len(), lengths.len());
    for (record, samples) in run.records().iter().zip(lengths) {
        assert_eq!((&record["status"], &record["input_samples"]), (&"ok".into(), &samples.into()));
        let wave = lab.wave_of(&format!("d/n{samples}.wav"));
        assert_eq!((wave.rate_hz, wave.channels, wave.bits), (44100, 1, 16));
        assert_eq!(wave.samples(), samples);
    }
}

#[test]
fn models_with_a_stride_of_5_keep_the_length() {
    let lab = Lab::new();
    for (preset, rate_hz, lengths) in
        [("24khz", 24000, [1, 319, 320, 321, 10000]), ("16khz", 16000, [313, 321, 640, 959, 32000])]
    {
        let weights = format!("{}/../../fixtures/parity/{preset}/weights.pth", env!("CARGO_MANIFEST_DIR"));
        for samples in lengths {
            let name = format!("{preset}-{samples}");
            lab.wav(&format!("{name}.wav"), rate_hz, samples, &[0.5]);
            lab.dac(&format!("encode {name}.wav --output t --weights {weights}")).expect(0);
            let decode = format!("decode t/{name}.safetensors --output d --weights {weights} --json");
            let record = lab.dac(&decode).expect(0).records().remove(0);
            assert_eq!(
                (&record["model"], &record["frames"]),
                (&"custom".into(), &samples.div_ceil(320).into())
            );
            assert_eq!(lab.wave_of(&format!("d/{name}.wav")).samples(), samples, "{name}");
        }
    }
}

#[test]
fn output_rates_scale_the_length() {
    let lab = Lab::new();
    for (rate_hz, samples) in [(8000_u32, 777_usize), (22050, 2001), (48000, 4099)] {
        let name = format!("r{rate_hz}");
        lab.wav(&format!("{name}.wav"), rate_hz, samples, &[0.5]);
        lab.dac(&format!("encode {name}.wav --output t --model tiny")).expect(0);
        let at = |rate: &str, folder: &str| {
            lab.dac(&format!("decode t/{name}.safetensors --output {folder} --output-rate {rate}")).expect(0);
            let wave = lab.wave_of(&format!("{folder}/{name}.wav"));
            (wave.rate_hz, wave.samples())
        };
        let scaled = |to: f64| (samples as f64 * to / f64::from(rate_hz)).round() as usize;
        assert_eq!(at("model", "m"), (44100, scaled(44100.0)), "{name}");
        assert_eq!(at("input", "i"), (rate_hz, samples), "{name}");
        assert_eq!(at("24000", "h"), (24000, scaled(24000.0)), "{name}");
    }
    lab.dac("decode t/r8000.safetensors --output x --output-rate 100").expect(2);
}

#[test]
fn a_range_equals_that_part_of_the_whole() {
    let lab = Lab::new();
    lab.wav("a.wav", 44100, 40000, &[0.5]);
    lab.dac("encode a.wav --output t --model tiny").expect(0);
    let part = |arguments: &str, folder: &str| {
        let run = format!("decode t/a.safetensors --output {folder} --sample-format f32 {arguments}");
        lab.dac(&run).expect(0);
        lab.wave_of(&format!("{folder}/a.wav")).floats()
    };
    let whole = part("", "whole");
    let (start, length) = (13230, 8820);
    for (arguments, folder, range) in [
        ("--start 0.3 --duration 0.2", "middle", start..start + length),
        ("--start 0.3", "end", start..whole.len()),
        ("--duration 0.2", "begin", 0..length),
    ] {
        let largest = largest_difference(&part(arguments, folder), &whole[range]);
        assert!(largest < 1e-5, "{arguments}: {largest}");
    }
    lab.dac("decode t/a.safetensors --output x --start 5").expect(1);
    lab.dac("decode t/a.safetensors --output x --start -1").expect(2);
}

#[test]
fn overlapping_chunks_change_the_result_but_not_the_length() {
    let lab = Lab::new();
    lab.wav("a.wav", 44100, 60000, &[0.5]);
    lab.dac("encode a.wav --output exact --model tiny").expect(0);
    lab.dac("encode a.wav --output overlap --model tiny --chunk overlap --chunk-seconds 0.5").expect(0);
    assert_ne!(lab.read("exact/a.safetensors"), lab.read("overlap/a.safetensors"));
    let mut results = Vec::new();
    for (at, arguments) in
        ["--chunk exact", "--chunk overlap", "--chunk overlap --overlap-rate 0"].iter().enumerate()
    {
        lab.dac(&format!("decode exact/a.safetensors --output d{at} {arguments}")).expect(0);
        let wave = lab.wave_of(&format!("d{at}/a.wav"));
        assert_eq!(wave.samples(), 60000, "{arguments}");
        assert!(!results.contains(&wave.data), "{arguments}");
        results.push(wave.data);
    }
    lab.dac("decode exact/a.safetensors --output x --overlap-rate 0.1").expect(2).says("--chunk overlap");
}

#[test]
fn sample_formats_set_the_wav_format() {
    let lab = Lab::new();
    lab.wav("a.wav", 44100, 2000, &[0.5]);
    lab.dac("encode a.wav --output t --model tiny").expect(0);
    for (format, bits, float) in [("i16", 16, false), ("i24", 24, false), ("f32", 32, true)] {
        lab.dac(&format!("decode t/a.safetensors --output {format} --sample-format {format}")).expect(0);
        let wave = lab.wave_of(&format!("{format}/a.wav"));
        assert_eq!((wave.bits, wave.float, wave.samples()), (bits, float, 2000), "{format}");
    }
    lab.dac("decode t/a.safetensors --output x --sample-format s16").expect(2);
}

#[test]
fn decoding_fewer_codebooks_equals_decoding_a_smaller_file() {
    let lab = Lab::new();
    lab.wav("a.wav", 44100, 4000, &[0.5]);
    lab.dac("encode a.wav --output all --model tiny").expect(0);
    lab.dac("encode a.wav --output two --model tiny --quantizers 2").expect(0);
    lab.dac("decode two/a.safetensors --output d2").expect(0);
    let run = lab.dac("decode all/a.safetensors --output d9 --quantizers 2 --json").expect(0);
    assert_eq!(run.records()[0]["codebooks"], 2);
    assert_eq!(lab.read("d9/a.wav"), lab.read("d2/a.wav"));
    lab.dac("decode all/a.safetensors --output full").expect(0);
    assert_ne!(lab.read("full/a.wav"), lab.read("d2/a.wav"));

    // A bitrate is an upper bound, a number of codebooks is a requirement.
    lab.dac("decode two/a.safetensors --output b --bitrate 6").expect(0).says("2 of 9 codebooks");
    assert_eq!(lab.read("b/a.wav"), lab.read("d2/a.wav"));
    lab.dac("decode two/a.safetensors --output q --quantizers 3").expect(1).says("the file has 2 codebooks");
}

#[test]
fn z_decodes_like_its_codes() {
    let lab = Lab::new();
    lab.wav("a.wav", 44100, 4000, &[0.5]);
    lab.dac("encode a.wav --output c --model tiny").expect(0);
    lab.dac("encode a.wav --output z --model tiny --save z").expect(0);
    for folder in ["c", "z"] {
        lab.dac(&format!("decode {folder}/a.safetensors --output {folder} --sample-format f32")).expect(0);
    }
    let largest = largest_difference(&lab.wave_of("c/a.wav").floats(), &lab.wave_of("z/a.wav").floats());
    assert!(largest < 1e-4, "{largest}");
    lab.dac("decode z/a.safetensors --output zq --quantizers 2").expect(1).says("contains no codes");
}

#[test]
fn every_token_format_decodes() {
    let lab = Lab::new();
    lab.wav("a.wav", 44100, 4000, &[0.5]);
    lab.dac("encode a.wav --output s --model tiny").expect(0);
    lab.dac("decode s/a.safetensors --output s").expect(0);
    let expected = lab.wave_of("s/a.wav").data;
    for format in ["dacp", "npy", "pt"] {
        lab.dac(&format!("encode a.wav --output {format} --model tiny --format {format}")).expect(0);
        assert_eq!(lab.names(format), [format!("a.{format}")]);
        // .npy and .pt contain no length. It comes from the manifest; without that, all frames are decoded.
        for (manifest, samples) in [("--jobs 1", 4000), ("", if format == "dacp" { 4000 } else { 4096 })] {
            if manifest.is_empty() {
                std::fs::remove_file(lab.path(&format!("{format}/.dac-manifest.jsonl"))).unwrap();
            }
            let run =
                format!("decode {format}/a.{format} --output d{format}{samples} --model tiny {manifest}");
            lab.dac(&run).expect(0);
            let wave = lab.wave_of(&format!("d{format}{samples}/a.wav"));
            assert_eq!(wave.samples(), samples, "{format}");
            assert_eq!(wave.data[..8000], expected[..8000], "{format}");
        }
    }
}

#[test]
fn the_model_comes_from_the_token_file_or_the_manifest() {
    let lab = Lab::new();
    lab.wav("a.wav", 44100, 1000, &[0.5]);
    lab.dac("encode a.wav --output t --model tiny").expect(0);
    // tiny without --model, although the default is another model.
    let run = lab.dac("decode t/a.safetensors --output d --json").expect(0);
    assert_eq!(run.records()[0]["model"], "tiny");
    // A .npy names no model. The manifest does; without that, the default model is needed, whose weights are
    // missing.
    lab.dac("encode a.wav --output n --model tiny --format npy").expect(0);
    let run = lab.dac("decode n/a.npy --output m --json").expect(0);
    assert_eq!(run.records()[0]["model"], "tiny");
    std::fs::remove_file(lab.path("n/.dac-manifest.jsonl")).unwrap();
    let run = lab.dac("decode n/a.npy --output e --json").expect(1);
    run.says("choose another with --model").says("dac download 44khz");
    assert_eq!(run.records()[0]["status"], "error");
}

#[test]
fn recordings_are_replaced_only_with_overwrite() {
    let lab = Lab::new();
    let original = lab.wav("a.wav", 16000, 4000, &[0.5]);
    let bytes = std::fs::read(&original).unwrap();
    lab.dac("encode a.wav --output . --model tiny").expect(0);
    lab.dac("decode a.safetensors --output .").expect(1).says("--overwrite");
    assert_eq!(std::fs::read(&original).unwrap(), bytes);

    lab.dac("decode a.safetensors --output d").expect(0);
    let again = lab.dac("decode a.safetensors --output d --json").expect(0);
    assert_eq!(again.records()[0]["status"], "skipped");
    lab.dac("decode a.safetensors --output d --sample-format f32").expect(0).says("changed sample-format");
    assert!(lab.wave_of("d/a.wav").float);
    // A decoded file that was changed is not replaced.
    lab.wav("d/a.wav", 44100, 100, &[0.5]);
    lab.dac("decode a.safetensors --output d").expect(1).says("--overwrite");
    lab.dac("decode a.safetensors --output d --overwrite").expect(0);
}
