//! The list of globals that a pickle may name.

use crate::dtype::{DType, Naming};

/// Library whose globals a pickle may name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Dialect {
    /// numpy: arrays, scalars, and Python's own containers.
    Numpy,
    /// torch: tensors and their storages, in addition to all of [`Dialect::Numpy`].
    Torch,
}

/// A global on the list. It is never called; it determines how the arguments of a recorded call are read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Global {
    Dict,
    DefaultDict,
    List,
    Set,
    Bytearray,
    CodecsEncode,
    NumpyReconstruct,
    NumpyFromBuffer,
    NumpyArray,
    NumpyDtype,
    NumpyScalar,
    RebuildTensor,
    RebuildTensorV3,
    RebuildParameter,
    RebuildFromType,
    TensorClass,
    TensorSize,
    Device,
    Storage(DType),
    UntypedStorage,
    Dtype(DType),
}

impl Global {
    /// Looks up `module.name` in the dialect's list.
    pub(crate) fn find(dialect: Dialect, module: &str, name: &str) -> Option<Self> {
        Some(match (module, name) {
            ("numpy.core.multiarray" | "numpy._core.multiarray", "_reconstruct") => Self::NumpyReconstruct,
            ("numpy.core.multiarray" | "numpy._core.multiarray", "scalar") => Self::NumpyScalar,
            ("numpy.core.numeric" | "numpy._core.numeric", "_frombuffer") => Self::NumpyFromBuffer,
            ("numpy", "ndarray") => Self::NumpyArray,
            ("numpy", "dtype") => Self::NumpyDtype,
            ("_codecs", "encode") => Self::CodecsEncode,
            ("collections", "OrderedDict" | "Counter") => Self::Dict,
            ("collections", "defaultdict") => Self::DefaultDict,
            // Protocol 2 writes the module's name in Python 2.
            ("builtins" | "__builtin__", "dict") => Self::Dict,
            ("builtins" | "__builtin__", "list") => Self::List,
            ("builtins" | "__builtin__", "set" | "frozenset") => Self::Set,
            ("builtins" | "__builtin__", "bytearray" | "bytes") => Self::Bytearray,
            _ if dialect == Dialect::Torch => return Self::find_torch(module, name),
            _ => return None,
        })
    }

    fn find_torch(module: &str, name: &str) -> Option<Self> {
        Some(match (module, name) {
            ("torch._utils", "_rebuild_tensor_v2") => Self::RebuildTensor,
            ("torch._utils", "_rebuild_tensor_v3") => Self::RebuildTensorV3,
            ("torch._utils", "_rebuild_parameter" | "_rebuild_parameter_with_state") => {
                Self::RebuildParameter
            }
            ("torch._tensor", "_rebuild_from_type_v2") => Self::RebuildFromType,
            ("torch", "Tensor") | ("torch.nn.parameter", "Parameter") => Self::TensorClass,
            ("torch", "Size") => Self::TensorSize,
            ("torch", "device") => Self::Device,
            ("torch.storage" | "torch", "UntypedStorage") => Self::UntypedStorage,
            ("torch", name) => {
                let stem = name.strip_suffix("Storage");
                let storage =
                    stem.and_then(|stem| DType::find(Naming::TorchStorage, stem)).map(Self::Storage);
                return storage.or_else(|| DType::find(Naming::Torch, name).map(Self::Dtype));
            }
            _ => return None,
        })
    }

    /// Name for messages.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Dict => "dict",
            Self::DefaultDict => "collections.defaultdict",
            Self::List => "list",
            Self::Set => "set",
            Self::Bytearray => "bytearray",
            Self::CodecsEncode => "_codecs.encode",
            Self::NumpyReconstruct => "numpy.core.multiarray._reconstruct",
            Self::NumpyFromBuffer => "numpy.core.numeric._frombuffer",
            Self::NumpyArray => "numpy.ndarray",
            Self::NumpyDtype => "numpy.dtype",
            Self::NumpyScalar => "numpy.core.multiarray.scalar",
            Self::RebuildTensor => "torch._utils._rebuild_tensor_v2",
            Self::RebuildTensorV3 => "torch._utils._rebuild_tensor_v3",
            Self::RebuildParameter => "torch._utils._rebuild_parameter",
            Self::RebuildFromType => "torch._tensor._rebuild_from_type_v2",
            Self::TensorClass => "torch.Tensor",
            Self::TensorSize => "torch.Size",
            Self::Device => "torch.device",
            Self::Storage(_) | Self::UntypedStorage => "a torch storage",
            Self::Dtype(_) => "a torch dtype",
        }
    }
}
