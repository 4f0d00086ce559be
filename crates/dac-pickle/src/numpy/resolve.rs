//! Conversion of numpy's recorded calls to arrays and scalars.

use std::sync::Arc;

use super::{Layout, NdArray, parse_descr};
use crate::dtype::DType;
use crate::error::PickleError;
use crate::globals::Global;
use crate::resolve::{CallView, Resolver};
use crate::value::Value;
use crate::vm::{Id, Node};

/// Element type of an array.
enum Element {
    Number { dtype: DType, big_endian: bool },
    Object,
}

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
    match element(resolver, call, dtype)? {
        Element::Number { dtype, big_endian } => {
            let bytes = resolver.bytes(data, call.depth + 1)?;
            array(call, shape, dtype, Layout { big_endian, column_major }, bytes)
        }
        Element::Object => {
            let Node::List(ids) = resolver.node(data) else {
                return Err(call.refuse("the data of an object array is not a list"));
            };
            if shape.iter().try_fold(1usize, |n, &d| n.checked_mul(d)) != Some(ids.len()) {
                return Err(call.refuse("the data of an object array does not fill its shape"));
            }
            Ok(NdArray::of_objects(shape, resolver.values(ids, call.depth)?))
        }
    }
}

/// Converts `_frombuffer(bytes, dtype, shape, 'C' or 'F')` of protocol 5.
pub(crate) fn from_buffer(resolver: &mut Resolver<'_>, call: &CallView<'_>) -> Result<NdArray, PickleError> {
    let bytes = resolver.bytes(call.arg(0)?, call.depth + 1)?;
    let Element::Number { dtype, big_endian } = element(resolver, call, call.arg(1)?)? else {
        return Err(call.refuse("a buffer cannot contain objects"));
    };
    let shape = resolver.lengths(call, call.arg(2)?)?;
    let order = call.arg(3)?;
    let column_major = matches!(resolver.node(order), Node::Str(order) if &**order == "F");
    array(call, shape, dtype, Layout { big_endian, column_major }, bytes)
}

/// Converts `scalar(dtype, bytes)` to a number.
pub(crate) fn scalar(resolver: &mut Resolver<'_>, call: &CallView<'_>) -> Result<Value, PickleError> {
    let Element::Number { dtype, big_endian } = element(resolver, call, call.arg(0)?)? else {
        return Err(call.refuse("a scalar cannot be an object"));
    };
    let bytes = resolver.bytes(call.arg(1)?, call.depth + 1)?;
    if bytes.len() != dtype.size() {
        return Err(call.refuse("the scalar's bytes do not fit its type"));
    }
    if dtype == DType::Bool {
        return Ok(Value::Bool(bytes.first() != Some(&0)));
    }
    if dtype == DType::F64 {
        let mut double = [0; 8];
        double.copy_from_slice(&bytes);
        let value = if big_endian { f64::from_be_bytes(double) } else { f64::from_le_bytes(double) };
        return Ok(Value::Float(value));
    }
    if dtype.is_float() {
        let value = dtype.to_f32(&bytes, big_endian).ok().and_then(|v| v.first().copied());
        return value.map(|v| Value::Float(v.into())).ok_or_else(|| call.refuse("it is not a float"));
    }
    let value = dtype.to_i64(&bytes, big_endian).ok().and_then(|v| v.first().copied());
    value.map(Value::Int).ok_or_else(|| call.refuse("it is not an integer of 64 bits"))
}

fn array(
    call: &CallView<'_>,
    shape: Vec<usize>,
    dtype: DType,
    layout: Layout,
    bytes: Arc<[u8]>,
) -> Result<NdArray, PickleError> {
    let array = NdArray::new(shape, dtype, layout, bytes);
    array.map_err(|_| call.refuse("the array's bytes do not fill its shape"))
}

/// Reads `dtype('u2', False, True)` followed by BUILD with (3, '<', None, None, None, -1, -1, 0).
fn element(resolver: &Resolver<'_>, call: &CallView<'_>, id: Id) -> Result<Element, PickleError> {
    let dtype = resolver.call(id, call.depth).filter(|c| c.global == Global::NumpyDtype);
    let dtype = dtype.ok_or_else(|| call.refuse("the element type is not a numpy.dtype"))?;
    let name = dtype.arg(0)?;
    let Node::Str(name) = resolver.node(name) else { return Err(dtype.refuse("its name is not text")) };
    if matches!(&**name, "O8" | "O4" | "O") {
        return Ok(Element::Object);
    }
    let (number, mut big_endian) = parse_descr(name)
        .map_err(|_| dtype.refuse("the element type is not a plain number of at most 64 bits"))?;
    let state = dtype.call.state.and_then(|id| resolver.tuple(id)).unwrap_or_default();
    if let Some(&order) = state.get(1) {
        match resolver.node(order) {
            Node::Str(order) => big_endian |= &**order == ">",
            _ => return Err(dtype.refuse("its byte order is not text")),
        }
    }
    Ok(Element::Number { dtype: number, big_endian })
}
