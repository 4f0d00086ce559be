//! `-`: streams from stdin to stdout.

use std::fs;

use crate::support::{Lab, wav_bytes};

#[test]
fn a_pipe_gives_the_results_of_files() {
    let lab = Lab::new();
    for (rate_hz, samples) in [(44100, 30_001), (16000, 9_000)] {
        let wav = wav_bytes(rate_hz, samples, &[0.5]);
        lab.put("a.wav", &wav);
        lab.dac("encode a.wav --output tokens --model tiny --format dacp --overwrite").expect(0);
        lab.dac("decode tokens/a.dacp --output wave --model tiny --sample-format f32 --overwrite").expect(0);
        let expected = lab.wave_of("wave/a.wav");

        let tokens = lab.pipe("encode - --model tiny", &wav);
        lab.put("piped.dacp", &tokens);
        // Streams are encoded in shorter blocks, which may change the last bit of a latent, and a code if two
        // codebook entries are equally near.
        lab.dac("decode piped.dacp --output wave --model tiny --sample-format f32 --overwrite").expect(0);
        assert_eq!(lab.wave_of("wave/piped.wav").samples(), expected.samples());

        let whole = lab.read("tokens/a.dacp");
        let raw = lab.pipe("decode - --raw", &whole);
        let values = |bytes: &[u8]| -> Vec<f32> {
            bytes.chunks_exact(4).map(|b| f32::from_le_bytes(b.try_into().unwrap())).collect()
        };
        let (found, wanted) = (values(&raw), values(&expected.data));
        assert_eq!(found.len(), wanted.len(), "{rate_hz} Hz");
        let largest = found.iter().zip(&wanted).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max);
        assert!(largest <= 1e-4, "{rate_hz} Hz: {largest}");

        let wave = lab.pipe("decode - --sample-format f32", &whole);
        assert_eq!(wave[40..44], [0xff; 4], "a pipe's header has no size");
        assert_eq!(values(&wave[44..]), found);
    }
}

#[test]
fn a_pipe_supports_raw_samples_and_ranges() {
    let lab = Lab::new();
    let raw: Vec<u8> = (0..20_000).flat_map(|i| (0.3 * (i as f32 * 0.05).sin()).to_le_bytes()).collect();
    let tokens = lab.pipe("encode - --raw-rate 44100 --model tiny --quantizers 3", &raw);
    assert_eq!(lab.pipe("decode - --raw", &tokens).len(), raw.len());
    assert_eq!(lab.pipe("decode - --raw --quantizers 2", &tokens).len(), raw.len());
    assert_eq!(lab.pipe("decode - --raw --start 0.1 --duration 0.2", &tokens).len(), 4 * 8820);
    lab.wav("a.wav", 44100, 5_000, &[0.4]);
    lab.dac("encode a.wav --output tokens --model tiny").expect(0);
    let bytes = lab.read("tokens/a.safetensors");
    assert_eq!(lab.pipe("decode - --raw", &bytes).len(), 4 * 5_000);
}

#[test]
fn a_wav_file_as_stdout_has_its_real_sizes() {
    let lab = Lab::new();
    let tokens = lab.pipe("encode - --model tiny", &wav_bytes(44100, 5_000, &[0.5]));
    lab.pipe_to("decode -", &tokens, "out.wav");
    let wave = lab.wave_of("out.wav");
    assert_eq!((wave.samples(), wave.rate_hz), (5_000, 44100));
    assert_eq!(fs::metadata(lab.path("out.wav")).unwrap().len(), 44 + 2 * 5_000);
}

#[test]
fn invalid_streams_and_combinations_with_a_dash_are_errors() {
    let lab = Lab::new();
    lab.wav("a.wav", 44100, 100, &[0.4]);
    for wrong in [
        "encode - a.wav",
        "encode - --output out",
        "decode - --json",
        "encode - --format npy",
        "encode a.wav --raw-rate 8000 --output out",
        "encode - --raw-rate 0",
        "encode a.wav",
    ] {
        lab.dac(&format!("{wrong} --model tiny")).expect(2);
    }
    for (arguments, input) in [
        ("encode -", &b""[..]),
        ("encode -", b"no audio at all"),
        ("decode -", b""),
        ("decode -", b"no tokens"),
    ] {
        let run = lab.run_with(&format!("{arguments} --model tiny"), input);
        assert_eq!(run.status.code(), Some(1), "{arguments}: {run:?}");
        assert!(run.stdout.is_empty() && !run.stderr.is_empty(), "{arguments}: {run:?}");
    }
}
