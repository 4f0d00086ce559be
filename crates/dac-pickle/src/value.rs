//! What a pickle comes to: plain data.

use std::sync::Arc;

use crate::numpy::NdArray;
use crate::torch::TensorRef;

/// A value read from a pickle: a finite tree, cheap to clone where it holds bytes or text.
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
    /// Text.
    Str(Arc<str>),
    /// `bytes` or `bytearray`.
    Bytes(Arc<[u8]>),
    /// A list or a set.
    List(Vec<Value>),
    /// A tuple; also `torch.Size`.
    Tuple(Vec<Value>),
    /// A dict of any kind, in the file's order.
    Dict(Vec<(Value, Value)>),
    /// A numpy array.
    Array(NdArray),
    /// A torch tensor, whose elements are still in the file.
    Tensor(TensorRef),
    /// Something known to be harmless but of no use here (a torch dtype, a device), by its name.
    Opaque(&'static str),
}

impl Value {
    /// The boolean, if it is one.
    pub fn as_bool(&self) -> Option<bool> {
        if let Self::Bool(value) = self { Some(*value) } else { None }
    }

    /// The integer, if it is one. A boolean is not.
    pub fn as_i64(&self) -> Option<i64> {
        if let Self::Int(value) = self { Some(*value) } else { None }
    }

    /// The integer as a size, if it is one and not negative.
    pub fn as_usize(&self) -> Option<usize> {
        self.as_i64().and_then(|value| value.try_into().ok())
    }

    /// The number as a float, if it is an integer or a float.
    pub fn as_f64(&self) -> Option<f64> {
        match self {
            Self::Int(value) => Some(*value as f64),
            Self::Float(value) => Some(*value),
            _ => None,
        }
    }

    /// The text, if it is text.
    pub fn as_str(&self) -> Option<&str> {
        if let Self::Str(value) = self { Some(value) } else { None }
    }

    /// The bytes, if they are bytes.
    pub fn as_bytes(&self) -> Option<&[u8]> {
        if let Self::Bytes(value) = self { Some(value) } else { None }
    }

    /// The items of a list or tuple.
    pub fn as_items(&self) -> Option<&[Value]> {
        if let Self::List(items) | Self::Tuple(items) = self { Some(items) } else { None }
    }

    /// The pairs of a dict, in the file's order.
    pub fn as_dict(&self) -> Option<&[(Value, Value)]> {
        if let Self::Dict(pairs) = self { Some(pairs) } else { None }
    }

    /// The tensor, if it is one.
    pub fn as_tensor(&self) -> Option<&TensorRef> {
        if let Self::Tensor(tensor) = self { Some(tensor) } else { None }
    }

    /// The numpy array, if it is one.
    pub fn as_array(&self) -> Option<&NdArray> {
        if let Self::Array(array) = self { Some(array) } else { None }
    }

    /// The value under a text key of a dict; the last one, should the file repeat a key.
    pub fn get(&self, key: &str) -> Option<&Value> {
        self.as_dict()?.iter().rev().find(|(k, _)| k.as_str() == Some(key)).map(|(_, value)| value)
    }

    /// What kind of value it is, for messages.
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
