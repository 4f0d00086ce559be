//! The unpickling virtual machine: executes opcodes into a heap of nodes. Calls are recorded, never executed.

use std::collections::HashMap;
use std::sync::Arc;

use crate::error::PickleError;
use crate::globals::{Dialect, Global};
use crate::limits::Limits;

/// Index of a node on the heap.
pub(crate) type Id = u32;

/// An object of the pickle. Containers refer to other nodes, and a hostile file can make them refer to each
/// other in circles. A node stays small, since one byte of a pickle can make one.
#[derive(Debug)]
pub(crate) enum Node {
    None,
    Bool(bool),
    Int(i64),
    Float(f64),
    Str(Arc<str>),
    Bytes(Arc<[u8]>),
    List(Vec<Id>),
    Tuple(Vec<Id>),
    Dict(Vec<(Id, Id)>),
    Global(Global),
    Call(Box<Call>),
    Persistent(Id),
}

/// A recorded call: the global called, its arguments, and the state and items set on the result afterwards.
#[derive(Debug)]
pub(crate) struct Call {
    pub(crate) callee: Id,
    pub(crate) args: Id,
    pub(crate) state: Option<Id>,
    pub(crate) appended: Vec<Id>,
    pub(crate) items: Vec<(Id, Id)>,
    pub(crate) offset: usize,
}

/// All nodes of a pickle.
pub(crate) struct Heap {
    pub(crate) nodes: Vec<Node>,
    pub(crate) root: Id,
    /// Length of the pickle in bytes.
    pub(crate) consumed: usize,
}

/// Executes the pickle at the start of `bytes`.
pub(crate) fn run(bytes: &[u8], dialect: Dialect, limits: &Limits) -> Result<Heap, PickleError> {
    if !matches!(bytes, [0x80, 2..=5, ..]) {
        return Err(PickleError::NotAPickle { found: bytes.iter().take(2).copied().collect() });
    }
    if bytes.len() > limits.max_bytes {
        return Err(PickleError::Limit { what: "bytes", limit: limits.max_bytes, offset: 0 });
    }
    let mut vm = Vm {
        bytes,
        position: 0,
        opcode_offset: 0,
        dialect,
        limits,
        nodes: Vec::new(),
        stack: Vec::new(),
        marks: Vec::new(),
        memo: HashMap::new(),
    };
    while vm.step()? {}
    let root = vm.pop()?;
    Ok(Heap { nodes: vm.nodes, root, consumed: vm.position })
}

struct Vm<'a> {
    bytes: &'a [u8],
    position: usize,
    /// Offset of the current opcode.
    opcode_offset: usize,
    dialect: Dialect,
    limits: &'a Limits,
    nodes: Vec<Node>,
    stack: Vec<Id>,
    /// Height of the stack at each MARK.
    marks: Vec<usize>,
    memo: HashMap<u32, Id>,
}

impl<'a> Vm<'a> {
    /// Executes one opcode; returns false after STOP.
    fn step(&mut self) -> Result<bool, PickleError> {
        self.opcode_offset = self.position;
        let opcode = self.read_u8()?;
        let node = match opcode {
            b'.' => return Ok(false),
            b'N' => Node::None,
            0x88 => Node::Bool(true),
            0x89 => Node::Bool(false),
            b'K' => Node::Int(self.read_u8()?.into()),
            b'M' => Node::Int(u16::from_le_bytes(self.read_array()?).into()),
            b'J' => Node::Int(i32::from_le_bytes(self.read_array()?).into()),
            0x8a => Node::Int(self.read_int::<1>()?),
            0x8b => Node::Int(self.read_int::<4>()?),
            b'G' => Node::Float(f64::from_be_bytes(self.read_array()?)),
            0x8c => self.read_text::<1>()?,
            b'X' => self.read_text::<4>()?,
            0x8d => self.read_text::<8>()?,
            b'C' => Node::Bytes(self.read_sized::<1>()?.into()),
            b'B' => Node::Bytes(self.read_sized::<4>()?.into()),
            0x8e | 0x96 => Node::Bytes(self.read_sized::<8>()?.into()),
            b')' => Node::Tuple(Vec::new()),
            0x85..=0x87 => {
                let floor = self.stack_floor();
                let split = self.stack.len().checked_sub(usize::from(opcode - 0x84)).filter(|&s| s >= floor);
                Node::Tuple(self.stack.split_off(split.ok_or(self.malformed("the stack is empty"))?))
            }
            b't' => Node::Tuple(self.pop_mark()?),
            b']' | 0x8f => Node::List(Vec::new()),
            b'l' | 0x91 => Node::List(self.pop_mark()?),
            b'}' => Node::Dict(Vec::new()),
            b'd' => Node::Dict(self.pop_pairs()?),
            b'c' => {
                let (module, name) = (self.read_line()?, self.read_line()?);
                self.find_global(module, name)?
            }
            0x93 => {
                let (name, module) = (self.pop()?, self.pop()?);
                let (Some(Node::Str(module)), Some(Node::Str(name))) = (self.node(module), self.node(name))
                else {
                    return Err(self.malformed("the name of a global is not text"));
                };
                self.find_global(module, name)?
            }
            b'R' | 0x81 => self.record_call()?,
            b'Q' if self.dialect == Dialect::Torch => Node::Persistent(self.pop()?),
            _ => return self.update(opcode).map(|()| true),
        };
        self.push(node)?;
        Ok(true)
    }

