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
            device: device.to_string(),
            reason: "the CPU engine does not run on burn tensors".to_owned(),
        }),
        #[cfg(feature = "flex")]
        Device::Flex => Ok(BurnDevice::flex()),
        #[cfg(feature = "ndarray")]
        #[expect(deprecated, reason = "the backend stays available until burn drops it")]
        Device::NdArray => Ok(BurnDevice::ndarray()),
        #[cfg(feature = "wgpu")]
        Device::Wgpu(index) => open_wgpu(device, index),
        #[cfg(feature = "cuda")]
        Device::Cuda(index) => open_cuda(device, index),
        #[cfg(not(feature = "flex"))]
        Device::Flex => Err(not_compiled(device, "flex")),
        #[cfg(not(feature = "ndarray"))]
        Device::NdArray => Err(not_compiled(device, "ndarray")),
        #[cfg(not(feature = "wgpu"))]
        Device::Wgpu(_) => Err(not_compiled(device, "wgpu")),
        #[cfg(not(feature = "cuda"))]
        Device::Cuda(_) => Err(not_compiled(device, "cuda")),
    }
}

#[cfg(not(all(feature = "flex", feature = "ndarray", feature = "wgpu", feature = "cuda")))]
fn not_compiled(device: Device, feature: &'static str) -> DeviceError {
    DeviceError::NotCompiled { device: device.to_string(), feature }
}

#[cfg(any(feature = "wgpu", feature = "cuda"))]
fn nth_device(
    device: Device,
    index: usize,
    kind: burn::tensor::DeviceType,
) -> Result<BurnDevice, DeviceError> {
    let found = BurnDevice::enumerate(kind).into_vec();
    let count = found.len();
    found.into_iter().nth(index).ok_or_else(|| DeviceError::NotFound {
        device: device.to_string(),
        reason: match count {
            0 => "this machine has none".to_owned(),
            n => format!("this machine has {n}, numbered from 0"),
        },
    })
}

#[cfg(feature = "wgpu")]
fn open_wgpu(device: Device, index: Option<usize>) -> Result<BurnDevice, DeviceError> {
    // burn panics when it opens a missing adapter; enumerating first gives an error instead.
    let listed = nth_device(device, index.unwrap_or(0), burn::tensor::DeviceType::Wgpu)?;
    Ok(if index.is_some() { listed } else { BurnDevice::wgpu(burn::tensor::DeviceKind::DefaultDevice) })
}

#[cfg(feature = "cuda")]
fn open_cuda(device: Device, index: usize) -> Result<BurnDevice, DeviceError> {
    nth_device(device, index, burn::tensor::DeviceType::Cuda)
}
