//! Value of a pickle: a tree of plain data.

pub(crate) mod array;
mod tensor_ref;

use std::sync::Arc;

use array::NdArray;
pub use tensor_ref::TensorRef;

/// A value read from a pickle: a finite tree. Texts and bytes are shared between clones.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub enum Value {
    /// `None`.
    None,
    /// `True` or `False`; also a numpy boolean.
    Bool(bool),
    /// An integer of at most 64 bits; also a numpy integer.
    Int(i64),
    /// A float; also a numpy float.
    Float(f64),
    /// `str`.
    Str(Arc<str>),
    /// `bytes` or `bytearray`.
    Bytes(Arc<[u8]>),
    /// `list` or `set`.
    List(Vec<Value>),
    /// `tuple`; also `torch.Size`.
    Tuple(Vec<Value>),
    /// `dict`, `OrderedDict` or `defaultdict`, in the file's order.
    Dict(Vec<(Value, Value)>),
    /// A numpy array.
    Array(NdArray),
    /// A torch tensor, whose elements are still in the file.
    Tensor(TensorRef),
    /// Description of an accepted object without a value of its own, such as a torch dtype or device.
    Opaque(&'static str),
}

impl Value {
    /// Value of a boolean.
    pub fn as_bool(&self) -> Option<bool> {
        if let Self::Bool(value) = self { Some(*value) } else { None }
    }

    /// Value of an integer; `None` for a boolean.
    pub fn as_i64(&self) -> Option<i64> {
        if let Self::Int(value) = self { Some(*value) } else { None }
    }

    /// Value of an integer that is not negative.
    pub fn as_usize(&self) -> Option<usize> {
        self.as_i64().and_then(|value| value.try_into().ok())
    }

    /// Value of an integer or a float.
    pub fn as_f64(&self) -> Option<f64> {
        match self {
            Self::Int(value) => Some(*value as f64),
            Self::Float(value) => Some(*value),
            _ => None,
        }
    }

    /// Characters of a text.
    pub fn as_str(&self) -> Option<&str> {
        if let Self::Str(value) = self { Some(value) } else { None }
    }

    /// Content of a byte string.
    pub fn as_bytes(&self) -> Option<&[u8]> {
        if let Self::Bytes(value) = self { Some(value) } else { None }
    }

    /// Items of a list or a tuple.
    pub fn as_items(&self) -> Option<&[Value]> {
        if let Self::List(items) | Self::Tuple(items) = self { Some(items) } else { None }
    }

    /// Pairs of a dict, in the file's order.
    pub fn as_dict(&self) -> Option<&[(Value, Value)]> {
        if let Self::Dict(pairs) = self { Some(pairs) } else { None }
    }

    /// Reference to a tensor.
    pub fn as_tensor(&self) -> Option<&TensorRef> {
        if let Self::Tensor(tensor) = self { Some(tensor) } else { None }
    }

    /// Content of a numpy array.
    pub fn as_array(&self) -> Option<&NdArray> {
        if let Self::Array(array) = self { Some(array) } else { None }
    }

    /// Looks up a text key in a dict; if the file repeats the key, its last value counts.
    pub fn get(&self, key: &str) -> Option<&Value> {
        self.as_dict()?.iter().rev().find(|(k, _)| k.as_str() == Some(key)).map(|(_, value)| value)
    }

    /// Kind of the value, for messages.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::None => "None",
            Self::Bool(_) => "a boolean",
            Self::Int(_) => "an integer",
            Self::Float(_) => "a float",
            Self::Str(_) => "text",
            Self::Bytes(_) => "bytes",
            Self::List(_) => "a list",
            Self::Tuple(_) => "a tuple",
            Self::Dict(_) => "a dict",
            Self::Array(_) => "a numpy array",
            Self::Tensor(_) => "a tensor",
            Self::Opaque(name) => name,
        }
    }
}