    /// Executes an opcode that makes no node.
    fn update(&mut self, opcode: u8) -> Result<(), PickleError> {
        match opcode {
            // PROTO and FRAME have no effect.
            0x80 => self.read_bytes(1).map(drop),
            0x95 => self.read_bytes(8).map(drop),
            b'(' => {
                self.check_limit("marks", self.marks.len(), self.limits.max_items)?;
                self.marks.push(self.stack.len());
                Ok(())
            }
            // POP removes the mark when it is on top of the stack.
            b'0' if self.marks.last() == Some(&self.stack.len()) => self.pop_mark().map(drop),
            b'0' => self.pop().map(drop),
            b'1' => self.pop_mark().map(drop),
            b'a' => {
                let item = self.pop()?;
                self.append_items(vec![item])
            }
            b'e' | 0x90 => {
                let items = self.pop_mark()?;
                self.append_items(items)
            }
            b's' => {
                let (value, key) = (self.pop()?, self.pop()?);
                self.set_items(vec![(key, value)])
            }
            b'u' => {
                let pairs = self.pop_pairs()?;
                self.set_items(pairs)
            }
            b'b' => {
                let state = self.pop()?;
                match self.top_node()? {
                    Node::Call(call) => call.state = Some(state),
                    _ => return Err(self.malformed("BUILD of an object that has no state")),
                }
                Ok(())
            }
            b'q' | b'r' | 0x94 => {
                let index = match opcode {
                    b'q' => self.read_u8()?.into(),
                    b'r' => self.read_u32()?,
                    _ => self.memo.len().try_into().unwrap_or(u32::MAX),
                };
                self.memoize(index)
            }
            b'h' | b'j' => {
                let index = if opcode == b'h' { self.read_u8()?.into() } else { self.read_u32()? };
                self.push_memoized(index)
            }
            _ => {
                let reason = refusal_reason(opcode);
                Err(PickleError::OpcodeRefused { opcode, offset: self.opcode_offset, reason })
            }
        }
    }

    /// Pops the arguments and the callee of a call.
    fn record_call(&mut self) -> Result<Node, PickleError> {
        let (args, callee) = (self.pop()?, self.pop()?);
        if !matches!(self.node(callee), Some(Node::Global(_))) {
            return Err(self.malformed("a call of an object that is not a global"));
        }
        if !matches!(self.node(args), Some(Node::Tuple(_))) {
            return Err(self.malformed("the arguments of a call are not a tuple"));
        }
        let offset = self.opcode_offset;
        let call = Call { callee, args, state: None, appended: Vec::new(), items: Vec::new(), offset };
        Ok(Node::Call(Box::new(call)))
    }

    fn node(&self, id: Id) -> Option<&Node> {
        self.nodes.get(id as usize)
    }

    fn malformed(&self, reason: &'static str) -> PickleError {
        PickleError::Malformed { offset: self.opcode_offset, reason }
    }

    /// Checks that one more than `count` does not exceed a limit.
    fn check_limit(&self, what: &'static str, count: usize, limit: usize) -> Result<(), PickleError> {
        let error = PickleError::Limit { what, limit, offset: self.opcode_offset };
        if count < limit { Ok(()) } else { Err(error) }
    }

