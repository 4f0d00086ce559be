//! The list of globals that a pickle may name.

use crate::dtype::DType;

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
        let found = match module {
            "numpy.core.multiarray" | "numpy._core.multiarray" => match name {
                "_reconstruct" => Self::NumpyReconstruct,
                "scalar" => Self::NumpyScalar,
                _ => return None,
            },
            "numpy.core.numeric" | "numpy._core.numeric" if name == "_frombuffer" => Self::NumpyFromBuffer,
            "numpy" => match name {
                "ndarray" => Self::NumpyArray,
                "dtype" => Self::NumpyDtype,
                _ => return None,
            },
            "_codecs" if name == "encode" => Self::CodecsEncode,
            "collections" => match name {
                "OrderedDict" | "Counter" => Self::Dict,
                "defaultdict" => Self::DefaultDict,
                _ => return None,
            },
            // Protocol 2 writes the module's name in Python 2.
            "builtins" | "__builtin__" => match name {
                "dict" => Self::Dict,
                "list" => Self::List,
                "set" | "frozenset" => Self::Set,
                "bytearray" | "bytes" => Self::Bytearray,
                _ => return None,
            },
            _ if dialect == Dialect::Torch => return Self::find_torch(module, name),
            _ => return None,
        };
        Some(found)
    }

    fn find_torch(module: &str, name: &str) -> Option<Self> {
        let found = match (module, name) {
            ("torch._utils", "_rebuild_tensor_v2") => Self::RebuildTensor,
            ("torch._utils", "_rebuild_tensor_v3") => Self::RebuildTensorV3,
            ("torch._utils", "_rebuild_parameter" | "_rebuild_parameter_with_state") => {
                Self::RebuildParameter
            }
            ("torch._tensor", "_rebuild_from_type_v2") => Self::RebuildFromType,
            ("torch", "Tensor") | ("torch.nn.parameter", "Parameter") => Self::TensorClass,
            ("torch", "Size") => Self::TensorSize,
            ("torch", "device") => Self::Device,
            ("torch.storage", "UntypedStorage") | ("torch", "UntypedStorage") => Self::UntypedStorage,
            ("torch", name) => {
                let storage = name.strip_suffix("Storage").and_then(|stem| {
                    STORAGES.iter().find(|(n, _)| *n == stem).map(|(_, dtype)| Self::Storage(*dtype))
                });
                return storage.or_else(|| {
                    DTYPES.iter().find(|(n, _)| *n == name).map(|(_, dtype)| Self::Dtype(*dtype))
                });
            }
            _ => return None,
        };
        Some(found)
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

/// Prefix of the name of torch's storage class for an element type; `None` for types without one.
pub(crate) fn storage_name(dtype: DType) -> Option<&'static str> {
    STORAGES.iter().find(|(_, stored)| *stored == dtype).map(|(name, _)| *name)
}

const STORAGES: &[(&str, DType)] = &[
    ("Double", DType::F64),
    ("Float", DType::F32),
    ("Half", DType::F16),
    ("BFloat16", DType::BF16),
    ("Long", DType::I64),
    ("Int", DType::I32),
    ("Short", DType::I16),
    ("Char", DType::I8),
    ("Byte", DType::U8),
    ("Bool", DType::Bool),
];

const DTYPES: &[(&str, DType)] = &[
    ("float64", DType::F64),
    ("float32", DType::F32),
    ("float16", DType::F16),
    ("bfloat16", DType::BF16),
    ("int64", DType::I64),
    ("int32", DType::I32),
    ("int16", DType::I16),
    ("int8", DType::I8),
    ("uint64", DType::U64),
    ("uint32", DType::U32),
    ("uint16", DType::U16),
    ("uint8", DType::U8),
    ("bool", DType::Bool),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn globals_outside_the_list_are_not_found() {
        for (module, name) in [("os", "system"), ("builtins", "eval"), ("torch", "load"), ("numpy", "load")] {
            assert_eq!(Global::find(Dialect::Torch, module, name), None, "{module}.{name}");
        }
        assert_eq!(Global::find(Dialect::Numpy, "torch", "FloatStorage"), None);
        assert_eq!(Global::find(Dialect::Torch, "torch", "FloatStorage"), Some(Global::Storage(DType::F32)));
    }
}
