//! The device a network runs on, and its name on the command line.

use std::fmt;
use std::str::FromStr;

use thiserror::Error;

/// An unknown device, or one missing from this build or machine.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum DeviceError {
    /// The name is not a device.
    #[error("unknown device '{found}', expected cpu, flex, ndarray, wgpu[:N] or cuda[:N]")]
    Unknown {
        /// Requested name.
        found: String,
    },
    /// This build lacks the device's backend.
    #[error("device '{device}' is not part of this build; rebuild with the feature '{feature}'")]
    NotCompiled {
        /// Requested device.
        device: String,
        /// Cargo feature that enables the backend.
        feature: &'static str,
    },
    /// The machine has no such device.
    #[error("device '{device}' was not found: {reason}")]
    NotFound {
        /// Requested device.
        device: String,
        /// What the machine reported.
        reason: String,
    },
}

/// A device that runs the network.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
#[non_exhaustive]
pub enum Device {
    /// The CPU engine (`dac-kernels`).
    #[default]
    Cpu,
    /// burn's Flex backend on the CPU (feature `flex`).
    Flex,
    /// burn's ndarray backend on the CPU (feature `ndarray`).
    NdArray,
    /// A GPU through wgpu (feature `wgpu`), by adapter index; `None` lets wgpu choose.
    Wgpu(Option<usize>),
    /// An NVIDIA GPU through CUDA (feature `cuda`), by index. On Ampere and later, burn may choose kernels
    /// that round f32 factors to TF32; [`Device::Wgpu`] never does.
    Cuda(usize),
}

impl Device {
    /// Lists one device per backend in this build, in the order of [`Device`].
    pub fn compiled() -> Vec<Self> {
        let mut all = vec![Self::Cpu];
        if cfg!(feature = "flex") {
            all.push(Self::Flex);
        }
        if cfg!(feature = "ndarray") {
            all.push(Self::NdArray);
        }
        if cfg!(feature = "wgpu") {
            all.push(Self::Wgpu(None));
        }
        if cfg!(feature = "cuda") {
            all.push(Self::Cuda(0));
        }
        all
    }
}

impl fmt::Display for Device {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Cpu => write!(f, "cpu"),
            Self::Flex => write!(f, "flex"),
            Self::NdArray => write!(f, "ndarray"),
            Self::Wgpu(None) => write!(f, "wgpu"),
            Self::Wgpu(Some(index)) => write!(f, "wgpu:{index}"),
            Self::Cuda(index) => write!(f, "cuda:{index}"),
        }
    }
}

impl FromStr for Device {
    type Err = DeviceError;

    fn from_str(text: &str) -> Result<Self, DeviceError> {
        let unknown = || DeviceError::Unknown { found: text.to_owned() };
        let (name, index) = match text.split_once(':') {
            Some((name, index)) => (name, Some(index.parse::<usize>().map_err(|_| unknown())?)),
            None => (text, None),
        };
        match (name, index) {
            ("cpu", None) => Ok(Self::Cpu),
            ("flex", None) => Ok(Self::Flex),
            ("ndarray", None) => Ok(Self::NdArray),
            ("wgpu", index) => Ok(Self::Wgpu(index)),
            ("cuda", index) => Ok(Self::Cuda(index.unwrap_or(0))),
            _ => Err(unknown()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn device_names_parse_to_the_device_they_print() {
        for name in ["cpu", "flex", "ndarray", "wgpu", "wgpu:1", "cuda:0"] {
            assert_eq!(name.parse::<Device>().unwrap().to_string(), name);
        }
        assert_eq!("cuda".parse(), Ok(Device::Cuda(0)));
        for name in ["", "gpu", "cpu:1", "wgpu:", "wgpu:x", "cuda:-1"] {
            assert!(name.parse::<Device>().is_err(), "{name}");
        }
    }
}
