//! Runs the test vector on every device. The CPU engine is compared with the reference codec, all other
//! devices with the CPU engine, or with the reference codec if the engine fails.

use std::time::Instant;

use dac::codec::{Array3, CodecError, DeviceError, Isa};
use dac::{Codes, Dac, Device, LoadOptions};
use dac_batch::Status;
use serde::Serialize;

use super::test_vector::{self, AUDIO_BOUND, CodecOutput, Distance};
use super::timeout::{DEVICE_LIMIT, run_with_timeout};
use crate::output::error_text;

/// Largest number of adapters of one kind.
const MAX_ADAPTERS: usize = 16;

#[derive(Debug, Default, Serialize)]
pub(super) struct DeviceCheck {
    pub(super) device: String,
    /// Name of a GPU as its driver reports it.
    pub(super) name: Option<String>,
    /// Instruction set of the CPU engine.
    pub(super) cpu_level: Option<String>,
    pub(super) compiled: bool,
    /// Whether the machine has it; null if unknown.
    pub(super) found: Option<bool>,
    /// `reference` or `cpu`; null without a comparison.
    pub(super) compared_with: Option<&'static str>,
    pub(super) codes: Option<usize>,
    pub(super) codes_different: Option<usize>,
    /// Largest difference of two samples decoded from the same codes, full scale at 1.
    pub(super) audio_difference: Option<f64>,
    pub(super) elapsed_seconds: Option<f64>,
    /// `skipped` if the build or the machine lacks the device.
    pub(super) status: Status,
    pub(super) error: Option<String>,
}

/// Output of a device, with the instruction set of the CPU engine or the name of the GPU; else status,
/// whether the machine has the device, and error.
type Computed = Result<(CodecOutput, Option<Isa>, Option<String>), (Status, Option<bool>, String)>;

/// Checks the CPU engine with each of its instruction sets, and every burn device.
pub(super) fn check_all() -> Vec<DeviceCheck> {
    let (reference, error) = match test_vector::expected() {
        Ok(reference) => (reference, None),
        Err(error) => (None, Some(error)),
    };
    let reference = reference.as_ref().map(|output| ("reference", output));
    let (mut engine, output) = check(Device::Cpu, None, reference);
    if let Some(error) = error {
        engine = engine.failed(error);
    }
    let used = engine.cpu_level.clone();
    let mut checks = vec![engine];
    let expected = output.as_ref().map(|output| ("cpu", output)).or(reference);
    for level in Isa::available() {
        if used.as_ref() != Some(&level.to_string()) {
            checks.push(check(Device::Cpu, Some(level), expected).0);
        }
    }
    // Every kind of burn device, whether or not this build supports it.
    for device in [Device::Flex, Device::NdArray, Device::Wgpu(None), Device::Cuda(0)] {
        let first = check(device, None, expected).0;
        let found = first.found == Some(true);
        checks.push(first);
        if found {
            let further = further_adapters(device).map(|device| check(device, None, expected).0);
            checks.extend(further.take_while(|check| check.status != Status::Skipped));
        }
    }
    checks
}

/// Further adapters of a device that was found. With wgpu, these are all, because wgpu chose the first.
fn further_adapters(device: Device) -> impl Iterator<Item = Device> {
    (0..MAX_ADAPTERS).filter_map(move |index| match device {
        Device::Wgpu(None) => Some(Device::Wgpu(Some(index))),
        Device::Cuda(0) if index > 0 => Some(Device::Cuda(index)),
        _ => None,
    })
}

/// Runs the test vector on one device. Returns its output only if correct, for comparisons with others.
fn check(
    device: Device,
    level: Option<Isa>,
    expected: Option<(&'static str, &CodecOutput)>,
) -> (DeviceCheck, Option<CodecOutput>) {
    let codes = expected.map(|(_, output)| output.codes.clone());
    let started = Instant::now();
    let computed = run_with_timeout(&device.to_string(), DEVICE_LIMIT, move || compute(device, level, codes));
    let mut check = DeviceCheck::new(device);
    check.cpu_level = level.map(|level| level.to_string());
    let (output, level, name) = match computed.unwrap_or_else(|error| Err((Status::Error, None, error))) {
        Ok(computed) => computed,
        Err((status, found, error)) => {
            return (DeviceCheck { status, found, error: Some(error), ..check }, None);
        }
    };
    check.name = name;
    check.elapsed_seconds = Some(started.elapsed().as_secs_f64());
    check.cpu_level = level.map(|level| level.to_string());
    check.found = Some(true);
    if let Some((name, expected)) = expected {
        check = check.compared(name, expected.distance(&output));
    }
    let is_correct = check.status == Status::Ok;
    (check, is_correct.then_some(output))
}

/// Encodes the test signal and decodes `codes`, or without them the resulting codes.
fn compute(device: Device, level: Option<Isa>, codes: Option<Codes>) -> Computed {
    let options = LoadOptions { isa: level, ..LoadOptions::on(device) };
    let dac = Dac::open(&test_vector::model(), None, &options).map_err(|error| match &error {
        dac::Error::Codec(CodecError::Device(DeviceError::NotCompiled { .. })) => {
            (Status::Skipped, None, error.to_string())
        }
        dac::Error::Codec(CodecError::Device(DeviceError::NotFound { .. })) => {
            (Status::Skipped, Some(false), error.to_string())
        }
        _ => (Status::Error, None, error_text(&error.into())),
    })?;
    let broken = |error: CodecError| (Status::Error, None, error_text(&error.into()));
    let codec = dac.codec();
    let encoded = codec.encode(&Array3::mono(test_vector::signal()), None).map_err(broken)?;
    let audio = codec.decode_codes(codes.as_ref().unwrap_or(&encoded.codes)).map_err(broken)?;
    let output = CodecOutput { codes: encoded.codes, audio: audio.into_vec(), stride: 1 };
    Ok((output, codec.isa(), codec.device_name()))
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
    fn differences_beyond_the_bounds_are_errors() {
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
    fn wrong_output_is_detected_in_codes_and_in_audio() {
        let expected = test_vector::expected().unwrap().unwrap();
        let (right, output) = check(Device::Cpu, None, Some(("reference", &expected)));
        assert_eq!((right.status, right.codes, right.codes_different), (Status::Ok, Some(108), Some(0)));
        assert!(output.is_some());

        let mut codes = expected.codes.as_slice().to_vec();
        codes[50] ^= 1;
        let codes = Codes::new(codes, expected.codes.shape()).unwrap();
        // The changed code is decoded, so the audio differs as well.
        let (wrong, output) =
            check(Device::Cpu, None, Some(("reference", &CodecOutput { codes, ..expected.clone() })));
        assert_eq!((wrong.status, wrong.codes_different), (Status::Error, Some(1)));
        assert!(wrong.audio_difference.unwrap() > AUDIO_BOUND);
        assert!(output.is_none());
    }

    #[test]
    fn further_adapters_follow_the_first() {
        assert_eq!(further_adapters(Device::Wgpu(None)).next(), Some(Device::Wgpu(Some(0))));
        assert_eq!(further_adapters(Device::Cuda(0)).next(), Some(Device::Cuda(1)));
        assert_eq!(further_adapters(Device::Flex).next(), None);
    }
}
