//! Ranges and tails of `dac decode`.

use crate::support::{Lab, largest_difference};

/// Encodes a recording to files of all formats, and returns their paths.
fn tokens(lab: &Lab) -> Vec<String> {
    lab.wav("a.wav", 44100, 24_000, &[0.5]);
    let mut files = Vec::new();
    for format in ["safetensors", "npy", "pt", "dac", "dacp"] {
        lab.dac(&format!("encode a.wav --output {format} --model tiny --format {format}")).expect(0);
        files.push(format!("{format}/a.{format}"));
    }
    lab.dac("encode a.wav --output windowed --model tiny --chunk descript --chunk-seconds 0.4").expect(0);
    files.push("windowed/a.dac".to_owned());
    files
}

#[test]
fn adjacent_ranges_tile_the_whole_in_every_format_and_at_every_rate() {
    let lab = Lab::new();
    let files = tokens(&lab);
    let piece = 0.1234;
    for (rate, hz) in [("model", 44_100.0), ("8000", 8_000.0), ("48000", 48_000.0)] {
        // All files in one process, in directories that keep their names apart.
        let decode = |output: &str, range: &str| {
            let run = format!(
                "decode {} --root . --output {output} --model tiny --output-rate {rate} {range} \
                 --keep-extension",
                files.join(" ")
            );
            lab.dac(&format!("{run} --sample-format f32 --overwrite")).expect(0);
            let floats = |file: &String| lab.wave_of(&format!("{output}/{file}.wav")).floats();
            files.iter().map(floats).collect::<Vec<_>>()
        };
        let whole = decode("whole", "");
        let samples = whole[0].len();
        let mut start = 0;
        for k in 0..5 {
            let end = ((f64::from(k + 1) * piece * hz).round() as usize).min(samples);
            let parts = decode("part", &format!("--start {} --duration {piece}", f64::from(k) * piece));
            for ((file, part), whole) in files.iter().zip(&parts).zip(&whole) {
                assert_eq!(whole.len(), samples, "{file}");
                assert_eq!(part.len(), end - start, "{file}, piece {k} at {rate} Hz");
                let largest = largest_difference(part, &whole[start..end]);
                assert!(largest <= 1e-5, "{file}, piece {k} at {rate} Hz: {largest}");
            }
            start = end;
        }
        assert_eq!(start, samples, "{rate}");
    }
}

#[test]
fn wrong_ranges_are_reported_with_the_option_and_its_valid_values() {
    let lab = Lab::new();
    lab.wav("a.wav", 44100, 4000, &[0.5]);
    lab.dac("encode a.wav --output t --model tiny").expect(0);
    for (option, expected) in [
        ("--start -1", "invalid value '-1' for '--start <S>': expected a number of 0 or more"),
        ("--start -0.5", "invalid value '-0.5' for '--start <S>'"),
        ("--duration -2", "invalid value '-2' for '--duration <S>': expected a number above 0"),
        ("--chunk-seconds -1", "invalid value '-1' for '--chunk-seconds <S>'"),
        ("--quantizers -3", "invalid value '-3' for '--quantizers <N>'"),
        ("--tail-frames -1", "invalid value '-1' for '--tail-frames <N>'"),
    ] {
        let run = lab.dac(&format!("decode t/a.safetensors --output x {option}")).expect(2);
        run.says(expected);
        assert!(!run.stderr.contains("to pass '-"), "{}", run.stderr);
    }
    let run = lab.dac("decode t/a.safetensors --output x --duration 1e-9").expect(1);
    run.says("the length of the range in seconds is 0.000000001, expected at least one sample, 0.0000227");
    lab.dac("decode t/a.safetensors --output x --start 5")
        .expect(1)
        .says("the start of the range in seconds is 5");
}

#[test]
fn tail_frames_are_omitted_from_files_and_streams() {
    let lab = Lab::new();
    lab.wav("a.wav", 44100, 20_480, &[0.5]);
    lab.dac("encode a.wav --output t --model tiny --format dacp").expect(0);
    let decode = "decode t/a.dacp --model tiny --sample-format f32";
    lab.dac(&format!("{decode} --output whole")).expect(0);
    lab.dac(&format!("{decode} --output tail --tail-frames 10")).expect(0);
    let (whole, tail) = (lab.wave_of("whole/a.wav").floats(), lab.wave_of("tail/a.wav").floats());
    assert_eq!((whole.len(), tail.len()), (40 * 512, 30 * 512));
    assert!(largest_difference(&tail, &whole[..tail.len()]) <= 1e-5);
    let piped = lab.pipe("decode - --raw --tail-frames 10", &lab.read("t/a.dacp"));
    let piped: Vec<_> = piped.chunks_exact(4).map(|b| f32::from_le_bytes(b.try_into().unwrap())).collect();
    assert!(largest_difference(&piped, &tail) <= 1e-4);

    // Another tail is another result.
    lab.dac(&format!("{decode} --output tail --tail-frames 20")).expect(0).says("changed tail-frames");
    assert_eq!(lab.wave_of("tail/a.wav").samples(), 20 * 512);
    let run = lab.dac(&format!("{decode} --output x --tail-frames 40")).expect(1);
    run.says("the number of tail frames is 40, expected less than the number of frames, 40");
}
