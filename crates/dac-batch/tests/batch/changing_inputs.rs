//! Inputs that change while they are read: when the batch reports the NaN in an input, the test changes it.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use dac::audio::NonFinitePolicy;
use dac::tokens::Format;
use dac::{Dac, Device};
use dac_batch::{
    BatchObserver, BatchOptions, BatchReport, CancelToken, EncodeSettings, MANIFEST_NAME, PackFormat,
    PackLimits, PackSettings, Record, Status, encode_files,
};

/// Changes the file at `input` when a message arrives.
struct ChangeInput {
    input: PathBuf,
    change: &'static str,
}

impl BatchObserver for ChangeInput {
    fn message(&self, text: &str) {
        assert!(text.ends_with("NaN and infinite samples replaced by 0: 1"), "{text}");
        match self.change {
            "length" => fs::write(&self.input, b"second take").unwrap(),
            "content" => {
                let later = SystemTime::now() + Duration::from_secs(5);
                fs::write(&self.input, wav(0.5)).unwrap();
                File::options().write(true).open(&self.input).unwrap().set_modified(later).unwrap();
            }
            _ => fs::remove_file(&self.input).unwrap(),
        }
    }
}

/// WAV file of 800 samples in f32 at 8 kHz, of which one is `sample` and the others are 0.
fn wav(sample: f32) -> Vec<u8> {
    let mut samples = vec![0.0; 800];
    samples[7] = sample;
    let data: Vec<u8> = samples.into_iter().flat_map(f32::to_le_bytes).collect();
    let mut bytes = b"RIFF".to_vec();
    bytes.extend((36 + data.len() as u32).to_le_bytes());
    bytes.extend(b"WAVEfmt \x10\0\0\0\x03\0\x01\0");
    bytes.extend(8000_u32.to_le_bytes());
    bytes.extend(32000_u32.to_le_bytes());
    bytes.extend(b"\x04\0\x20\0data");
    bytes.extend((data.len() as u32).to_le_bytes());
    bytes.extend(data);
    bytes
}

/// Encodes `a.wav` and `b.wav` of a directory to .npy files in `out` in it, and changes `a.wav` meanwhile.
fn encode(dir: &Path, change: &'static str, pack: Option<PackSettings>) -> BatchReport {
    let inputs = [dir.join("a.wav"), dir.join("b.wav")];
    fs::write(&inputs[0], wav(f32::NAN)).unwrap();
    fs::write(&inputs[1], wav(0.25)).unwrap();
    let observer = ChangeInput { input: inputs[0].clone(), change };
    let options = BatchOptions::new(inputs, dir.join("out"));
    let settings = EncodeSettings {
        format: Format::Npy,
        pack,
        non_finite: NonFinitePolicy::Zero,
        ..EncodeSettings::default()
    };
    let load = || Ok(Dac::load("tiny", Device::Cpu)?);
    encode_files(&options, &settings, load, &observer, &CancelToken::default()).unwrap()
}

/// Records of the manifest, of `a` and of `b`.
fn records(dir: &Path) -> [Record; 2] {
    let text = fs::read_to_string(dir.join("out").join(MANIFEST_NAME)).unwrap();
    let mut records: Vec<Record> = text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    records.sort_by(|one, other| one.key.cmp(&other.key));
    records.try_into().unwrap()
}

#[test]
fn outputs_of_inputs_that_change_while_read_are_discarded() {
    for (change, part) in [
        ("length", "changed from 3244 to 11 bytes while it was read"),
        ("content", "changed within its 3244 bytes while it was read"),
        ("removal", "a.wav"),
    ] {
        let dir = tempfile::tempdir().unwrap();
        let report = encode(dir.path(), change, None);
        assert_eq!((report.done, report.failed), (1, 1));
        let [a, b] = records(dir.path());
        assert_eq!((a.status, b.status), (Status::Error, Status::Ok), "{change}");
        assert!(a.error.as_ref().unwrap().contains(part), "{a:?}");
        assert_eq!((a.input_sha256, a.output_sha256), (None, None));
        assert!(b.finished_s.unwrap() > 1e9 && b.input_modified_s.unwrap() > 1e9);
        let out = dir.path().join("out");
        assert!(!out.join("a.npy").exists() && out.join("b.npy").exists(), "{change}");
        assert!(!out.join(".dac-work").exists());
    }
}

#[test]
fn packs_contain_no_inputs_that_change_while_read() {
    let dir = tempfile::tempdir().unwrap();
    let pack = PackSettings { format: PackFormat::Tar, limits: PackLimits::default(), keeps_shards: false };
    let report = encode(dir.path(), "content", Some(pack));
    assert_eq!((report.done, report.failed), (1, 1));
    let [a, b] = records(dir.path());
    assert_eq!((a.status, a.pack), (Status::Error, None));
    assert_eq!((b.status, b.pack.as_deref()), (Status::Ok, Some("tokens-000000.tar")));
    let tar = fs::read(dir.path().join("out/tokens-000000.tar")).unwrap();
    let mut archive = tar::Archive::new(tar.as_slice());
    let names = archive.entries().unwrap().map(|entry| entry.unwrap().path().unwrap().into_owned());
    assert_eq!(names.collect::<Vec<_>>(), [Path::new("b.npy"), Path::new("b.json")]);
}
