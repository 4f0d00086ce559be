//! `dac roundtrip`: both outputs and the comparison.

use crate::batch::tree;
use crate::support::Lab;

#[test]
fn a_round_trip_writes_both_files_and_reports_distances() {
    let lab = Lab::new();
    lab.wav("a.wav", 44100, 30000, &[0.5]);
    let run = lab.dac("roundtrip a.wav --output out --model tiny").expect(0);
    assert!(run.stdout.contains("SI-SDR") && run.stdout.contains("kbit/s"), "{}", run.stdout);
    assert_eq!(lab.names("out"), ["a.safetensors", "a.wav"]);
    assert_eq!(lab.wave_of("out/a.wav").samples(), 30000);

    let distortion = |arguments: &str| {
        let run = lab.dac(&format!("roundtrip a.wav --model tiny --json {arguments}")).expect(0);
        let record = run.records().remove(0);
        assert_eq!(record["decoded"].as_str().unwrap().rsplit('/').next(), Some("a.wav"));
        assert_eq!(record["input_bytes"], 60044);
        assert!(record["token_bytes"].as_u64().unwrap() > 0 && record["file_kbps"].as_f64().unwrap() > 0.0);
        let value = |key: &str| record[key].as_f64().unwrap();
        let distances = [value("mel_distance"), value("stft_distance")];
        (value("si_sdr_db"), value("nominal_kbps"), distances)
    };
    let (full, full_kbps, [full_mel, full_stft]) = distortion("--output out9");
    let (one, one_kbps, [one_mel, one_stft]) = distortion("--output out1 --quantizers 1");
    assert!((full_kbps - 7.75).abs() < 1e-9 && (one_kbps - 0.86).abs() < 1e-9, "{full_kbps} {one_kbps}");
    assert!(full > one, "{full} {one}");
    assert!(full > 0.0, "{full}");
    for (full, one) in [(full_mel, one_mel), (full_stft, one_stft)] {
        assert!(full > 0.0 && one > 0.0 && full != one, "{full} {one}");
    }
}

#[test]
fn other_rates_and_channels_are_compared_without_an_offset() {
    let lab = Lab::new();
    lab.wav("s.wav", 22050, 11025, &[0.5, 0.3]);
    for rate in ["model", "input", "16000"] {
        let arguments = format!(
            "roundtrip s.wav --output {rate} --model tiny --channels keep --output-rate {rate} --json"
        );
        let record = lab.dac(&arguments).expect(0).records().remove(0);
        assert_eq!(record["channels"], 2);
        // An offset of one sample would make it negative.
        assert!(record["si_sdr_db"].as_f64().unwrap() > 0.0, "{rate}: {record}");
    }
}

#[test]
fn standard_input_is_rejected() {
    let lab = Lab::new();
    lab.dac("roundtrip - --output out --model tiny").expect(2).says("takes files, not '-'");
    let offers =
        |command: &str| lab.dac(&format!("{command} --help")).expect(0).stdout.contains("stdin to stdout");
    assert_eq!(["encode", "decode", "roundtrip"].map(offers), [true, true, false]);
}

#[test]
fn a_rerun_prints_the_recorded_figures_and_skips_existing_files() {
    let lab = Lab::new();
    lab.wav("in/a.wav", 44100, 2000, &[0.5]);
    lab.wav("in/b.wav", 44100, 2500, &[0.3]);
    let roundtrip = "roundtrip in --output out --model tiny --format npy --jobs 1";
    let first = lab.dac(roundtrip).expect(0);
    let results = tree(&lab, "out");
    let again = lab.dac(roundtrip).expect(0);
    again.says("0 done, 2 skipped, 0 failed");
    assert_eq!(again.stdout, first.stdout);
    let figures = lab.dac(&format!("{roundtrip} --json")).expect(0).records().remove(0);
    assert_eq!((&figures["status"], &figures["decoded"]), (&"skipped".into(), &"out/a.wav".into()));
    assert!(figures["si_sdr_db"].is_number() && figures["token_bytes"].is_number(), "{figures}");

    // As after a kill between the two renames, and with only the tokens missing.
    for gone in ["out/a.wav", "out/a.npy"] {
        std::fs::remove_file(lab.path(gone)).unwrap();
        assert_eq!(
            lab.dac(&format!("{roundtrip} --dry-run")).expect(0).stdout.matches("in/a.wav: ->").count(),
            1
        );
        lab.dac(roundtrip).expect(0).says("1 done, 1 skipped, 0 failed");
        assert_eq!(tree(&lab, "out"), results);
    }
    // Changed files are not replaced.
    for changed in ["out/a.wav", "out/a.npy"] {
        let mut bytes = results[changed.strip_prefix("out/").unwrap()].clone();
        *bytes.last_mut().unwrap() ^= 1;
        lab.put(changed, &bytes);
        lab.dac(roundtrip).expect(1).says(changed).says("--overwrite").says("1 skipped, 1 failed");
        assert_eq!(lab.read(changed), bytes);
        lab.dac(&format!("{roundtrip} --overwrite")).expect(0);
        assert_eq!(tree(&lab, "out"), results);
    }
    // Another sample format does not change the tokens.
    let other = format!("{roundtrip} --sample-format f32");
    lab.dac(&other).expect(0).says("2 done").says("changed sample-format");
    assert_eq!(lab.wave_of("out/a.wav").bits, 32);
    lab.dac(&other).expect(0).says("0 done, 2 skipped");
}

#[test]
fn earlier_results_are_redone_and_recordings_are_kept() {
    let lab = Lab::new();
    lab.wav("a.wav", 44100, 2000, &[0.5]);
    lab.dac("roundtrip a.wav --output out --model tiny").expect(0);
    lab.dac("roundtrip a.wav --output out --model tiny --quantizers 2").expect(0);
    // The decoded file would replace the input.
    lab.dac("roundtrip a.wav --output . --model tiny").expect(2).says("itself an input");
    let other = lab.wav("in/a.wav", 44100, 100, &[0.5]);
    let bytes = std::fs::read(&other).unwrap();
    lab.dac("roundtrip a.wav --output in --model tiny").expect(1).says("--overwrite");
    assert_eq!(std::fs::read(&other).unwrap(), bytes);
}
