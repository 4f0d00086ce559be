//! Conversion of the virtual machine's heap to a [`Value`], with circles and excessive sharing detected.

mod numpy;
mod torch;

use std::sync::Arc;

use crate::error::PickleError;
use crate::globals::Global;
use crate::limits::{Limits, MAX_AXES};
use crate::value::Value;
use crate::vm::{Call, Heap, Id, Node};

/// Limits on the tree per byte of the pickle. Regular files share few values and bytes; without these limits
/// a few hundred bytes of lists within lists would expand to hundreds of megabytes.
const MAX_ITEMS_PER_BYTE: usize = 8;
const MAX_BYTES_PER_BYTE: usize = 4;

/// Converts the heap's root to a tree.
pub(crate) fn resolve(heap: &Heap, limits: &Limits) -> Result<Value, PickleError> {
    let mut resolver = Resolver { heap, limits, items: 0, bytes: 0 };
    resolver.argument(heap.root, 0)
}

pub(crate) struct Resolver<'a> {
    heap: &'a Heap,
    limits: &'a Limits,
    /// Values and axes of shapes counted so far.
    items: usize,
    /// Bytes created so far that are not in the file as such.
    bytes: usize,
}

/// A recorded call of a global, at a depth of the tree.
pub(crate) struct CallView<'a> {
    pub(crate) global: Global,
    pub(crate) call: &'a Call,
    pub(crate) args: &'a [Id],
    pub(crate) depth: usize,
}

impl CallView<'_> {
    /// Error that refuses the call.
    pub(crate) fn refuse(&self, reason: &'static str) -> PickleError {
        PickleError::CallRefused { global: self.global.name(), offset: self.call.offset, reason }
    }

    /// Argument at `index`.
    pub(crate) fn arg(&self, index: usize) -> Result<Id, PickleError> {
        self.args.get(index).copied().ok_or_else(|| self.refuse("an argument is missing"))
    }
}