    fn read_bytes(&mut self, needed: u64) -> Result<&'a [u8], PickleError> {
        let rest = self.bytes.get(self.position..).unwrap_or_default();
        let taken = usize::try_from(needed).ok().and_then(|n| rest.get(..n));
        let (offset, available) = (self.position, rest.len());
        let taken = taken.ok_or(PickleError::Truncated { offset, needed, available })?;
        self.position += taken.len();
        Ok(taken)
    }

    fn read_array<const N: usize>(&mut self) -> Result<[u8; N], PickleError> {
        let mut array = [0; N];
        array.copy_from_slice(self.read_bytes(N as u64)?);
        Ok(array)
    }

    fn read_u8(&mut self) -> Result<u8, PickleError> {
        self.read_array().map(|[byte]| byte)
    }

    fn read_u32(&mut self) -> Result<u32, PickleError> {
        self.read_array().map(u32::from_le_bytes)
    }

    /// Reads a length of `N` bytes and then that many bytes.
    fn read_sized<const N: usize>(&mut self) -> Result<&'a [u8], PickleError> {
        let mut length = [0; 8];
        length[..N].copy_from_slice(&self.read_array::<N>()?);
        self.read_bytes(u64::from_le_bytes(length))
    }

    fn read_line(&mut self) -> Result<&'a str, PickleError> {
        let rest = self.bytes.get(self.position..).unwrap_or_default();
        // Without a line feed, reading fails one byte after the end.
        let end = rest.iter().position(|&b| b == b'\n').unwrap_or(rest.len());
        let line = self.read_bytes(end as u64 + 1)?;
        std::str::from_utf8(&line[..end]).map_err(|_| self.malformed("a name is not UTF-8"))
    }

    fn push(&mut self, node: Node) -> Result<(), PickleError> {
        self.check_limit("values", self.nodes.len(), self.limits.max_items.min(Id::MAX as usize))?;
        self.stack.push(self.nodes.len() as Id);
        self.nodes.push(node);
        Ok(())
    }

    /// Height of the stack below which items belong to an outer MARK.
    fn stack_floor(&self) -> usize {
        self.marks.last().copied().unwrap_or(0)
    }

    fn top(&self) -> Result<Id, PickleError> {
        match self.stack.last() {
            Some(&id) if self.stack.len() > self.stack_floor() => Ok(id),
            _ => Err(self.malformed("the stack is empty")),
        }
    }

    fn pop(&mut self) -> Result<Id, PickleError> {
        let id = self.top()?;
        self.stack.pop();
        Ok(id)
    }

    fn top_node(&mut self) -> Result<&mut Node, PickleError> {
        let id = self.top()?;
        let error = self.malformed("the stack is empty");
        self.nodes.get_mut(id as usize).ok_or(error)
    }

    fn pop_mark(&mut self) -> Result<Vec<Id>, PickleError> {
        let mark = self.marks.pop().ok_or(self.malformed("there is no mark on the stack"))?;
        Ok(self.stack.split_off(mark))
    }

    fn pop_pairs(&mut self) -> Result<Vec<(Id, Id)>, PickleError> {
        let items = self.pop_mark()?;
        let (pairs, rest) = items.as_chunks::<2>();
        if !rest.is_empty() {
            return Err(self.malformed("a key without a value"));
        }
        Ok(pairs.iter().map(|&[key, value]| (key, value)).collect())
    }

    fn append_items(&mut self, items: Vec<Id>) -> Result<(), PickleError> {
        match self.top_node()? {
            Node::List(list) => list.extend(items),
            Node::Call(call) => call.appended.extend(items),
            _ => return Err(self.malformed("items appended to an object that is not a list")),
        }
        Ok(())
    }

    fn set_items(&mut self, pairs: Vec<(Id, Id)>) -> Result<(), PickleError> {
        match self.top_node()? {
            Node::Dict(dict) => dict.extend(pairs),
            Node::Call(call) => call.items.extend(pairs),
            _ => return Err(self.malformed("items set on an object that is not a dict")),
        }
        Ok(())
    }

    fn memoize(&mut self, index: u32) -> Result<(), PickleError> {
        let id = self.top()?;
        self.check_limit("memo entries", self.memo.len(), self.limits.max_memo)?;
        self.memo.insert(index, id);
        Ok(())
    }

    fn push_memoized(&mut self, index: u32) -> Result<(), PickleError> {
        let id = self.memo.get(&index).copied();
        let id = id.ok_or(self.malformed("a memo entry that was never stored"))?;
        // References make no nodes, so `push` does not bound them.
        self.check_limit("values", self.stack.len(), self.limits.max_items)?;
        self.stack.push(id);
        Ok(())
    }

    /// Reads a signed integer whose length is an integer of `N` bytes.
    fn read_int<const N: usize>(&mut self) -> Result<i64, PickleError> {
        let bytes = self.read_sized::<N>()?;
        let sign = if bytes.last().is_some_and(|b| b & 0x80 != 0) { 0xff } else { 0 };
        let mut value = [sign; 8];
        let (low, high) = bytes.split_at(bytes.len().min(8));
        value[..low.len()].copy_from_slice(low);
        let value = i64::from_le_bytes(value);
        if high.iter().any(|&b| b != sign) || (value < 0) != (sign != 0) {
            return Err(self.malformed("an integer of more than 64 bits"));
        }
        Ok(value)
    }

    fn read_text<const N: usize>(&mut self) -> Result<Node, PickleError> {
        let text = std::str::from_utf8(self.read_sized::<N>()?);
        Ok(Node::Str(text.map_err(|_| self.malformed("text that is not UTF-8"))?.into()))
    }

    fn find_global(&self, module: &str, name: &str) -> Result<Node, PickleError> {
        Global::find(self.dialect, module, name).map(Node::Global).ok_or_else(|| {
            let short = |s: &str| s.chars().take(80).collect();
            let (module, name) = (short(module), short(name));
            PickleError::GlobalRefused { module, name, offset: self.opcode_offset }
        })
    }
}

/// Reason why an opcode outside the subset is refused.
fn refusal_reason(opcode: u8) -> &'static str {
    match opcode {
        b'i' | b'o' | 0x92 => "it makes an instance of a class",
        0x82..=0x84 => "it refers to a registered extension",
        b'P' | b'Q' => "it refers to an object outside the pickle",
        0x97 | 0x98 => "it refers to a buffer outside the pickle",
        b'I' | b'L' | b'F' | b'S' | b'V' | b'T' | b'U' | b'p' | b'g' | b'2' => {
            "picklers of protocol 2 to 5 do not write it"
        }
        _ => "no such opcode exists",
    }
}
