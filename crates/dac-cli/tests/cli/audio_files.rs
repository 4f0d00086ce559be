//! Audio files in and out: `--audio-format`, `--damaged`, `--audio-reader`, and pipes as paths.

use std::fs;
use std::path::PathBuf;
use std::process::Output;

use dac::audio::{AudioReader, Planar};

use crate::support::{Lab, wav_bytes};

/// A file of the audio crate's tests.
fn fixture(name: &str) -> Vec<u8> {
    let folder: PathBuf = [env!("CARGO_MANIFEST_DIR"), "../dac-audio/tests/data"].iter().collect();
    let found = ["formats", "oddities"].map(|part| folder.join(part).join(name));
    fs::read(found.iter().find(|path| path.exists()).unwrap()).unwrap()
}

fn samples(lab: &Lab, name: &str) -> Planar {
    let mut reader = AudioReader::open(lab.path(name)).unwrap();
    let mut all = vec![Vec::new(); reader.spec().channels];
    while let Some(block) = reader.next_block(4096).unwrap() {
        all.iter_mut().zip(block).for_each(|(to, from)| to.extend(from));
    }
    all
}

#[test]
fn decoded_flac_files_hold_the_samples_of_wav_files() {
    let lab = Lab::new();
    lab.wav("in/a.wav", 44100, 9_001, &[0.5, 0.4]);
    lab.wav("in/sub/b.wav", 48000, 1, &[0.5]);
    lab.dac("encode in --output t --model tiny --channels keep").expect(0);
    for format in ["i16", "i24"] {
        let decode = |kind: &str| {
            let arguments = format!("decode t --output {kind}-{format} --audio-format {kind}");
            lab.dac(&format!("{arguments} --sample-format {format} --output-rate input")).expect(0)
        };
        decode("wav");
        let run = decode("flac");
        assert_eq!(lab.names(&format!("flac-{format}")), ["a.flac", "sub"], "{}", run.stderr);
        for name in ["a", "sub/b"] {
            let [flac, wav] = ["flac", "wav"].map(|kind| format!("{kind}-{format}/{name}.{kind}"));
            assert!(lab.read(&flac).starts_with(b"fLaC"), "{flac}");
            assert_eq!(samples(&lab, &flac), samples(&lab, &wav), "{flac}");
        }
    }
    // A repeated batch finds its files, and other settings replace them.
    let again = |more: &str| {
        let run = format!("decode t --output flac-i16 --audio-format flac --output-rate input --json {more}");
        lab.dac(&run).expect(0).records().remove(0)["status"].clone()
    };
    assert_eq!(again(""), "skipped");
    assert_eq!(again("--sample-format i24"), "ok");
    assert_eq!(samples(&lab, "flac-i16/a.flac"), samples(&lab, "flac-i24/a.flac"));
}

#[test]
fn a_round_trip_can_write_flac() {
    let lab = Lab::new();
    lab.wav("a.wav", 44100, 5_000, &[0.5]);
    lab.dac("roundtrip a.wav --output wav --model tiny").expect(0);
    let run = lab.dac("roundtrip a.wav --output flac --model tiny --audio-format flac --json").expect(0);
    let record = run.records().remove(0);
    assert_eq!(record["decoded_bytes"], lab.read("flac/a.flac").len());
    assert!(record["decoded"].as_str().unwrap().ends_with("a.flac"));
    assert_eq!(lab.names("flac"), ["a.flac", "a.safetensors"]);
    assert_eq!(samples(&lab, "flac/a.flac"), samples(&lab, "wav/a.wav"));
    // The decoded file would replace the input.
    lab.put("b.flac", &lab.read("flac/a.flac"));
    lab.dac("roundtrip b.flac --output . --model tiny --audio-format flac").expect(2).says("itself an input");
}

#[test]
fn flac_refuses_what_it_cannot_hold() {
    let lab = Lab::new();
    lab.wav("a.wav", 44100, 2_000, &[0.5]);
    lab.dac("encode a.wav --output t --model tiny").expect(0);
    let decode = "decode t/a.safetensors --output d --audio-format";
    lab.dac(&format!("{decode} flac --sample-format f32")).expect(2).says("stores i16 or i24");
    lab.dac("roundtrip a.wav --output d --model tiny --audio-format flac --sample-format f32").expect(2);
    lab.dac(&format!("{decode} flac --output-rate 192000")).expect(2).says("up to 96000 Hz");
    lab.dac(&format!("{decode} ogg")).expect(2).says("expected wav or flac");
    lab.dac("decode - --audio-format flac").expect(2).says("not --audio-format flac");
    assert_eq!(lab.names("d"), [""; 0]);
}

