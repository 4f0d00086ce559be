//! `.dac` files, the reference codec's format: exact or windowed, with the input's loudness.

use dac::Audio;
use dac::audio::LoudnessMeter;
use dac::tokens::TokenFile;

use crate::support::{Lab, largest_difference};

fn loudness_db(audio: &Audio) -> f64 {
    let mut meter = LoudnessMeter::new(audio.rate_hz, audio.channels.len()).unwrap();
    meter.push(&audio.channels).unwrap();
    meter.integrated_db()
}

/// Gain from `a` to `b`, which must differ by nothing else.
fn fitted_gain(a: &[f32], b: &[f32]) -> f32 {
    let dot = |a: &[f32], b: &[f32]| a.iter().zip(b).map(|(a, b)| f64::from(a * b)).sum::<f64>();
    let gain = (dot(a, b) / dot(a, a)) as f32;
    let scaled: Vec<f32> = a.iter().map(|v| v * gain).collect();
    assert!(largest_difference(&scaled, b) < 1e-5);
    gain
}

#[test]
fn an_exact_dac_file_restores_the_input_loudness() {
    let lab = Lab::new();
    let wav = lab.wav("a.wav", 44100, 30000, &[0.1, 0.3]);
    lab.dac("encode a.wav --output t --model tiny --channels keep").expect(0);
    lab.dac("encode a.wav --output t --model tiny --channels keep --format dac").expect(0);
    let plain = TokenFile::read(&lab.path("t/a.safetensors")).unwrap();
    let tokens = TokenFile::read(&lab.path("t/a.dac")).unwrap();
    assert_eq!(tokens.codes, plain.codes);
    let frames = tokens.codes.as_ref().unwrap().frames() as u64;
    assert_eq!((tokens.meta.padding, tokens.meta.chunk_frames), (Some(true), Some(frames)));
    let input_db = f64::from(tokens.meta.input_db.unwrap());
    assert!((input_db - loudness_db(&Audio::read(&wav).unwrap())).abs() < 0.01);
    let again = lab.dac("encode a.wav --output t --model tiny --channels keep --format dac --json").expect(0);
    assert_eq!(again.records()[0]["status"], "skipped");

    let decode = |file: &str, folder: &str, more: &str| {
        let run = format!("decode t/{file} --output {folder} --model tiny --sample-format f32 {more}");
        lab.dac(&run).expect(0);
        lab.wave_of(&format!("{folder}/a.wav")).floats()
    };
    let unchanged = decode("a.safetensors", "plain", "");
    assert_eq!(decode("a.dac", "as-is", "--no-loudness"), unchanged);
    let restored = decode("a.dac", "restored", "");
    // Both channels have the same gain.
    fitted_gain(&unchanged, &restored);
    let found = loudness_db(&Audio::read(lab.path("restored/a.wav")).unwrap());
    assert!((found - input_db).abs() < 0.5, "{found} dB, not {input_db}");
    // A range has the gain of the whole.
    let part = decode("a.dac", "part", "--start 0.2 --duration 0.1");
    assert!(largest_difference(&part, &restored[2 * 8820..2 * 13230]) < 1e-5);
    // A pipe decodes in shorter steps, which changes the order of sums.
    let raw = lab.pipe("decode - --raw --model tiny", &lab.read("t/a.dac"));
    let raw: Vec<f32> = raw.chunks_exact(4).map(|b| f32::from_le_bytes(b.try_into().unwrap())).collect();
    assert!(largest_difference(&raw, &restored) < 1e-5);
}

#[test]
fn windowed_files_are_decoded_with_their_own_windows() {
    let lab = Lab::new();
    lab.wav("a.wav", 44100, 60000, &[0.4]);
    let encode = "encode a.wav --output t --model tiny --chunk descript --json";
    lab.dac(&format!("{encode} --chunk-seconds 0.5")).expect(0);
    assert_eq!(lab.names("t"), ["a.dac"]);
    let tokens = TokenFile::read(&lab.path("t/a.dac")).unwrap();
    assert_eq!(tokens.meta.padding, Some(false));
    let again = lab.dac(&format!("{encode} --chunk-seconds 0.5")).expect(0);
    assert_eq!(again.records()[0]["status"], "skipped");

    let decode = |folder: &str, more: &str| {
        let run = format!("decode t/a.dac --output {folder} --model tiny --sample-format f32 {more}");
        lab.dac(&run).expect(0);
        lab.wave_of(&format!("{folder}/a.wav")).floats()
    };
    let whole = decode("d", "");
    assert_eq!(whole.len(), 60000);
    // Ranges within a window, across two windows, and up to the end.
    for (at, (start, samples)) in [(2205, 4410), (13230, 22050), (50715, 9285)].into_iter().enumerate() {
        let seconds = |samples: usize| samples as f64 / 44100.0;
        let range = format!("--start {} --duration {}", seconds(start), seconds(samples));
        let part = decode(&format!("part{at}"), &range);
        assert_eq!(part.len(), samples);
        assert!(largest_difference(&part, &whole[start..start + samples]) < 1e-5, "{range}");
    }
    lab.dac("decode t/a.dac --output x --model tiny --chunk overlap").expect(1).says("windows");
    lab.dac("decode t/a.dac --output x --model tiny --chunk descript")
        .expect(1)
        .says("applies only to encoding");

    // Each change is encoded again: other windows, a single window, exact chunks.
    let status = |more: &str| lab.dac(&format!("{encode} {more}")).expect(0).records()[0]["status"].clone();
    assert_eq!(status("--chunk-seconds 0.6"), "ok");
    assert_eq!(status(""), "ok");
    assert_eq!(TokenFile::read(&lab.path("t/a.dac")).unwrap().meta.padding, Some(true));
    assert_eq!(status(""), "skipped");
    assert_eq!(status("--chunk-seconds 0.5"), "ok");
    let exact = lab.dac("encode a.wav --output t --model tiny --format dac").expect(0);
    exact.says("chunking");

    lab.dac(&format!("{encode} --format npy")).expect(2).says("--format dac");
    lab.dac(&format!("{encode} --chunk-seconds 0.01")).expect(2).says("window of 0.01 s");
    let round =
        lab.dac("roundtrip a.wav --output r --model tiny --chunk descript --chunk-seconds 0.5").expect(0);
    assert_eq!(lab.names("r"), ["a.dac", "a.wav"], "{}", round.stderr);
    assert_eq!(lab.wave_of("r/a.wav").samples(), 60000);
}

#[test]
fn npy_codes_have_the_requested_integer_type() {
    let lab = Lab::new();
    lab.wav("a.wav", 44100, 4000, &[0.5]);
    for (dtype, text) in [("u16", "<u2"), ("i64", "<i8")] {
        lab.dac(&format!("encode a.wav --output {dtype} --model tiny --format npy --dtype {dtype}"))
            .expect(0);
        let file = lab.read(&format!("{dtype}/a.npy"));
        assert!(String::from_utf8_lossy(&file[..128]).contains(text), "{dtype}");
        lab.dac(&format!("decode {dtype}/a.npy --output {dtype} --model tiny")).expect(0);
    }
    assert_eq!(lab.read("u16/a.wav"), lab.read("i64/a.wav"));
    lab.dac("encode a.wav --output x --model tiny --format dac --dtype i64")
        .expect(2)
        .says("a .dac file cannot store codes as i64");
}
