//! Opens burn devices.

use burn::tensor::Device as BurnDevice;

use crate::device::{Device, DeviceError};

/// Returns the driver's name of a GPU; `None` for the CPU.
#[cfg(any(feature = "wgpu", feature = "cuda"))]
pub fn device_name(device: &BurnDevice) -> Option<String> {
    device.identity().map(|identity| identity.name)
}

/// Returns `None`: this build has no GPU backend.
#[cfg(not(any(feature = "wgpu", feature = "cuda")))]
pub fn device_name(_: &BurnDevice) -> Option<String> {
    None
}

/// Opens the burn device for `device`.
///
/// # Errors
/// When this build lacks the backend or the machine the device, and for [`Device::Cpu`], which does not use
/// burn.
pub fn open_device(device: Device) -> Result<BurnDevice, DeviceError> {
    match device {
        Device::Cpu => Err(DeviceError::NotFound {
            device,
            reason: "the CPU engine does not run on burn tensors".to_owned(),
        }),
        #[cfg(feature = "flex")]
        Device::Flex => Ok(BurnDevice::flex()),
        #[cfg(feature = "ndarray")]
        #[expect(deprecated, reason = "the backend stays available until burn drops it")]
        Device::NdArray => Ok(BurnDevice::ndarray()),
        #[cfg(feature = "wgpu")]
        Device::Wgpu(index) => {
            // burn panics when it opens a missing adapter; enumerating first gives an error instead.
            let listed = nth_device(device, index.unwrap_or(0), burn::tensor::DeviceType::Wgpu)?;
            let default = || BurnDevice::wgpu(burn::tensor::DeviceKind::DefaultDevice);
            Ok(if index.is_some() { listed } else { default() })
        }
        #[cfg(feature = "cuda")]
        Device::Cuda(index) => nth_device(device, index, burn::tensor::DeviceType::Cuda),
        #[allow(unreachable_patterns, reason = "a build can contain every backend")]
        _ => Err(device.not_compiled()),
    }
}

#[cfg(any(feature = "wgpu", feature = "cuda"))]
fn nth_device(
    device: Device,
    index: usize,
    kind: burn::tensor::DeviceType,
) -> Result<BurnDevice, DeviceError> {
    let found = BurnDevice::enumerate(kind).into_vec();
    let reason = match found.len() {
        0 => "this machine has none".to_owned(),
        n => format!("this machine has {n}, numbered from 0"),
    };
    found.into_iter().nth(index).ok_or(DeviceError::NotFound { device, reason })
}