#[test]
fn damaged_files_fail_or_are_repaired_and_recorded() {
    let lab = Lab::new();
    let mut bad = fixture("flac16.flac");
    let at = bad.len() - 3_500;
    bad[at] ^= 0x55;
    lab.put("a.flac", &bad);
    lab.dac("encode a.flac --output t --model tiny").expect(1).says("damaged audio data after sample 576");
    let run = lab.dac("encode a.flac --output t --model tiny --damaged silence --json").expect(0);
    run.says("replaced 576 damaged samples with silence");
    let record = run.records().remove(0);
    assert_eq!((&record["input_samples"], &record["damaged_samples"]), (&4_410.into(), &576.into()));
    let info = lab.dac("info t/a.safetensors --json").expect(0).records().remove(0);
    assert_eq!(info["input_samples"], 4_410);
    lab.dac("roundtrip a.flac --output r --model tiny").expect(1).says("damaged audio data");
    lab.dac("roundtrip a.flac --output r --model tiny --damaged silence").expect(0).says("replaced 576");
    lab.dac("report a.flac --output a.html --model tiny --quantizers 1").expect(1).says("damaged audio data");
    let report = "report a.flac --output a.html --model tiny --quantizers 1 --damaged silence --json";
    let run = lab.dac(report).expect(0);
    assert_eq!(run.says("replaced 576").records()[0]["damaged_samples"], 576);
    // Standard input.
    let run = lab.run_with("encode - --model tiny", &bad);
    assert_eq!(run.status.code(), Some(1));
    let run = lab.run_with("encode - --model tiny --damaged silence", &bad);
    assert!(String::from_utf8_lossy(&run.stderr).contains("replaced 576"), "{run:?}");
    lab.dac("encode a.flac --output x --model tiny --damaged ignore").expect(2);
}

/// Creates a program `ffmpeg` that runs a shell script, and returns the PATH with only its directory and the
/// shell's tools.
#[cfg(unix)]
fn fake_ffmpeg(lab: &Lab, script: &str) -> String {
    use std::os::unix::fs::PermissionsExt;

    let path = lab.put("bin/ffmpeg", format!("#!/bin/sh\n{script}\n").as_bytes());
    fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
    // The tools of the shell, without a real ffmpeg.
    for tool in ["cat", "sh"] {
        let real = ["/bin", "/usr/bin"].map(|folder| PathBuf::from(folder).join(tool));
        let link = lab.path("bin").join(tool);
        if !link.exists() {
            std::os::unix::fs::symlink(real.iter().find(|path| path.exists()).unwrap(), link).unwrap();
        }
    }
    lab.path("bin").display().to_string()
}

#[cfg(unix)]
#[test]
fn ffmpeg_reads_what_the_built_in_readers_refuse() {
    let lab = Lab::new();
    lab.put("a.aac", &fixture("he-aac.aac"));
    let decoded = lab.wav("decoded.wav", 48000, 6_000, &[0.5]);
    let bin = fake_ffmpeg(&lab, &format!("cat {}", decoded.display()));
    let with = |arguments: &str| lab.dac_with(arguments, &[("PATH", &bin)]);

    let run = with("encode a.aac --output auto --model tiny --json").expect(0);
    let record = run.says("read by ffmpeg").records().remove(0);
    assert_eq!((&record["input_samples"], &record["input_rate_hz"]), (&6_000.into(), &48_000.into()));
    assert_eq!(record["input_warning"], "read by ffmpeg");
    with("encode a.aac --output builtin --model tiny --audio-reader builtin").expect(1).says("HE-AAC");
    with("roundtrip a.aac --output trip --model tiny").expect(0).says("read by ffmpeg");

    let info = with("info a.aac --json").expect(0).records().remove(0);
    assert_eq!((&info["codec"], &info["sample_rate_hz"]), (&"read by ffmpeg".into(), &48_000.into()));
    with("info a.aac --audio-reader builtin").expect(1).says("HE-AAC");
    let report = "report a.aac --output a.html --model tiny --quantizers 1 --json";
    let record = with(report).expect(0).records().remove(0);
    assert_eq!(record["input_warning"], "read by ffmpeg");
    with(&format!("{report} --audio-reader builtin")).expect(1).says("HE-AAC");

    // A file that the built-in readers read.
    lab.wav("b.wav", 44100, 2_000, &[0.5]);
    let samples = |run: &str| with(run).expect(0).records()[0]["input_samples"].clone();
    assert_eq!(samples("encode b.wav --output b1 --model tiny --json"), 2_000);
    assert_eq!(samples("encode b.wav --output b2 --model tiny --json --audio-reader ffmpeg"), 6_000);
}

