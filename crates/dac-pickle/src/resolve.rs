//! From the machine's heap to a [`Value`]: circles and blow-ups are found, calls are read as data.

use std::sync::Arc;

use crate::error::PickleError;
use crate::globals::Global;
use crate::limits::Limits;
use crate::machine::{Call, Heap, Id, Node};
use crate::value::Value;
use crate::{numpy, torch};

/// Honest files share few values and bytes; without these bounds a few hundred bytes of lists within lists would come to
/// hundreds of megabytes.
const MAX_ITEMS_A_BYTE: usize = 8;
const MAX_BYTES_A_BYTE: usize = 4;

/// The tree under the heap's root.
pub(crate) fn resolve(heap: &Heap, limits: &Limits) -> Result<Value, PickleError> {
    let mut resolver = Resolver { heap, limits, items: 0, bytes: 0 };
    resolver.argument(heap.root, 0)
}

pub(crate) struct Resolver<'a> {
    heap: &'a Heap,
    limits: &'a Limits,
    items: usize,
    bytes: usize,
}

/// A call under work: its parts and how to complain about it.
pub(crate) struct CallView<'a> {
    pub(crate) global: Global,
    pub(crate) call: &'a Call,
    pub(crate) args: &'a [Id],
    pub(crate) depth: usize,
}

impl CallView<'_> {
    pub(crate) fn refuse(&self, reason: &'static str) -> PickleError {
        PickleError::CallRefused { global: self.global.name(), offset: self.call.offset, reason }
    }

    /// The argument at `index`.
    pub(crate) fn arg(&self, index: usize) -> Result<Id, PickleError> {
        self.args.get(index).copied().ok_or_else(|| self.refuse("an argument is missing"))
    }
}

