//! Prepared weights: the same results as packed ones, and never anything else.
#![cfg(feature = "tiny")]

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::sync::Barrier;
use std::thread;

use dac::prepared::{Prepared, PreparedError, PreparedFile, PreparedKey, PreparedWeights, files, prepare};
use dac::{Audio, Dac, DecodeOptions, Device, EncodeOptions, Error, LoadOptions, ModelSource, Precision};
use dac_model::{Codec, Preset, RandomWeights};
use dac_nn::{WeightError, Weights};

/// A weights file and a directory for prepared ones.
struct Lab {
    _folder: tempfile::TempDir,
    weights: PathBuf,
    prepared: PathBuf,
}

impl Lab {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let (weights, prepared) = (folder.path().join("tiny.safetensors"), folder.path().join("prepared"));
        fs::copy("../dac-model/assets/tiny.safetensors", &weights).unwrap();
        let lab = Self { _folder: folder, weights, prepared };
        lab.make_old();
        lab
    }

    /// Makes the weights file old enough that preparing does not wait.
    fn make_old(&self) {
        let file = File::options().write(true).open(&self.weights).unwrap();
        file.set_modified(std::time::SystemTime::now() - std::time::Duration::from_secs(60)).unwrap();
    }

    fn options(&self) -> LoadOptions {
        LoadOptions { prepared: Prepared::Read(self.prepared.clone()), ..LoadOptions::on(Device::Cpu) }
    }

    fn prepare(&self) -> PreparedFile {
        prepare(&self.weights, None, &self.options()).unwrap()
    }

    fn open(&self, options: &LoadOptions) -> Dac {
        Dac::open(&ModelSource::File(self.weights.clone()), None, options).unwrap()
    }
}

/// Tokens and samples as bits.
fn results(dac: &Dac) -> (Vec<u16>, Vec<u32>) {
    let samples: Vec<f32> = (0..20_000).map(|n| 0.3 * (n as f32 * 0.05).sin()).collect();
    let tokens = dac.encode(&Audio::mono(samples, 44_100), &EncodeOptions::default()).unwrap();
    let audio = dac.decode(&tokens, &DecodeOptions::default()).unwrap();
    let bits = audio.channels[0].iter().map(|sample| sample.to_bits()).collect();
    (tokens.codes.unwrap().as_slice().to_vec(), bits)
}

fn uses_prepared(dac: &Dac) -> bool {
    dac.info().prepared.is_some()
}

#[test]
fn mapped_weights_give_the_same_results_as_packed_ones() {
    let lab = Lab::new();
    for (precision, low_latency) in
        [(Precision::F32, false), (Precision::F32, true), (Precision::Exact, false)]
    {
        let options = LoadOptions { precision, low_latency, ..lab.options() };
        let packed = lab.open(&options);
        assert!(!uses_prepared(&packed));
        let file = prepare(&lab.weights, Some(Preset::Tiny), &options).unwrap();
        assert!(file.is_new);
        assert_eq!(fs::metadata(&file.path).unwrap().len(), file.bytes);
        let mapped = lab.open(&options);
        assert_eq!(mapped.info().prepared, Some(file.path));
        assert_eq!(mapped.info().weights_sha256, packed.info().weights_sha256);
        assert_eq!(mapped.info().report, packed.info().report);
        assert_eq!(results(&mapped), results(&packed), "{precision}, low latency {low_latency}");
    }
    assert_eq!(files(&lab.prepared).len(), 3);
    assert!(!lab.prepare().is_new, "a valid file is kept");
    let off = LoadOptions::on(Device::Cpu);
    assert!(!uses_prepared(&lab.open(&off)), "the library does not use prepared weights by default");
}

#[test]
fn damaged_truncated_and_foreign_files_are_not_used_and_are_written_again() {
    let lab = Lab::new();
    let want = results(&lab.open(&lab.options()));
    let path = lab.prepare().path;
    let valid = fs::read(&path).unwrap();
    let header_end = valid.len() / 50;
    let flipped = |at: usize| {
        let mut bytes = valid.clone();
        bytes[at] ^= 0x40;
        bytes
    };
    let cases: Vec<(&str, Vec<u8>, &str)> = vec![
        ("empty", vec![], "another kind of file"),
        ("foreign", fs::read(&lab.weights).unwrap(), "another kind of file"),
        ("header cut", valid[..100].to_vec(), "a truncated header"),
        ("cut", valid[..valid.len() - 64].to_vec(), "a truncated file"),
        ("half", valid[..valid.len() / 2].to_vec(), "a truncated file"),
        ("longer", [valid.as_slice(), &[0; 64]].concat(), "a file of another length than its header states"),
        ("header damaged", flipped(40), "a damaged header"),
        ("first section damaged", flipped(header_end), "a damaged file: the checksum of a section is wrong"),
        ("value damaged", flipped(valid.len() / 2 + 3), "a damaged file: the checksum of a section is wrong"),
    ];
    for (name, bytes, expected) in cases {
        fs::write(&path, bytes).unwrap();
        match PreparedWeights::check(&path) {
            Err(PreparedError::Invalid { found, .. }) => assert_eq!(found, expected, "{name}"),
            other => panic!("{name}: {other:?}"),
        }
        let dac = lab.open(&lab.options());
        assert!(!uses_prepared(&dac), "{name}");
        assert_eq!(results(&dac), want, "{name}");
        assert!(lab.prepare().is_new, "{name}");
        assert_eq!(fs::read(&path).unwrap(), valid, "{name}");
        assert!(uses_prepared(&lab.open(&lab.options())), "{name}");
    }
}

