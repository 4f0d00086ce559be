//! numpy's recorded calls, read as arrays and scalars.

use std::sync::Arc;

use super::{ArrayError, MAX_AXES, NdArray, parse_descr};
use crate::dtype::DType;
use crate::error::PickleError;
use crate::globals::Global;
use crate::machine::{Id, Node};
use crate::resolve::{CallView, Resolver};
use crate::value::Value;

/// An element type, or objects.
enum Element {
    Number(DType, bool),
    Object,
}

/// `_reconstruct(ndarray, (0,), b'b')` followed by BUILD with (version, shape, dtype, fortran, data).
pub(crate) fn reconstruct(from: &mut Resolver<'_>, call: &CallView<'_>) -> Result<NdArray, PickleError> {
    let class = call.arg(0)?;
    if !matches!(from.node(class), Node::Global(Global::NumpyArray)) {
        return Err(call.refuse("it makes something other than a plain array"));
    }
    let state =
        call.call.state.and_then(|id| from.tuple(id)).ok_or_else(|| call.refuse("the array has no state"))?;
    let &[_version, shape, dtype, fortran, data] = state else {
        return Err(call.refuse("the array's state has not five parts"));
    };
    let shape = read_shape(from, call, shape)?;
    let fortran = match from.node(fortran) {
        Node::Bool(value) => *value,
        Node::Int(value) => *value != 0,
        _ => return Err(call.refuse("the axis order is no boolean")),
    };
    match element(from, call, dtype)? {
        Element::Number(dtype, big_endian) => {
            let bytes = from.bytes(data, call.depth + 1)?;
            array(call, shape, dtype, big_endian, fortran, bytes)
        }
        Element::Object => {
            let Node::List(ids) = from.node(data) else {
                return Err(call.refuse("an object array's data is no list"));
            };
            if shape.iter().try_fold(1usize, |n, &d| n.checked_mul(d)) != Some(ids.len()) {
                return Err(call.refuse("an object array's data does not fill its shape"));
            }
            Ok(NdArray::of_objects(shape, from.values(ids, call.depth)?))
        }
    }
}

/// `_frombuffer(bytes, dtype, shape, 'C' or 'F')`, protocol 5.
pub(crate) fn from_buffer(from: &mut Resolver<'_>, call: &CallView<'_>) -> Result<NdArray, PickleError> {
    let bytes = from.bytes(call.arg(0)?, call.depth + 1)?;
    let Element::Number(dtype, big_endian) = element(from, call, call.arg(1)?)? else {
        return Err(call.refuse("objects have no buffer"));
    };
    let shape = read_shape(from, call, call.arg(2)?)?;
    let order = call.arg(3)?;
    let fortran = matches!(from.node(order), Node::Str(order) if &**order == "F");
    array(call, shape, dtype, big_endian, fortran, bytes)
}

/// `scalar(dtype, bytes)`: a plain number, or a 0-d array where the number does not fit one.
pub(crate) fn scalar(from: &mut Resolver<'_>, call: &CallView<'_>) -> Result<Value, PickleError> {
    let Element::Number(dtype, big_endian) = element(from, call, call.arg(0)?)? else {
        return Err(call.refuse("an object scalar"));
    };
    let bytes = from.bytes(call.arg(1)?, call.depth + 1)?;
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
        return value.map(|v| Value::Float(v.into())).ok_or_else(|| call.refuse("not one float"));
    }
    let value = dtype.to_i64(&bytes, big_endian).ok().and_then(|v| v.first().copied());
    value.map(Value::Int).ok_or_else(|| call.refuse("not one integer of 64 bits"))
}

fn array(
    call: &CallView<'_>,
    shape: Vec<usize>,
    dtype: DType,
    big_endian: bool,
    fortran: bool,
    bytes: Arc<[u8]>,
) -> Result<NdArray, PickleError> {
    let array = NdArray::new(shape, dtype, big_endian, fortran, bytes);
    array.map_err(|_| call.refuse("the array's bytes do not fill its shape"))
}

fn read_shape(from: &mut Resolver<'_>, call: &CallView<'_>, id: Id) -> Result<Vec<usize>, PickleError> {
    let ids = from.tuple(id).ok_or_else(|| call.refuse("the shape is no tuple"))?;
    if ids.len() > MAX_AXES {
        return Err(call.refuse("too many axes"));
    }
    from.count(ids.len())?;
    let axis = |&id: &Id| match from.node(id) {
        Node::Int(length) => usize::try_from(*length).ok(),
        _ => None,
    };
    ids.iter().map(axis).collect::<Option<_>>().ok_or_else(|| call.refuse("an axis is no length"))
}

/// `dtype('u2', False, True)` followed by BUILD with (3, '<', None, None, None, -1, -1, 0).
fn element(from: &Resolver<'_>, call: &CallView<'_>, id: Id) -> Result<Element, PickleError> {
    let dtype = from.call(id, call.depth).filter(|c| c.global == Global::NumpyDtype);
    let dtype = dtype.ok_or_else(|| call.refuse("the element type is no numpy.dtype"))?;
    let name = dtype.arg(0)?;
    let Node::Str(name) = from.node(name) else { return Err(dtype.refuse("its name is no text")) };
    if matches!(&**name, "O8" | "O4" | "O") {
        return Ok(Element::Object);
    }
    let refused = |_: ArrayError| dtype.refuse("the element type is not a plain number of at most 64 bits");
    let (kind, mut big_endian) = parse_descr(name).map_err(refused)?;
    let state = dtype.call.state.and_then(|id| from.tuple(id)).unwrap_or_default();
    if let Some(&order) = state.get(1) {
        match from.node(order) {
            Node::Str(order) => big_endian |= &**order == ">",
            _ => return Err(dtype.refuse("its byte order is no text")),
        }
    }
    Ok(Element::Number(kind, big_endian))
}
