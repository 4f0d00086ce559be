//! The device a network runs on, and its name on the command line.

use std::fmt;
use std::str::FromStr;

use dac_kernels::UnknownName;
use thiserror::Error;

/// A device missing from this build or machine.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum DeviceError {
    /// This build lacks the device's backend.
    #[error("device '{device}' is not part of this build; rebuild with the feature '{feature}'")]
    NotCompiled {
        /// Requested device.
        device: Device,
        /// Cargo feature that enables the backend.
        feature: &'static str,
    },
    /// The machine has no such device.
    #[error("device '{device}' was not found: {reason}")]
    NotFound {
        /// Requested device.
        device: Device,
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
    /// An NVIDIA GPU through CUDA (feature `cuda`), by index.
    Cuda(usize),
}

impl Device {
    /// Lists one device per backend in this build, in the order of [`Device`].
    pub fn compiled() -> Vec<Self> {
        let all = [
            (Self::Cpu, true),
            (Self::Flex, cfg!(feature = "flex")),
            (Self::NdArray, cfg!(feature = "ndarray")),
            (Self::Wgpu(None), cfg!(feature = "wgpu")),
            (Self::Cuda(0), cfg!(feature = "cuda")),
        ];
        all.into_iter().filter(|(_, compiled)| *compiled).map(|(device, _)| device).collect()
    }

    /// Returns whether the device is a GPU.
    pub fn is_gpu(self) -> bool {
        matches!(self, Self::Wgpu(_) | Self::Cuda(_))
    }

    /// Returns the error for a device whose backend is not in this build.
    pub fn not_compiled(self) -> DeviceError {
        DeviceError::NotCompiled { device: self, feature: self.backend() }
    }

    /// Name without the index; also the Cargo feature, except for `cpu`.
    fn backend(self) -> &'static str {
        match self {
            Self::Cpu => "cpu",
            Self::Flex => "flex",
            Self::NdArray => "ndarray",
            Self::Wgpu(_) => "wgpu",
            Self::Cuda(_) => "cuda",
        }
    }
}

impl fmt::Display for Device {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Wgpu(Some(index)) | Self::Cuda(index) => write!(f, "{}:{index}", self.backend()),
            _ => f.write_str(self.backend()),
        }
    }
}

impl FromStr for Device {
    type Err = UnknownName;

    fn from_str(text: &str) -> Result<Self, UnknownName> {
        let expected = "cpu, flex, ndarray, wgpu[:N] or cuda[:N]".to_owned();
        let unknown = UnknownName { what: "device", found: text.to_owned(), expected };
        let (name, index) = match text.split_once(':') {
            Some((name, index)) => match index.parse::<usize>() {
                Ok(index) => (name, Some(index)),
                Err(_) => return Err(unknown),
            },
            None => (text, None),
        };
        match (name, index) {
            ("cpu", None) => Ok(Self::Cpu),
            ("flex", None) => Ok(Self::Flex),
            ("ndarray", None) => Ok(Self::NdArray),
            ("wgpu", index) => Ok(Self::Wgpu(index)),
            ("cuda", index) => Ok(Self::Cuda(index.unwrap_or(0))),
            _ => Err(unknown),
        }
    }
}