#[test]
fn a_file_of_another_key_is_not_used() {
    let lab = Lab::new();
    let exact = LoadOptions { precision: Precision::Exact, ..lab.options() };
    let other = prepare(&lab.weights, None, &exact).unwrap().path;
    let path = lab.prepare().path;
    fs::copy(other, &path).unwrap();
    let dac = lab.open(&lab.options());
    assert!(!uses_prepared(&dac));
    let key = PreparedKey::new(&dac.info().weights_sha256, dac.shape(), &lab.options()).unwrap();
    let error = PreparedWeights::open(&path, &key).unwrap_err().to_string();
    assert!(error.contains(", exact, throughput, layout "), "{error}");
    assert!(error.contains(", f32, throughput, layout "), "{error}");
}

#[test]
fn a_changed_weights_file_gives_its_own_results() {
    let lab = Lab::new();
    lab.prepare();
    let old = results(&lab.open(&lab.options()));
    let modified = fs::metadata(&lab.weights).unwrap().modified().unwrap();
    // Other weights with the same size and time: the last values belong to some tensor.
    let mut bytes = fs::read(&lab.weights).unwrap();
    let len = bytes.len();
    bytes[len / 2..len / 2 + 20_000].fill(0x11);
    fs::write(&lab.weights, &bytes).unwrap();
    File::options().write(true).open(&lab.weights).unwrap().set_modified(modified).unwrap();
    let changed = lab.open(&lab.options());
    assert!(!uses_prepared(&changed));
    assert_ne!(results(&changed), old);
    let want = results(&changed);
    assert!(lab.prepare().is_new);
    let prepared = lab.open(&lab.options());
    assert!(uses_prepared(&prepared));
    assert_eq!(results(&prepared), want);
}

#[test]
fn a_copy_of_the_weights_uses_the_same_file() {
    let mut lab = Lab::new();
    let first = lab.prepare();
    let copy = lab.weights.with_file_name("copy.safetensors");
    fs::copy(&lab.weights, &copy).unwrap();
    lab.weights = copy;
    assert_eq!(lab.open(&lab.options()).info().prepared, Some(first.path));
}

#[test]
fn the_first_load_writes_the_file_on_request() {
    let lab = Lab::new();
    let options =
        LoadOptions { prepared: Prepared::ReadOrWrite(lab.prepared.clone()), ..LoadOptions::on(Device::Cpu) };
    let first = lab.open(&options);
    assert!(!uses_prepared(&first));
    let second = lab.open(&options);
    assert!(uses_prepared(&second));
    assert_eq!(results(&second), results(&first));
    assert!(!lab.prepare().is_new);
}

#[test]
fn a_directory_that_cannot_be_written_is_an_error_only_for_prepare() {
    let lab = Lab::new();
    // A directory below a file cannot be created, not even by root.
    let folder = lab.weights.join("prepared");
    let options =
        LoadOptions { prepared: Prepared::ReadOrWrite(folder.clone()), ..LoadOptions::on(Device::Cpu) };
    assert!(!uses_prepared(&lab.open(&options)));
    let error = prepare(&lab.weights, None, &options).unwrap_err();
    assert!(matches!(error, Error::Prepared(PreparedError::Io { .. })), "{error}");
    let off = prepare(&lab.weights, None, &LoadOptions::on(Device::Cpu)).unwrap_err().to_string();
    assert!(off.starts_with("prepared is off, expected a directory"), "{off}");
}

#[test]
fn several_threads_can_prepare_and_load_at_once() {
    let lab = Lab::new();
    let want = results(&lab.open(&lab.options()));
    let barrier = Barrier::new(3);
    thread::scope(|scope| {
        for _ in 0..3 {
            scope.spawn(|| {
                barrier.wait();
                lab.prepare();
                let dac = lab.open(&lab.options());
                assert!(uses_prepared(&dac));
                assert_eq!(results(&dac), want);
            });
        }
    });
    assert_eq!(files(&lab.prepared).len(), 1);
    let names = fs::read_dir(&lab.prepared).unwrap().count();
    assert_eq!(names, 2, "no temporary files are left");
}

/// Weights that are finite, but too large to be packed.
struct Large(RandomWeights);

impl Weights for Large {
    fn tensor(&mut self, name: &str, shape: &[usize]) -> Result<Vec<f32>, WeightError> {
        let mut values = self.0.tensor(name, shape)?;
        if name == "decoder.model.0.weight" {
            values.fill(f32::MAX);
        }
        Ok(values)
    }
}

#[test]
fn weights_that_overflow_while_packing_are_not_written() {
    let folder = tempfile::tempdir().unwrap();
    let (shape, options) = (Preset::Tiny.shape(), LoadOptions::on(Device::Cpu));
    let mut weights = Large(RandomWeights::new(shape.clone(), 1));
    let codec = Codec::load(&shape, &mut weights, options.clone()).unwrap();
    let key = PreparedKey::new("0123", &shape, &options).unwrap();
    let path: &Path = &folder.path().join(key.file_name());
    let error = PreparedWeights::write(path, &key, &codec, &mut weights).unwrap_err();
    assert!(matches!(error, PreparedError::NonFinite { .. }), "{error}");
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0);
}