impl<'a> Resolver<'a> {
    pub(crate) fn node(&self, id: Id) -> &'a Node {
        self.heap.nodes.get(id as usize).unwrap_or(&Node::None)
    }

    /// The ids in a tuple, if the node is one.
    pub(crate) fn tuple(&self, id: Id) -> Option<&'a [Id]> {
        if let Node::Tuple(items) = self.node(id) { Some(items) } else { None }
    }

    /// The call behind a node, if it is one.
    pub(crate) fn call(&self, id: Id, depth: usize) -> Option<CallView<'a>> {
        let Node::Call(call) = self.node(id) else { return None };
        let Node::Global(global) = self.node(call.callee) else { return None };
        Some(CallView { global: *global, call, args: self.tuple(call.args)?, depth })
    }

    /// Counts values, or axes of a shape, before memory is taken for them.
    pub(crate) fn count(&mut self, items: usize) -> Result<(), PickleError> {
        self.items = self.items.saturating_add(items);
        let limit = self.limits.max_items.min(self.heap.consumed.saturating_mul(MAX_ITEMS_A_BYTE));
        if self.items > limit {
            let what = "values after sharing is undone";
            return Err(PickleError::Limit { what, limit, offset: self.heap.consumed });
        }
        Ok(())
    }

    /// Counts bytes that are made here and are not in the file.
    fn count_bytes(&mut self, bytes: usize) -> Result<(), PickleError> {
        self.bytes = self.bytes.saturating_add(bytes);
        let limit = self.limits.max_bytes.min(self.heap.consumed.saturating_mul(MAX_BYTES_A_BYTE));
        if self.bytes > limit {
            return Err(PickleError::Limit {
                what: "bytes made by calls",
                limit,
                offset: self.heap.consumed,
            });
        }
        Ok(())
    }

    /// A value that stands alone.
    fn argument(&mut self, id: Id, depth: usize) -> Result<Value, PickleError> {
        self.count(1)?;
        self.value(id, depth)
    }

    /// A value that is counted already.
    fn value(&mut self, id: Id, depth: usize) -> Result<Value, PickleError> {
        if depth > self.limits.max_depth {
            let (what, limit) = ("levels of nesting (or a value holds itself)", self.limits.max_depth);
            return Err(PickleError::Limit { what, limit, offset: self.heap.consumed });
        }
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
            Node::Global(Global::Dtype(_)) => Value::Opaque("a torch dtype"),
            Node::Global(global) => Value::Opaque(global.name()),
            Node::Persistent(_) => Value::Opaque("a torch storage"),
            Node::Call(_) => {
                let call = self.call(id, depth);
                let malformed =
                    PickleError::Malformed { offset: self.heap.consumed, reason: "a broken call" };
                self.made(call.ok_or(malformed)?)?
            }
        })
    }

    pub(crate) fn values(&mut self, ids: &[Id], depth: usize) -> Result<Vec<Value>, PickleError> {
        self.count(ids.len())?;
        // Collecting results would take room for four where there is one.
        let mut values = Vec::with_capacity(ids.len());
        for &id in ids {
            values.push(self.value(id, depth + 1)?);
        }
        Ok(values)
    }

    fn pairs(&mut self, pairs: &[(Id, Id)], depth: usize) -> Result<Vec<(Value, Value)>, PickleError> {
        self.count(pairs.len().saturating_mul(2))?;
        let mut values = Vec::with_capacity(pairs.len());
        for &(key, value) in pairs {
            values.push((self.value(key, depth + 1)?, self.value(value, depth + 1)?));
        }
        Ok(values)
    }

    fn made(&mut self, call: CallView<'a>) -> Result<Value, PickleError> {
        let depth = call.depth;
        match call.global {
            Global::Dict | Global::DefaultDict => {
                // OrderedDict of old picklers: a list of pairs as the argument.
                let first = if call.global == Global::Dict { call.args.first() } else { None };
                let mut pairs = Vec::new();
                if let Some(&first) = first {
                    match self.argument(first, depth + 1)? {
                        Value::Dict(given) => pairs = given,
                        Value::List(items) => {
                            for item in items {
                                let (Value::List(pair) | Value::Tuple(pair)) = item else {
                                    return Err(call.refuse("an item is no pair"));
                                };
                                let pair = <[Value; 2]>::try_from(pair);
                                let [key, value] = pair.map_err(|_| call.refuse("an item is no pair"))?;
                                pairs.push((key, value));
                            }
                        }
                        _ => return Err(call.refuse("its argument is neither dict nor list")),
                    }
                }
                pairs.extend(self.pairs(&call.call.items, depth)?);
                Ok(Value::Dict(pairs))
            }
            Global::List | Global::Set => {
                let mut items = match call.args.first() {
                    Some(&first) => match self.argument(first, depth + 1)? {
                        Value::List(items) | Value::Tuple(items) => items,
                        _ => return Err(call.refuse("its argument is no list")),
                    },
                    None => Vec::new(),
                };
                items.extend(self.values(&call.call.appended, depth)?);
                Ok(Value::List(items))
            }
            Global::Bytearray => self.bytearray(&call).map(Value::Bytes),
            Global::CodecsEncode => self.latin1(&call).map(Value::Bytes),
            Global::NumpyReconstruct => numpy::resolve::reconstruct(self, &call).map(Value::Array),
            Global::NumpyFromBuffer => numpy::resolve::from_buffer(self, &call).map(Value::Array),
            Global::NumpyScalar => numpy::resolve::scalar(self, &call),
            Global::NumpyDtype => Ok(Value::Opaque("a numpy dtype")),
            Global::RebuildTensor
            | Global::RebuildTensorV3
            | Global::RebuildParameter
            | Global::RebuildFromType => torch::resolve::tensor(self, &call).map(Value::Tensor),
            Global::TensorSize => {
                let first = call.arg(0)?;
                match self.argument(first, depth + 1)? {
                    Value::Tuple(items) | Value::List(items) => Ok(Value::Tuple(items)),
                    _ => Err(call.refuse("its argument is no tuple")),
                }
            }
            Global::Device => Ok(Value::Opaque("a torch device")),
            Global::NumpyArray
            | Global::TensorClass
            | Global::Storage(_)
            | Global::UntypedStorage
            | Global::Dtype(_) => Err(call.refuse("it is never called in such files")),
        }
    }

    /// Bytes, whether stored as such or as text through `_codecs.encode` as protocol 2 does.
    pub(crate) fn bytes(&mut self, id: Id, depth: usize) -> Result<Arc<[u8]>, PickleError> {
        self.count(1)?;
        if let Node::Bytes(bytes) = self.node(id) {
            return Ok(bytes.clone());
        }
        match self.call(id, depth) {
            Some(call) if call.global == Global::CodecsEncode => self.latin1(&call),
            Some(call) if call.global == Global::Bytearray => self.bytearray(&call),
            _ => Err(PickleError::Malformed { offset: self.heap.consumed, reason: "bytes expected" }),
        }
    }

    fn bytearray(&mut self, call: &CallView<'_>) -> Result<Arc<[u8]>, PickleError> {
        match call.args {
            [] => Ok(Arc::new([])),
            [_] if call.depth > self.limits.max_depth => Err(call.refuse("it is nested too deep")),
            [bytes] => self.bytes(*bytes, call.depth + 1),
            _ => self.latin1(call),
        }
    }

    fn latin1(&mut self, call: &CallView<'_>) -> Result<Arc<[u8]>, PickleError> {
        let (text, encoding) = (call.arg(0)?, call.arg(1)?);
        let (Node::Str(text), Node::Str(encoding)) = (self.node(text), self.node(encoding)) else {
            return Err(call.refuse("its arguments are no text"));
        };
        if !matches!(&**encoding, "latin1" | "latin-1") {
            return Err(call.refuse("its encoding is not latin1"));
        }
        self.count_bytes(text.len())?;
        let narrow = text.chars().map(u8::try_from).collect::<Result<Vec<u8>, _>>();
        narrow.map(Arc::from).map_err(|_| call.refuse("a character past 255"))
    }
}