impl<'a> Resolver<'a> {
    pub(crate) fn node(&self, id: Id) -> &'a Node {
        self.heap.nodes.get(id as usize).unwrap_or(&Node::None)
    }

    /// Items of a node that is a tuple.
    pub(crate) fn tuple(&self, id: Id) -> Option<&'a [Id]> {
        if let Node::Tuple(items) = self.node(id) { Some(items) } else { None }
    }

    /// View of a node that is a call.
    pub(crate) fn call(&self, id: Id, depth: usize) -> Option<CallView<'a>> {
        let Node::Call(call) = self.node(id) else { return None };
        let Node::Global(global) = self.node(call.callee) else { return None };
        Some(CallView { global: *global, call, args: self.tuple(call.args)?, depth })
    }

    /// Reads a tuple of lengths, which is the shape or the strides of an array.
    pub(crate) fn lengths(&mut self, call: &CallView<'_>, id: Id) -> Result<Vec<usize>, PickleError> {
        let ids = self.tuple(id).ok_or_else(|| call.refuse("a shape is not a tuple"))?;
        if ids.len() > MAX_AXES {
            return Err(call.refuse("a shape has too many axes"));
        }
        self.count_items(ids.len())?;
        let length = |&id: &Id| match self.node(id) {
            Node::Int(length) => usize::try_from(*length).ok(),
            _ => None,
        };
        ids.iter().map(length).collect::<Option<_>>().ok_or_else(|| call.refuse("an axis is not a length"))
    }

    /// Counts values, or axes of a shape, before memory is allocated for them.
    fn count_items(&mut self, items: usize) -> Result<(), PickleError> {
        self.items = self.items.saturating_add(items);
        let limit = self.limits.max_items.min(self.heap.consumed.saturating_mul(MAX_ITEMS_PER_BYTE));
        self.check_limit("values in the tree", self.items, limit)
    }

    /// Counts bytes that are created here and are not in the file.
    fn count_bytes(&mut self, bytes: usize) -> Result<(), PickleError> {
        self.bytes = self.bytes.saturating_add(bytes);
        let limit = self.limits.max_bytes.min(self.heap.consumed.saturating_mul(MAX_BYTES_PER_BYTE));
        self.check_limit("bytes created by calls", self.bytes, limit)
    }

    fn check_limit(&self, what: &'static str, found: usize, limit: usize) -> Result<(), PickleError> {
        let error = PickleError::Limit { what, limit, offset: self.heap.consumed };
        if found > limit { Err(error) } else { Ok(()) }
    }

    /// Counts and converts a single value, which is not an item of a container.
    fn argument(&mut self, id: Id, depth: usize) -> Result<Value, PickleError> {
        self.count_items(1)?;
        self.value(id, depth)
    }

    /// Converts a value that is already counted.
    fn value(&mut self, id: Id, depth: usize) -> Result<Value, PickleError> {
        let levels = "levels of nesting (or a value contains itself)";
        self.check_limit(levels, depth, self.limits.max_depth)?;
        Ok(match self.node(id) {
            Node::None => Value::None,
            Node::Bool(value) => Value::Bool(*value),
            Node::Int(value) => Value::Int(*value),
            Node::Float(value) => Value::Float(*value),
            Node::Str(value) => Value::Str(value.clone()),
            Node::Bytes(value) => Value::Bytes(value.clone()),
            Node::List(items) => Value::List(self.values(items, depth)?),
            Node::Tuple(items) => Value::Tuple(self.values(items, depth)?),
            Node::Dict(pairs) => Value::Dict(self.pairs(pairs, depth)?),
            Node::Global(global) => Value::Opaque(global.name()),
            Node::Persistent(_) => Value::Opaque("a torch storage"),
            Node::Call(_) => {
                let (offset, reason) = (self.heap.consumed, "a call without global or arguments");
                let call = self.call(id, depth).ok_or(PickleError::Malformed { offset, reason })?;
                self.eval_call(call)?
            }
        })
    }

    /// Counts and converts the items of a container at `depth`.
    pub(crate) fn values(&mut self, ids: &[Id], depth: usize) -> Result<Vec<Value>, PickleError> {
        self.count_items(ids.len())?;
        // Collecting results would allocate room for four values where there is one.
        let mut values = Vec::with_capacity(ids.len());
        for &id in ids {
            values.push(self.value(id, depth + 1)?);
        }
        Ok(values)
    }

    fn pairs(&mut self, pairs: &[(Id, Id)], depth: usize) -> Result<Vec<(Value, Value)>, PickleError> {
        self.count_items(pairs.len().saturating_mul(2))?;
        let mut values = Vec::with_capacity(pairs.len());
        for &(key, value) in pairs {
            values.push((self.value(key, depth + 1)?, self.value(value, depth + 1)?));
        }
        Ok(values)
    }

    /// Converts a call to the value that Python would get from it.
    fn eval_call(&mut self, call: CallView<'a>) -> Result<Value, PickleError> {
        match call.global {
            Global::Dict | Global::DefaultDict => self.dict(&call).map(Value::Dict),
            Global::List | Global::Set => {
                let first = call.args.first().map(|&first| self.items_of(&call, first));
                let mut items = first.transpose()?.unwrap_or_default();
                items.extend(self.values(&call.call.appended, call.depth)?);
                Ok(Value::List(items))
            }
            Global::Bytearray => self.bytearray(&call).map(Value::Bytes),
            Global::CodecsEncode => self.latin1(&call).map(Value::Bytes),
            Global::NumpyReconstruct => numpy::reconstruct(self, &call).map(Value::Array),
            Global::NumpyFromBuffer => numpy::from_buffer(self, &call).map(Value::Array),
            Global::NumpyScalar => numpy::scalar(self, &call),
            Global::NumpyDtype => Ok(Value::Opaque("a numpy dtype")),
            Global::RebuildTensor
            | Global::RebuildTensorV3
            | Global::RebuildParameter
            | Global::RebuildFromType => torch::tensor(self, &call).map(Value::Tensor),
            Global::TensorSize => self.items_of(&call, call.arg(0)?).map(Value::Tuple),
            Global::Device => Ok(Value::Opaque("a torch device")),
            Global::NumpyArray
            | Global::TensorClass
            | Global::Storage(_)
            | Global::UntypedStorage
            | Global::Dtype(_) => Err(call.refuse("it is never called in a regular file")),
        }
    }

    /// Pairs of a dict. Old picklers pass an OrderedDict's pairs as an argument, others set them afterwards;
    /// the argument of a defaultdict makes its default values.
    fn dict(&mut self, call: &CallView<'_>) -> Result<Vec<(Value, Value)>, PickleError> {
        let mut pairs = Vec::new();
        if let (Global::Dict, Some(&first)) = (call.global, call.args.first()) {
            match self.argument(first, call.depth + 1)? {
                Value::Dict(given) => pairs = given,
                Value::List(items) => {
                    for item in items {
                        let pair = match item {
                            Value::List(pair) | Value::Tuple(pair) => <[Value; 2]>::try_from(pair).ok(),
                            _ => None,
                        };
                        pairs.push(pair.ok_or_else(|| call.refuse("an item is not a pair"))?.into());
                    }
                }
                _ => return Err(call.refuse("its argument is neither a dict nor a list")),
            }
        }
        pairs.extend(self.pairs(&call.call.items, call.depth)?);
        Ok(pairs)
    }

    /// Items of an argument that is a list or a tuple.
    fn items_of(&mut self, call: &CallView<'_>, id: Id) -> Result<Vec<Value>, PickleError> {
        match self.argument(id, call.depth + 1)? {
            Value::List(items) | Value::Tuple(items) => Ok(items),
            _ => Err(call.refuse("its argument is neither a list nor a tuple")),
        }
    }

    /// Bytes, stored as such or as text through `_codecs.encode` as in protocol 2.
    pub(crate) fn bytes(&mut self, id: Id, depth: usize) -> Result<Arc<[u8]>, PickleError> {
        self.count_items(1)?;
        if let Node::Bytes(bytes) = self.node(id) {
            return Ok(bytes.clone());
        }
        match self.call(id, depth) {
            Some(call) if call.global == Global::CodecsEncode => self.latin1(&call),
            Some(call) if call.global == Global::Bytearray => self.bytearray(&call),
            _ => Err(PickleError::Malformed { offset: self.heap.consumed, reason: "expected bytes" }),
        }
    }

    fn bytearray(&mut self, call: &CallView<'_>) -> Result<Arc<[u8]>, PickleError> {
        match call.args {
            [] => Ok(Arc::new([])),
            [_] if call.depth > self.limits.max_depth => Err(call.refuse("it is nested too deeply")),
            [bytes] => self.bytes(*bytes, call.depth + 1),
            _ => self.latin1(call),
        }
    }

    /// Bytes of a text encoded as Latin-1.
    fn latin1(&mut self, call: &CallView<'_>) -> Result<Arc<[u8]>, PickleError> {
        let (text, encoding) = (call.arg(0)?, call.arg(1)?);
        let (Node::Str(text), Node::Str(encoding)) = (self.node(text), self.node(encoding)) else {
            return Err(call.refuse("its arguments are not texts"));
        };
        if !matches!(&**encoding, "latin1" | "latin-1") {
            return Err(call.refuse("its encoding is not latin1"));
        }
        self.count_bytes(text.len())?;
        let narrow = text.chars().map(u8::try_from).collect::<Result<Vec<u8>, _>>();
        narrow.map(Arc::from).map_err(|_| call.refuse("a character is above 255"))
    }
}
