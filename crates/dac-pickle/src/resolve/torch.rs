//! Conversion of torch's recorded calls to tensor references.

use std::sync::Arc;

use super::{CallView, Resolver};
use crate::dtype::DType;
use crate::error::PickleError;
use crate::globals::Global;
use crate::value::TensorRef;
use crate::vm::{Id, Node};

/// Converts any of the calls that make a tensor.
pub(crate) fn tensor(resolver: &mut Resolver<'_>, call: &CallView<'_>) -> Result<TensorRef, PickleError> {
    match call.global {
        Global::RebuildTensor | Global::RebuildTensorV3 => rebuild(resolver, call, call.global, call.args),
        // (data, requires_grad, hooks[, state])
        Global::RebuildParameter => {
            let rebuilds =
                |c: &CallView<'_>| matches!(c.global, Global::RebuildTensor | Global::RebuildTensorV3);
            let data = resolver.call(call.arg(0)?, call.depth + 1).filter(rebuilds);
            let data = data.ok_or_else(|| call.refuse("the data of a parameter is not a tensor"))?;
            rebuild(resolver, &data, data.global, data.args)
        }
        // (function, class, arguments, attributes)
        Global::RebuildFromType => {
            let (function, args) = (call.arg(0)?, call.arg(2)?);
            let args = resolver.tuple(args).ok_or_else(|| call.refuse("its arguments are not a tuple"))?;
            match resolver.node(function) {
                Node::Global(function @ (Global::RebuildTensor | Global::RebuildTensorV3)) => {
                    rebuild(resolver, call, *function, args)
                }
                _ => Err(call.refuse("its function does not make a tensor")),
            }
        }
        _ => Err(call.refuse("it does not make a tensor")),
    }
}

/// Converts `_rebuild_tensor_v2(storage, offset, shape, strides, requires_grad, hooks)`; `_rebuild_tensor_v3`
/// has the element type as argument 6.
fn rebuild(
    resolver: &mut Resolver<'_>,
    call: &CallView<'_>,
    function: Global,
    args: &[Id],
) -> Result<TensorRef, PickleError> {
    let &[storage, offset, shape, strides, ..] = args else {
        return Err(call.refuse("an argument is missing"));
    };
    let (class, key, storage_length) = read_storage(resolver, call, storage)?;
    let dtype = match (function, class) {
        (Global::RebuildTensor, Global::Storage(dtype)) => dtype,
        (Global::RebuildTensorV3, Global::UntypedStorage | Global::Storage(_)) => {
            match args.get(6).map(|&id| resolver.node(id)) {
                Some(Node::Global(Global::Dtype(dtype))) => *dtype,
                _ => return Err(call.refuse("its element type is not a plain number")),
            }
        }
        _ => return Err(call.refuse("its storage has no element type")),
    };
    let storage_element = if let Global::Storage(stored) = class { stored } else { DType::U8 };
    let storage_bytes = storage_length.checked_mul(storage_element.size() as u64);
    let storage_bytes = storage_bytes.ok_or_else(|| call.refuse("the size of its storage overflows"))?;
    let Node::Int(offset) = resolver.node(offset) else {
        return Err(call.refuse("its offset is not an integer"));
    };
    let offset = usize::try_from(*offset).map_err(|_| call.refuse("its offset is negative"))?;
    let (shape, strides) = (lengths(resolver, call, shape)?, lengths(resolver, call, strides)?);
    if shape.len() != strides.len() {
        return Err(call.refuse("its shape and strides differ in length"));
    }
    Ok(TensorRef { dtype, shape, strides, offset, storage: key, storage_bytes })
}

/// Reads the persistent id `('storage', class, key, location, elements)`: class, key and number of elements.
fn read_storage(
    resolver: &Resolver<'_>,
    call: &CallView<'_>,
    id: Id,
) -> Result<(Global, Arc<str>, u64), PickleError> {
    let Node::Persistent(id) = resolver.node(id) else {
        return Err(call.refuse("its storage is not a persistent id"));
    };
    let parts = resolver.tuple(*id).ok_or_else(|| call.refuse("the id of its storage is not a tuple"))?;
    let &[tag, class, key, _location, length, ..] = parts else {
        return Err(call.refuse("the id of its storage has too few items"));
    };
    match [tag, class, key, length].map(|id| resolver.node(id)) {
        [Node::Str(tag), Node::Global(class), Node::Str(key), Node::Int(length)] if &**tag == "storage" => {
            let length = u64::try_from(*length);
            let length = length.map_err(|_| call.refuse("the size of its storage is negative"))?;
            Ok((*class, key.clone(), length))
        }
        _ => Err(call.refuse("the id of its storage is of an unknown kind")),
    }
}

/// Reads a tuple of lengths, or a `torch.Size` of one.
fn lengths(resolver: &mut Resolver<'_>, call: &CallView<'_>, id: Id) -> Result<Vec<usize>, PickleError> {
    let tuple = match resolver.call(id, call.depth) {
        Some(size) if size.global == Global::TensorSize => size.arg(0)?,
        _ => id,
    };
    resolver.lengths(call, tuple)
}
