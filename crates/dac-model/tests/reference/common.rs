//! Readers of the parity fixtures and comparisons with them.

use std::path::{Path, PathBuf};

use dac_model::{Checkpoint, Codec, CodecError, CodecOptions};
use dac_nn::{Device, NetworkShape, WeightError, Weights};
use dac_rvq::{Array3, Codes};
use safetensors::SafeTensors;

/// Distances closer than this are a tie: another code is accepted.
const TIE_MARGIN: f32 = 1e-5;
/// Largest accepted difference of decoded audio; Winograd convolutions on the CPU engine lose half a digit.
pub(crate) fn audio_bound(device: Device) -> f32 {
    match device {
        Device::Cpu => 5e-5,
        // GPU drivers differ in the order of sums and in the sine.
        Device::Wgpu(_) | Device::Cuda(_) => 1e-4,
        _ => 2e-5,
    }
}

/// Bounds on the relative RMS of z and of latents. z consists of codebook entries, so Winograd errors do not
/// affect it.
fn relative_bounds(device: Device) -> (f64, f64) {
    (1e-5, if device == Device::Cpu { 1e-4 } else { 1e-5 })
}

pub(crate) fn fixtures() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fixtures/parity")
}

/// Temporary directory of test files.
pub(crate) struct Folder(pub(crate) tempfile::TempDir);

impl Folder {
    pub(crate) fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    pub(crate) fn put(&self, name: &str, bytes: &[u8]) -> PathBuf {
        let path = self.0.path().join(name);
        std::fs::write(&path, bytes).unwrap();
        path
    }
}

/// Devices of this build that every machine has.
pub(crate) fn devices() -> Vec<Device> {
    Device::compiled().into_iter().filter(|d| !d.is_gpu()).collect()
}

/// The expected values of a fixture directory.
pub(crate) struct Expected {
    bytes: Vec<u8>,
}

impl Expected {
    pub(crate) fn read(folder: &str) -> Self {
        let path = fixtures().join(folder).join("expected.safetensors");
        Self { bytes: std::fs::read(&path).unwrap_or_else(|e| panic!("{}: {e}", path.display())) }
    }

    fn file(&self) -> SafeTensors<'_> {
        SafeTensors::deserialize(&self.bytes).unwrap()
    }

    pub(crate) fn has(&self, name: &str) -> bool {
        self.file().tensor(name).is_ok()
    }

    pub(crate) fn array(&self, name: &str) -> Array3 {
        let file = self.file();
        let view = file.tensor(name).unwrap_or_else(|e| panic!("{name}: {e}"));
        let values = view.data().chunks_exact(4).map(|b| f32::from_le_bytes(b.try_into().unwrap())).collect();
        let shape: [usize; 3] = view.shape().try_into().unwrap();
        Array3::new(values, shape).unwrap()
    }

    pub(crate) fn codes(&self, name: &str) -> Codes {
        let file = self.file();
        let view = file.tensor(name).unwrap_or_else(|e| panic!("{name}: {e}"));
        let values: Vec<i64> =
            view.data().chunks_exact(8).map(|b| i64::from_le_bytes(b.try_into().unwrap())).collect();
        Codes::from_i64(&values, view.shape().try_into().unwrap()).unwrap()
    }
}

/// A checkpoint whose parameter `name` has its largest value changed by 1 %.
pub(crate) struct Corrupted {
    pub(crate) inner: Checkpoint,
    pub(crate) name: String,
}

impl Weights for Corrupted {
    fn tensor(&mut self, name: &str, shape: &[usize]) -> Result<Vec<f32>, WeightError> {
        let mut values = self.inner.tensor(name, shape)?;
        if name == self.name {
            let largest = values.iter_mut().max_by(|a, b| a.abs().total_cmp(&b.abs())).unwrap();
            *largest *= 1.01;
        }
        Ok(values)
    }
}

pub(crate) fn checkpoint(folder: &str) -> Checkpoint {
    Checkpoint::open(&fixtures().join(folder).join("weights.pth"), None).unwrap()
}

pub(crate) fn codec(folder: &str, device: Device) -> Codec {
    let mut checkpoint = checkpoint(folder);
    let shape: NetworkShape = checkpoint.shape().clone();
    Codec::load(&shape, &mut checkpoint, CodecOptions::on(device)).unwrap()
}

