//! The fixed vector on every device: the CPU engine against the reference, all others against the CPU engine, or the
//! reference where the engine fails.

use std::time::{Duration, Instant};

use dac::codec::{Array3, CodecError, DeviceError, Isa};
use dac::{Codes, Dac, Device, LoadOptions};
use dac_manifest::Status;
use serde::Serialize;

use super::guard::guarded;
use super::vector::{self, AUDIO_BOUND, Answer, Distance};
use crate::report::error_text;

/// A device that says nothing for so long is given up; a GPU compiles its programs on first use.
const TIME_LIMIT: Duration = Duration::from_secs(300);
/// Adapters that are looked for.
const ADAPTERS: usize = 16;

/// How one device fared.
#[derive(Debug, Default, Serialize)]
pub(super) struct DeviceCheck {
    pub(super) device: String,
    /// What its driver calls a GPU.
    pub(super) name: Option<String>,
    /// Instruction set of the CPU engine.
    pub(super) cpu_level: Option<String>,
    /// Whether it is part of this build.
    pub(super) compiled: bool,
    /// Whether the machine has it; null where that was not to be learnt.
    pub(super) found: Option<bool>,
    /// `reference` or `cpu`; null where there was nothing to compare with.
    pub(super) compared_with: Option<&'static str>,
    pub(super) codes: Option<usize>,
    pub(super) codes_different: Option<usize>,
    /// The largest difference of a sample decoded from the same codes, full scale at 1.
    pub(super) audio_difference: Option<f64>,
    pub(super) elapsed_seconds: Option<f64>,
    /// `skipped` for a device that is not there.
    pub(super) status: Status,
    pub(super) error: Option<String>,
}

/// Why a device gave no answer.
#[derive(Debug)]
enum Failure {
    NotCompiled(String),
    NotFound(String),
    Broken(String),
}

/// An answer, with the instruction set of the CPU engine or the name of the GPU that gave it.
type Computed = Result<(Answer, Option<Isa>, Option<String>), Failure>;

/// Checks the CPU engine, each of its instruction sets, and every device of burn's.
pub(super) fn check_all() -> Vec<DeviceCheck> {
    let (reference, error) = match vector::expected() {
        Ok(reference) => (reference, None),
        Err(error) => (None, Some(error)),
    };
    let reference = reference.as_ref().map(|answer| ("reference", answer));
    let (mut engine, answer) = check(Device::Cpu, None, reference);
    if let Some(error) = error {
        engine = engine.failed(error);
    }
    let used = engine.cpu_level.clone();
    let mut checks = vec![engine];
    // Where the engine fails, the reference tells which of the others are well.
    let truth = answer.as_ref().map(|answer| ("cpu", answer)).or(reference);
    for level in Isa::available() {
        if used.as_ref() != Some(&level.to_string()) {
            checks.push(check(Device::Cpu, Some(level), truth).0);
        }
    }
    for device in others() {
        let first = check(device, None, truth).0;
        let found = first.found == Some(true);
        checks.push(first);
        if found {
            let further = adapters(device).map(|device| check(device, None, truth).0);
            checks.extend(further.take_while(|check| check.status != Status::Skipped));
        }
    }
    checks
}

/// Every device beside the CPU engine, part of this build or not.
fn others() -> [Device; 4] {
    [Device::Flex, Device::NdArray, Device::Wgpu(None), Device::Cuda(0)]
}

/// The further adapters of a device that was found: with wgpu all by number, as the first was its own choice.
fn adapters(device: Device) -> impl Iterator<Item = Device> {
    (0..ADAPTERS).filter_map(move |index| match device {
        Device::Wgpu(None) => Some(Device::Wgpu(Some(index))),
        Device::Cuda(0) if index > 0 => Some(Device::Cuda(index)),
        _ => None,
    })
}