#[cfg(unix)]
#[test]
fn ffmpeg_reads_standard_input_from_its_beginning() {
    let lab = Lab::new();
    let bin = fake_ffmpeg(&lab, "cat");
    let run = |arguments: &str, input: &[u8]| -> Output {
        let script = format!("PATH={bin} exec {} {arguments}", env!("CARGO_BIN_EXE_dac"));
        lab.feed_shell(&script, input)
    };
    let wav = wav_bytes(44100, 9_000, &[0.5]);
    let builtin = run("encode - --model tiny --audio-reader builtin", &wav);
    let ffmpeg = run("encode - --model tiny --audio-reader ffmpeg", &wav);
    assert!(ffmpeg.status.success() && builtin.status.success(), "{ffmpeg:?}");
    assert_eq!(ffmpeg.stdout, builtin.stdout);
    assert!(String::from_utf8_lossy(&ffmpeg.stderr).contains("read by ffmpeg"), "{ffmpeg:?}");
}

#[cfg(unix)]
#[test]
fn failures_of_ffmpeg_are_reported() {
    let lab = Lab::new();
    lab.put("a.aac", &fixture("he-aac.aac"));
    lab.wav("b.wav", 44100, 2_000, &[0.5]);
    let decoded = lab.wav("decoded.wav", 48000, 6_000, &[0.5]);
    let failing = format!("cat {}; echo the input broke >&2; exit 7", decoded.display());
    let bin = fake_ffmpeg(&lab, &failing);
    let run = lab.dac_with("encode a.aac --output t --model tiny", &[("PATH", &bin)]).expect(1);
    run.says("ffmpeg failed").says("the input broke");
    fs::remove_file(lab.path("bin/ffmpeg")).unwrap();
    let run = lab.dac_with("encode a.aac --output t --model tiny", &[("PATH", &bin)]);
    // The reason of the built-in reader, which tells what to do.
    run.expect(1).says("HE-AAC");
    let run = lab.dac_with("encode b.wav --output t --model tiny --audio-reader ffmpeg", &[("PATH", &bin)]);
    run.expect(1).says("ffmpeg is not installed");
    assert_eq!(lab.names("t"), [""; 0]);
}

#[cfg(target_os = "linux")]
#[test]
fn pipes_as_paths_are_read_once_by_every_command() {
    let lab = Lab::new();
    let (wav, flac) = (wav_bytes(44100, 9_000, &[0.5]), fixture("flac16.flac"));
    let quantizers = "--model tiny --quantizers 2";
    for (name, bytes) in [("a.wav", &wav), ("a.flac", &flac)] {
        lab.put(&format!("file/{name}"), bytes);
        for (folder, command) in [
            ("exact", format!("encode PATH {quantizers}")),
            ("windowed", format!("encode PATH {quantizers} --chunk descript")),
            ("trip", format!("roundtrip PATH {quantizers}")),
            ("windowed-trip", format!("roundtrip PATH {quantizers} --chunk descript")),
        ] {
            let output = |from: &str| format!("{from}-{name}-{folder}");
            let arguments = |from: &str| {
                let path = format!("{from}/{name}");
                format!("{} --output {} --json", command.replace("PATH", &path), output(from))
            };
            lab.dac(&arguments("file")).expect(0);
            fs::create_dir_all(lab.path("pipe")).unwrap();
            let pipe = lab.path(&format!("pipe/{name}"));
            let _ = fs::remove_file(&pipe);
            assert!(lab.program("mkfifo").arg(&pipe).status().unwrap().success());
            let (writer_path, content) = (pipe.clone(), bytes.clone());
            let writer = std::thread::spawn(move || fs::write(writer_path, content));
            let script = format!("exec timeout 100 {} {}", env!("CARGO_BIN_EXE_dac"), arguments("pipe"));
            let run = lab.feed_shell(&script, b"");
            assert!(run.status.success(), "{name} {folder}: {run:?}");
            writer.join().unwrap().unwrap();
            assert_eq!(lab.names(&output("pipe")), lab.names(&output("file")));
            for file in lab.names(&output("file")) {
                let read = |from: &str| lab.read(&format!("{}/{file}", output(from)));
                assert_eq!(read("pipe"), read("file"), "{name} {folder} {file}");
            }
            let record: serde_json::Value = serde_json::from_slice(&run.stdout).unwrap();
            assert!(record["input_sha256"].is_null() && record["input_bytes"].is_null(), "{record}");
            assert_eq!(record["input_samples"], if name == "a.wav" { 9_000 } else { 4_410 });
        }
    }
}