/// Returns which frames have the expected codes; fails if a code differs without a tie.
pub(crate) fn equal_frames(
    found: &Codes,
    expected: &Codes,
    margins: Option<&Array3>,
) -> Result<Vec<bool>, String> {
    if found.shape() != expected.shape() {
        return Err(format!("codes {:?}, expected {:?}", found.shape(), expected.shape()));
    }
    let [batch, codebooks, frames] = found.shape();
    let mut equal = vec![true; batch * frames];
    for b in 0..batch {
        for t in 0..frames {
            let at = |k: usize| (b * codebooks + k) * frames + t;
            let Some(k) = (0..codebooks).find(|&k| found.as_slice()[at(k)] != expected.as_slice()[at(k)])
            else {
                continue;
            };
            let margin = margins.map_or(f32::INFINITY, |m| m.as_slice()[(b * m.shape()[1] + k) * frames + t]);
            if margin >= TIE_MARGIN {
                return Err(format!(
                    "item {b}, frame {t}, codebook {k}: another code with a margin of {margin}"
                ));
            }
            eprintln!("tie: item {b}, frame {t}, codebook {k}, margin {margin}");
            equal[b * frames + t] = false;
        }
    }
    let differing = equal.iter().filter(|e| !**e).count();
    // Ties may affect a few frames only.
    if differing * 20 > equal.len() {
        Err(format!("{differing} of {} frames differ", equal.len()))
    } else {
        Ok(equal)
    }
}

/// Returns the relative RMS difference over the frames in `equal`.
fn relative_rms(found: &Array3, expected: &Array3, equal: &[bool]) -> Result<f64, String> {
    if found.shape() != expected.shape() {
        return Err(format!("shape {:?}, expected {:?}", found.shape(), expected.shape()));
    }
    let [batch, channels, frames] = found.shape();
    let (mut error, mut power) = (0.0, 0.0);
    for b in 0..batch {
        for c in 0..channels {
            for t in (0..frames).filter(|t| equal[b * frames + t]) {
                let at = (b * channels + c) * frames + t;
                let (f, e) = (f64::from(found.as_slice()[at]), f64::from(expected.as_slice()[at]));
                error += (f - e) * (f - e);
                power += e * e;
            }
        }
    }
    Ok((error / power.max(1e-30)).sqrt())
}

pub(crate) fn max_abs(found: &Array3, expected: &Array3) -> Result<f32, String> {
    if found.shape() != expected.shape() {
        return Err(format!("shape {:?}, expected {:?}", found.shape(), expected.shape()));
    }
    let pairs = found.as_slice().iter().zip(expected.as_slice());
    Ok(pairs.map(|(f, e)| (f - e).abs()).fold(0.0, f32::max))
}

fn within<T: PartialOrd + std::fmt::Display>(what: &str, found: T, bound: T) -> Result<(), String> {
    if found <= bound { Ok(()) } else { Err(format!("{what}: {found} is above {bound}")) }
}

/// Compares encodes and decodes with all expected values of a case.
pub(crate) fn check_case(codec: &Codec, expected: &Expected, case: &str) -> Result<(), String> {
    let fail = |e: CodecError| e.to_string();
    let audio_bound = audio_bound(codec.options().device);
    let (z_bound, latents_bound) = relative_bounds(codec.options().device);
    let get = |what: &str| expected.array(&format!("{case}.{what}"));
    let margins = get("margins");
    let encoded = codec.encode(&get("input"), None).map_err(fail)?;
    let codes = expected.codes(&format!("{case}.codes"));
    let equal = equal_frames(&encoded.codes, &codes, Some(&margins))?;
    within("z", relative_rms(&encoded.z, &get("z"), &equal)?, z_bound)?;
    within("latents", relative_rms(&encoded.latents, &get("latents"), &equal)?, latents_bound)?;
    let z = codec.codes_to_z(&codes).map_err(fail)?;
    let all = vec![true; codes.channels() * codes.frames()];
    within("z of codes", relative_rms(&z, &get("from_codes.z"), &all)?, z_bound)?;
    let audio = codec.decode_codes(&codes).map_err(fail)?;
    within("audio of codes", max_abs(&audio, &get("audio"))?, audio_bound)?;
    let audio = codec.decode(&get("from_codes.z")).map_err(fail)?;
    within("audio of z", max_abs(&audio, &get("audio"))?, audio_bound)?;
    let searched = codec.latents_to_codes(&get("latents")).map_err(fail)?;
    equal_frames(&searched, &expected.codes(&format!("{case}.from_latents.codes")), Some(&margins))?;
    for k in 1..codes.codebooks() {
        if !expected.has(&format!("{case}.k{k}.codes")) {
            continue;
        }
        let encoded = codec.encode(&get("input"), Some(k)).map_err(fail)?;
        let codes = expected.codes(&format!("{case}.k{k}.codes"));
        let equal = equal_frames(&encoded.codes, &codes, Some(&margins))?;
        within("z of fewer codebooks", relative_rms(&encoded.z, &get(&format!("k{k}.z")), &equal)?, z_bound)?;
        let audio = codec.decode_codes(&codes).map_err(fail)?;
        within("audio of fewer codebooks", max_abs(&audio, &get(&format!("k{k}.audio")))?, audio_bound)?;
    }
    Ok(())
}
