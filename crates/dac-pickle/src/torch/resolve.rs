//! torch's recorded calls, read as tensor references.

use std::sync::Arc;

use super::{MAX_AXES, TensorRef};
use crate::dtype::DType;
use crate::error::PickleError;
use crate::globals::Global;
use crate::machine::{Id, Node};
use crate::resolve::{CallView, Resolver};

/// Any of the calls that make a tensor.
pub(crate) fn tensor(from: &mut Resolver<'_>, call: &CallView<'_>) -> Result<TensorRef, PickleError> {
    match call.global {
        Global::RebuildTensor | Global::RebuildTensorV3 => rebuild(from, call, call.global, call.args),
        // (data, requires_grad, hooks[, state])
        Global::RebuildParameter => {
            let data = call.arg(0)?;
            let inner = from.call(data, call.depth + 1);
            match inner {
                Some(inner) if matches!(inner.global, Global::RebuildTensor | Global::RebuildTensorV3) => {
                    rebuild(from, &inner, inner.global, inner.args)
                }
                _ => Err(call.refuse("a parameter whose data is no tensor")),
            }
        }
        // (function, class, arguments, attributes): a tensor with attributes of its own.
        Global::RebuildFromType => {
            let (function, args) = (call.arg(0)?, call.arg(2)?);
            let args = from.tuple(args).ok_or_else(|| call.refuse("its arguments are no tuple"))?;
            match from.node(function) {
                Node::Global(function @ (Global::RebuildTensor | Global::RebuildTensorV3)) => {
                    rebuild(from, call, *function, args)
                }
                _ => Err(call.refuse("a function that makes no tensor")),
            }
        }
        _ => Err(call.refuse("it makes no tensor")),
    }
}

/// `_rebuild_tensor_v2(storage, offset, shape, strides, requires_grad, hooks)`; version 3 has the element type at 6.
fn rebuild(
    from: &mut Resolver<'_>,
    call: &CallView<'_>,
    function: Global,
    args: &[Id],
) -> Result<TensorRef, PickleError> {
    let &[storage, offset, shape, strides, ..] = args else {
        return Err(call.refuse("an argument is missing"));
    };
    let (class, key, storage_length) = read_storage(from, call, storage)?;
    let dtype = match (function, class) {
        (Global::RebuildTensor, Global::Storage(dtype)) => dtype,
        (Global::RebuildTensorV3, Global::UntypedStorage | Global::Storage(_)) => {
            let dtype = args.get(6).map(|&id| from.node(id));
            match dtype {
                Some(Node::Global(Global::Dtype(dtype))) => *dtype,
                _ => return Err(call.refuse("no element type of plain numbers")),
            }
        }
        _ => return Err(call.refuse("a storage without element type")),
    };
    let storage_element = if let Global::Storage(stored) = class { stored } else { DType::U8 };
    let storage_bytes = storage_length.checked_mul(storage_element.size() as u64);
    let storage_bytes = storage_bytes.ok_or_else(|| call.refuse("the storage's size overflows"))?;
    let Node::Int(offset) = from.node(offset) else { return Err(call.refuse("the offset is no integer")) };
    let offset = usize::try_from(*offset).map_err(|_| call.refuse("the offset is negative"))?;
    let (shape, strides) = (lengths(from, call, shape)?, lengths(from, call, strides)?);
    if shape.len() != strides.len() {
        return Err(call.refuse("shape and strides differ in length"));
    }
    Ok(TensorRef { dtype, shape, strides, offset, storage: key, storage_bytes })
}

/// The persistent id `('storage', class, key, location, elements)`.
fn read_storage(
    from: &Resolver<'_>,
    call: &CallView<'_>,
    id: Id,
) -> Result<(Global, Arc<str>, u64), PickleError> {
    let Node::Persistent(id) = from.node(id) else { return Err(call.refuse("its storage is none")) };
    let parts = from.tuple(*id).ok_or_else(|| call.refuse("a storage's id is no tuple"))?;
    let &[tag, class, key, _location, length, ..] = parts else {
        return Err(call.refuse("a storage's id has too few parts"));
    };
    match (from.node(tag), from.node(class), from.node(key), from.node(length)) {
        (Node::Str(tag), Node::Global(class), Node::Str(key), Node::Int(length)) if &**tag == "storage" => {
            let length = u64::try_from(*length).map_err(|_| call.refuse("a storage's size is negative"))?;
            Ok((*class, key.clone(), length))
        }
        _ => Err(call.refuse("a storage's id of another kind")),
    }
}

/// A tuple of lengths, or `torch.Size` of one.
fn lengths(from: &mut Resolver<'_>, call: &CallView<'_>, id: Id) -> Result<Vec<usize>, PickleError> {
    let inner = match from.call(id, call.depth) {
        Some(size) if size.global == Global::TensorSize => size.arg(0)?,
        _ => id,
    };
    let ids = from.tuple(inner).ok_or_else(|| call.refuse("a shape is no tuple"))?;
    if ids.len() > MAX_AXES {
        return Err(call.refuse("too many axes"));
    }
    from.count(ids.len())?;
    let length = |&id: &Id| match from.node(id) {
        Node::Int(length) => usize::try_from(*length).ok(),
        _ => None,
    };
    ids.iter().map(length).collect::<Option<_>>().ok_or_else(|| call.refuse("an axis is no length"))
}