fn check(
    device: Device,
    level: Option<Isa>,
    truth: Option<(&'static str, &Answer)>,
) -> (DeviceCheck, Option<Answer>) {
    let codes = truth.map(|(_, answer)| answer.codes.clone());
    let started = Instant::now();
    let computed = guarded(&device.to_string(), TIME_LIMIT, move || compute(device, level, codes));
    let mut check = DeviceCheck::new(device);
    check.cpu_level = level.map(|level| level.to_string());
    let (answer, level, name) = match computed.unwrap_or_else(|error| Err(Failure::Broken(error))) {
        Ok(computed) => computed,
        Err(Failure::Broken(error)) => return (check.failed(error), None),
        Err(Failure::NotFound(error)) => {
            check.found = Some(false);
            return (check.skipped(error), None);
        }
        Err(Failure::NotCompiled(error)) => return (check.skipped(error), None),
    };
    check.name = name;
    check.elapsed_seconds = Some(started.elapsed().as_secs_f64());
    check.cpu_level = level.map(|level| level.to_string());
    check.found = Some(true);
    if let Some((name, truth)) = truth {
        check = check.compared(name, truth.distance(&answer));
    }
    // An answer that is wrong is none that others could be held against.
    let sound = check.status == Status::Ok;
    (check, sound.then_some(answer))
}

/// Encodes the signal, and decodes `codes`, or else the codes that came out.
fn compute(device: Device, level: Option<Isa>, codes: Option<Codes>) -> Computed {
    let mut options = LoadOptions::on(device);
    options.isa = level;
    let dac = Dac::open(&vector::model(), None, &options).map_err(|error| match &error {
        dac::Error::Codec(CodecError::Device(DeviceError::NotCompiled { .. })) => {
            Failure::NotCompiled(error.to_string())
        }
        dac::Error::Codec(CodecError::Device(DeviceError::NotFound { .. })) => {
            Failure::NotFound(error.to_string())
        }
        _ => Failure::Broken(error_text(&error.into())),
    })?;
    let broken = |error: CodecError| Failure::Broken(error_text(&error.into()));
    let codec = dac.codec();
    let encoded = codec.encode(&Array3::mono(vector::signal()), None).map_err(broken)?;
    let audio = codec.decode_codes(codes.as_ref().unwrap_or(&encoded.codes)).map_err(broken)?;
    let answer = Answer { codes: encoded.codes, audio: audio.into_vec(), stride: 1 };
    Ok((answer, codec.isa(), codec.device_name()))
}

impl DeviceCheck {
    fn new(device: Device) -> Self {
        let kind = match device {
            Device::Wgpu(_) => Device::Wgpu(None),
            Device::Cuda(_) => Device::Cuda(0),
            other => other,
        };
        let compiled = Device::compiled().contains(&kind);
        Self { device: device.to_string(), compiled, ..Self::default() }
    }

    fn failed(self, error: String) -> Self {
        Self { status: Status::Error, error: Some(error), ..self }
    }

    fn skipped(self, error: String) -> Self {
        Self { status: Status::Skipped, error: Some(error), ..self }
    }

    fn compared(self, with: &'static str, distance: Result<Distance, String>) -> Self {
        let mut check = Self { compared_with: Some(with), ..self };
        let Distance { codes, codes_different, audio_difference } = match distance {
            Ok(distance) => distance,
            Err(error) => return check.failed(error),
        };
        check.codes = Some(codes);
        check.codes_different = Some(codes_different);
        check.audio_difference = Some(audio_difference);
        if codes_different > 0 {
            return check.failed(format!("{codes_different} of {codes} codes differ"));
        }
        if audio_difference > AUDIO_BOUND {
            return check
                .failed(format!("audio differs by {audio_difference:.1e}, more than {AUDIO_BOUND:.0e}"));
        }
        check
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn differences_beyond_the_bounds_are_failures() {
        let with = |codes_different, audio_difference| {
            let distance = Distance { codes: 108, codes_different, audio_difference };
            DeviceCheck::new(Device::Cpu).compared("reference", Ok(distance))
        };
        assert_eq!(with(0, 1e-4).status, Status::Ok);
        let wrong = with(1, 0.0);
        assert_eq!((wrong.status, wrong.error.as_deref()), (Status::Error, Some("1 of 108 codes differ")));
        let wrong = with(0, 1.5e-4);
        assert_eq!(wrong.status, Status::Error);
        assert_eq!(wrong.error.as_deref(), Some("audio differs by 1.5e-4, more than 1e-4"));
        let wrong = DeviceCheck::new(Device::Cpu).compared("cpu", Err("short".to_owned()));
        assert_eq!((wrong.status, wrong.codes), (Status::Error, None));
    }

    #[cfg(feature = "tiny")]
    #[test]
    fn a_wrong_answer_is_seen_in_codes_and_in_audio() {
        let truth = vector::expected().unwrap().unwrap();
        let (right, answer) = check(Device::Cpu, None, Some(("reference", &truth)));
        assert_eq!((right.status, right.codes, right.codes_different), (Status::Ok, Some(108), Some(0)));
        assert!(answer.is_some());

        let mut codes = truth.codes.as_slice().to_vec();
        codes[50] ^= 1;
        let codes = Codes::new(codes, truth.codes.shape()).unwrap();
        // The other code is decoded too, so that the audio is another as well.
        let (wrong, answer) =
            check(Device::Cpu, None, Some(("reference", &Answer { codes, ..truth.clone() })));
        assert_eq!((wrong.status, wrong.codes_different), (Status::Error, Some(1)));
        assert!(wrong.audio_difference.unwrap() > AUDIO_BOUND);
        assert!(answer.is_none());
    }

    #[test]
    fn adapters_are_numbered_behind_the_first() {
        assert_eq!(adapters(Device::Wgpu(None)).next(), Some(Device::Wgpu(Some(0))));
        assert_eq!(adapters(Device::Cuda(0)).next(), Some(Device::Cuda(1)));
        assert_eq!(adapters(Device::Flex).next(), None);
    }
}
