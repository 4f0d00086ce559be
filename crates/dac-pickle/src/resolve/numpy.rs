//! Conversion of numpy's recorded calls to arrays and scalars.

use super::{CallView, Resolver};
use crate::dtype::DType;
use crate::error::PickleError;
use crate::globals::Global;
use crate::numpy::{Layout, NdArray, parse_descr};
use crate::strided::element_count;
use crate::value::Value;
use crate::vm::{Id, Node};

/// Converts `_reconstruct(ndarray, (0,), b'b')` followed by BUILD with (version, shape, dtype, column_major,
/// data).
pub(crate) fn reconstruct(resolver: &mut Resolver<'_>, call: &CallView<'_>) -> Result<NdArray, PickleError> {
    let class = call.arg(0)?;
    if !matches!(resolver.node(class), Node::Global(Global::NumpyArray)) {
        return Err(call.refuse("its class is not numpy.ndarray"));
    }
    let state = call.call.state.and_then(|id| resolver.tuple(id));
    let &[_version, shape, dtype, column_major, data] =
        state.ok_or_else(|| call.refuse("the array has no state"))?
    else {
        return Err(call.refuse("the array's state does not have five items"));
    };
    let shape = resolver.lengths(call, shape)?;
    let column_major = match resolver.node(column_major) {
        Node::Bool(value) => *value,
        Node::Int(value) => *value != 0,
        _ => return Err(call.refuse("the axis order is not a boolean")),
    };
    if let Some((dtype, big_endian)) = element_type(resolver, call, dtype)? {
        let bytes = resolver.bytes(data, call.depth + 1)?;
        let array = NdArray::new(shape, dtype, Layout { big_endian, column_major }, bytes);
        return array.map_err(|_| call.refuse("the array's bytes do not fill its shape"));
    }
    let Node::List(ids) = resolver.node(data) else {
        return Err(call.refuse("the data of an object array is not a list"));
    };
    if element_count(&shape) != Some(ids.len()) {
        return Err(call.refuse("the data of an object array does not fill its shape"));
    }
    Ok(NdArray::of_objects(shape, resolver.values(ids, call.depth)?))
}

/// Converts `_frombuffer(bytes, dtype, shape, 'C' or 'F')` of protocol 5.
pub(crate) fn from_buffer(resolver: &mut Resolver<'_>, call: &CallView<'_>) -> Result<NdArray, PickleError> {
    let bytes = resolver.bytes(call.arg(0)?, call.depth + 1)?;
    let (dtype, big_endian) = element_type(resolver, call, call.arg(1)?)?
        .ok_or_else(|| call.refuse("a buffer cannot contain objects"))?;
    let shape = resolver.lengths(call, call.arg(2)?)?;
    let order = call.arg(3)?;
    let column_major = matches!(resolver.node(order), Node::Str(order) if &**order == "F");
    let array = NdArray::new(shape, dtype, Layout { big_endian, column_major }, bytes);
    array.map_err(|_| call.refuse("the array's bytes do not fill its shape"))
}

/// Converts `scalar(dtype, bytes)` to a number.
pub(crate) fn scalar(resolver: &mut Resolver<'_>, call: &CallView<'_>) -> Result<Value, PickleError> {
    let (dtype, big_endian) = element_type(resolver, call, call.arg(0)?)?
        .ok_or_else(|| call.refuse("a scalar cannot be an object"))?;
    let bytes = resolver.bytes(call.arg(1)?, call.depth + 1)?;
    if bytes.len() != dtype.size() {
        return Err(call.refuse("the scalar's bytes do not fit its type"));
    }
    let value = match (dtype, <[u8; 8]>::try_from(&*bytes)) {
        (DType::Bool, _) => Some(Value::Bool(bytes.first() != Some(&0))),
        (DType::F64, Ok(double)) if big_endian => Some(Value::Float(f64::from_be_bytes(double))),
        (DType::F64, Ok(double)) => Some(Value::Float(f64::from_le_bytes(double))),
        _ if dtype.is_float() => {
            dtype.to_f32(&bytes, big_endian).ok().map(|values| Value::Float(values[0].into()))
        }
        _ => dtype.to_i64(&bytes, big_endian).ok().map(|values| Value::Int(values[0])),
    };
    value.ok_or_else(|| call.refuse("it is not an integer of 64 bits"))
}

/// Reads `dtype('u2', False, True)` followed by BUILD with (3, '<', None, None, None, -1, -1, 0). Returns the
/// type and whether it is big-endian; `None` for Python objects.
fn element_type(
    resolver: &Resolver<'_>,
    call: &CallView<'_>,
    id: Id,
) -> Result<Option<(DType, bool)>, PickleError> {
    let dtype = resolver.call(id, call.depth).filter(|c| c.global == Global::NumpyDtype);
    let dtype = dtype.ok_or_else(|| call.refuse("the element type is not a numpy.dtype"))?;
    let Node::Str(name) = resolver.node(dtype.arg(0)?) else {
        return Err(dtype.refuse("its name is not text"));
    };
    if matches!(&**name, "O8" | "O4" | "O") {
        return Ok(None);
    }
    let (number, mut big_endian) = parse_descr(name)
        .map_err(|_| dtype.refuse("the element type is not a plain number of at most 64 bits"))?;
    let state = dtype.call.state.and_then(|id| resolver.tuple(id)).unwrap_or_default();
    match state.get(1).map(|&order| resolver.node(order)) {
        Some(Node::Str(order)) => big_endian |= &**order == ">",
        Some(_) => return Err(dtype.refuse("its byte order is not text")),
        None => {}
    }
    Ok(Some((number, big_endian)))
}
