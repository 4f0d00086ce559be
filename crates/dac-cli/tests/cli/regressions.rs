//! Bugs that users reported for this codec's other implementations. Those below the program are tested in the
//! crates.

use std::f64::consts::TAU;

use dac::TokenFile;

use crate::support::{Lab, largest_difference, wav_file};

/// Builds a mono WAV file of floats.
fn floats(values: impl IntoIterator<Item = f32>) -> Vec<u8> {
    let data: Vec<u8> = values.into_iter().flat_map(f32::to_le_bytes).collect();
    wav_file(3, 44100, 1, 32, &data)
}

#[test]
fn codes_of_a_sweep_and_a_long_tone_do_not_depend_on_the_chunk() {
    let lab = Lab::new();
    let sweep =
        |i: i32| (0.4 * (TAU * (f64::from(i) / 44100.0 * 100.0 * (1.0 + f64::from(i) / 9e3))).sin()) as f32;
    lab.put("sweep.wav", &floats((0..3 * 44100).map(sweep)));
    lab.put(
        "tone.wav",
        &floats((0..3 * 44100).map(|i| (0.3 * (TAU * 440.0 / 44100.0 * f64::from(i)).sin()) as f32)),
    );
    let encode = |folder: &str, chunk: &str| {
        lab.dac(&format!("encode sweep.wav tone.wav --output {folder} --model tiny --chunk {chunk}"))
            .expect(0);
        ["sweep", "tone"]
            .map(|name| TokenFile::read(&lab.path(&format!("{folder}/{name}.safetensors"))).unwrap().codes)
    };
    let decode = |folder: &str, chunk: &str| {
        let run = "decode whole/sweep.safetensors whole/tone.safetensors --sample-format f32";
        lab.dac(&format!("{run} --output {folder} --chunk {chunk}")).expect(0);
        ["sweep", "tone"].map(|name| lab.wave_of(&format!("{folder}/{name}.wav")).floats())
    };
    let whole = encode("whole", "whole");
    // Exactly 3 s of frames: none are added for overlaps, none are lost at the end.
    assert_eq!(whole[0].as_ref().unwrap().shape(), [1, 9, 259]);
    let audio = decode("whole-audio", "whole");
    for seconds in ["0.5", "1", "2"] {
        let chunk = format!("exact --chunk-seconds {seconds}");
        assert_eq!(encode(&format!("t{seconds}"), &chunk), whole, "{seconds} s");
        for (found, expected) in decode(&format!("d{seconds}"), &chunk).iter().zip(&audio) {
            assert_eq!(found.len(), 3 * 44100);
            // No clicks between chunks, no jumps in loudness.
            assert!(largest_difference(found, expected) <= 1e-5, "{seconds} s");
        }
    }
}

#[test]
fn silence_has_a_finite_loudness_and_decodes_without_nan() {
    let lab = Lab::new();
    lab.put("zeros.wav", &floats([0.0; 44100]));
    let mut random = fastrand::Rng::with_seed(1);
    let hiss = std::iter::repeat_with(|| 1e-5 * (2.0 * random.f32() - 1.0));
    lab.put("hiss.wav", &floats(hiss.take(44100)));
    for (folder, ways) in [("plain", ""), ("exact", "--format dac"), ("windows", "--chunk descript")] {
        lab.dac(&format!("encode zeros.wav hiss.wav --output {folder} --model tiny {ways}")).expect(0);
        for token_name in lab.names(folder).iter().filter(|name| !name.starts_with('.')) {
            let tokens = TokenFile::read(&lab.path(&format!("{folder}/{token_name}"))).unwrap();
            assert_eq!(tokens.meta.input_db, (!ways.is_empty()).then_some(-70.0), "{folder}/{token_name}");
            let decode = format!(
                "decode {folder}/{token_name} --output out --model tiny --sample-format f32 --overwrite"
            );
            lab.dac(&decode).expect(0);
            let (stem, _) = token_name.split_once('.').unwrap();
            let audio = lab.wave_of(&format!("out/{stem}.wav")).floats();
            assert_eq!(audio.len(), 44100);
            let peak = audio.iter().map(|v| v.abs()).fold(0.0, f32::max);
            assert!(audio.iter().all(|v| v.is_finite()) && peak < 0.01, "{folder}/{token_name}: {peak}");
        }
    }
}

#[test]
fn a_full_scale_square_wave_is_encoded_on_every_device() {
    let lab = Lab::new();
    lab.put("square.wav", &floats((0..22050).map(|i| if i / 50 % 2 == 0 { -1.0 } else { 1.0 })));
    for ways in ["", "--precision exact", "--device flex"] {
        let run = lab
            .dac(&format!("roundtrip square.wav --output out --model tiny --json --overwrite {ways}"))
            .expect(0);
        let db = run.records().remove(0)["si_sdr_db"].as_f64().unwrap();
        assert!(db > 2.0, "{ways}: {db} dB");
    }
}

#[test]
fn tokens_do_not_depend_on_the_other_files_of_a_batch() {
    let lab = Lab::new();
    for (name, samples) in [("short", 1000), ("long", 44100), ("odd", 513)] {
        lab.wav(&format!("{name}.wav"), 44100, samples, &[0.5]);
    }
    lab.dac("encode short.wav long.wav odd.wav --output all --model tiny --jobs 2").expect(0);
    for name in ["short", "long", "odd"] {
        lab.dac(&format!("encode {name}.wav --output one --model tiny")).expect(0);
        let [together, separate] =
            ["all", "one"].map(|folder| lab.read(&format!("{folder}/{name}.safetensors")));
        assert_eq!(together, separate, "{name}");
    }
}

#[test]
fn bitrates_count_ten_bits_per_code() {
    let lab = Lab::new();
    lab.wav("a.wav", 44100, 5 * 44100, &[0.5]);
    let measure = |format: &str| {
        let line =
            format!("roundtrip a.wav --output {format} --model tiny --quantizers 2 --format {format} --json");
        let record = lab.dac(&line).expect(0).records().remove(0);
        let kbps = |key: &str| record[key].as_f64().unwrap();
        (kbps("nominal_kbps"), kbps("file_kbps"), record["codebooks"].as_u64())
    };
    let (nominal, packed, codebooks) = measure("dacp");
    let (_, wide, _) = measure("npy");
    // Nominally 44100 / 512 frames per second, with two codes of ten bits each.
    assert!((nominal - 44100.0 / 512.0 * 20.0 / 1000.0).abs() < 0.01 && codebooks == Some(2), "{nominal}");
    assert!((nominal..1.2 * nominal).contains(&packed), "{packed} kbit/s for {nominal}");
    assert!((1.6 * nominal..2.0 * nominal).contains(&wide), "{wide} kbit/s for {nominal}");
}

#[test]
fn tokens_of_one_device_decode_on_another() {
    let lab = Lab::new();
    lab.wav("a.wav", 44100, 20000, &[0.5]);
    for (made_on, read_on) in [("cpu", "flex"), ("flex", "cpu")] {
        lab.dac(&format!("encode a.wav --output {made_on} --model tiny --format dacp --device {made_on}"))
            .expect(0);
        let decode = |device: &str| {
            let run =
                format!("decode {made_on}/a.dacp --output d --model tiny --sample-format f32 --overwrite");
            lab.dac(&format!("{run} --device {device}")).expect(0);
            lab.wave_of("d/a.wav").floats()
        };
        assert!(largest_difference(&decode(read_on), &decode(made_on)) <= 5e-5, "{made_on} to {read_on}");
    }
}
