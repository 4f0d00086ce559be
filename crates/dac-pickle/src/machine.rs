//! The pickle machine: opcodes in, a heap of nodes out. Calls are recorded, never made.

use std::collections::HashMap;
use std::sync::Arc;

use crate::error::PickleError;
use crate::globals::{Dialect, Global};
use crate::limits::Limits;

/// A node's place on the heap.
pub(crate) type Id = u32;

/// A node; containers refer to other nodes, in circles if the file says so.
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

/// A recorded call: what was named, its arguments, and what was set on the result afterwards.
#[derive(Debug)]
pub(crate) struct Call {
    pub(crate) callee: Id,
    pub(crate) args: Id,
    pub(crate) state: Option<Id>,
    pub(crate) appended: Vec<Id>,
    pub(crate) items: Vec<(Id, Id)>,
    pub(crate) offset: usize,
}

/// All nodes of a pickle and its root.
pub(crate) struct Heap {
    pub(crate) nodes: Vec<Node>,
    pub(crate) root: Id,
    pub(crate) consumed: usize,
}

/// Runs the pickle at the start of `bytes`.
pub(crate) fn run(bytes: &[u8], dialect: Dialect, limits: &Limits) -> Result<Heap, PickleError> {
    if !matches!(bytes, [0x80, 2..=5, ..]) {
        return Err(PickleError::NotAPickle { found: bytes.iter().take(2).copied().collect() });
    }
    if bytes.len() > limits.max_bytes {
        return Err(PickleError::Limit { what: "bytes", limit: limits.max_bytes, offset: 0 });
    }
    let mut machine = Machine {
        bytes,
        position: 0,
        at: 0,
        dialect,
        limits,
        nodes: Vec::new(),
        stack: Vec::new(),
        marks: Vec::new(),
        memo: HashMap::new(),
    };
    while let Step::On = machine.step()? {}
    let root = machine.pop()?;
    Ok(Heap { nodes: machine.nodes, root, consumed: machine.position })
}

enum Step {
    On,
    Stop,
}

struct Machine<'a> {
    bytes: &'a [u8],
    position: usize,
    /// Offset of the opcode at work.
    at: usize,
    dialect: Dialect,
    limits: &'a Limits,
    nodes: Vec<Node>,
    stack: Vec<Id>,
    /// Heights of the stack at each MARK.
    marks: Vec<usize>,
    memo: HashMap<u32, Id>,
}

impl<'a> Machine<'a> {
    fn step(&mut self) -> Result<Step, PickleError> {
        self.at = self.position;
        let opcode = self.byte()?;
        match opcode {
            0x80 => {
                self.byte()?;
            }
            0x95 => {
                self.u64()?;
            }
            b'.' => return Ok(Step::Stop),
            b'(' => {
                if self.marks.len() >= self.limits.max_items {
                    return Err(self.limit("marks", self.limits.max_items));
                }
                self.marks.push(self.stack.len());
            }
            b'0' => {
                // POP drops a mark when nothing lies above it.
                if self.marks.last() == Some(&self.stack.len()) {
                    self.marks.pop();
                } else {
                    self.pop()?;
                }
            }
            b'1' => {
                self.pop_mark()?;
            }
            b'N' => self.push(Node::None)?,
            0x88 => self.push(Node::Bool(true))?,
            0x89 => self.push(Node::Bool(false))?,
            b'K' => {
                let value = self.byte()?;
                self.push(Node::Int(value.into()))?;
            }
            b'M' => {
                let value = u16::from_le_bytes(self.array()?);
                self.push(Node::Int(value.into()))?;
            }
            b'J' => {
                let value = i32::from_le_bytes(self.array()?);
                self.push(Node::Int(value.into()))?;
            }
            0x8a => {
                let length = self.byte()?.into();
                self.long(length)?;
            }
            0x8b => {
                let length = u64::from(self.u32()?);
                self.long(length)?;
            }
            b'G' => {
                let value = f64::from_be_bytes(self.array()?);
                self.push(Node::Float(value))?;
            }
            0x8c => {
                let length = self.byte()?.into();
                self.text(length)?;
            }
            b'X' => {
                let length = self.u32()?.into();
                self.text(length)?;
            }
            0x8d => {
                let length = self.u64()?;
                self.text(length)?;
            }
            b'C' => {
                let length = self.byte()?.into();
                self.data(length)?;
            }
            b'B' => {
                let length = self.u32()?.into();
                self.data(length)?;
            }
            0x8e | 0x96 => {
                let length = self.u64()?;
                self.data(length)?;
            }
            b')' => self.push(Node::Tuple(Vec::new()))?,
            0x85..=0x87 => {
                let count = usize::from(opcode - 0x84);
                let floor = self.floor();
                let split = self.stack.len().checked_sub(count).filter(|&s| s >= floor);
                let items = self.stack.split_off(split.ok_or(self.malformed("the stack is empty"))?);
                self.push(Node::Tuple(items))?;
            }
            b't' => {
                let items = self.pop_mark()?;
                self.push(Node::Tuple(items))?;
            }
            b']' | 0x8f => self.push(Node::List(Vec::new()))?,
            b'l' | 0x91 => {
                let items = self.pop_mark()?;
                self.push(Node::List(items))?;
            }
            b'}' => self.push(Node::Dict(Vec::new()))?,
            b'd' => {
                let items = self.pop_mark()?;
                let pairs = self.pairs(items)?;
                self.push(Node::Dict(pairs))?;
            }
            b'a' => {
                let item = self.pop()?;
                self.append(vec![item])?;
            }
            b'e' | 0x90 => {
                let items = self.pop_mark()?;
                self.append(items)?;
            }
            b's' => {
                let value = self.pop()?;
                let key = self.pop()?;
                self.set_items(vec![(key, value)])?;
            }
            b'u' => {
                let items = self.pop_mark()?;
                let pairs = self.pairs(items)?;
                self.set_items(pairs)?;
            }
            b'q' => {
                let index = self.byte()?.into();
                self.remember(index)?;
            }
            b'r' => {
                let index = self.u32()?;
                self.remember(index)?;
            }
            0x94 => {
                let index = self.memo.len().try_into().unwrap_or(u32::MAX);
                self.remember(index)?;
            }
            b'h' => {
                let index = self.byte()?.into();
                self.recall(index)?;
            }
            b'j' => {
                let index = self.u32()?;
                self.recall(index)?;
            }
            b'c' => {
                let (module, name) = (self.line()?, self.line()?);
                self.global(module, name)?;
            }
            0x93 => {
                let (name, module) = (self.pop()?, self.pop()?);
                let (Some(module), Some(name)) = (self.str(module), self.str(name)) else {
                    return Err(self.malformed("a global's name is not text"));
                };
                self.global(&module, &name)?;
            }
            b'R' | 0x81 => {
                let (args, callee) = (self.pop()?, self.pop()?);
                if !matches!(self.nodes.get(callee as usize), Some(Node::Global(_))) {
                    return Err(self.malformed("something that is no global is called"));
                }
                if !matches!(self.nodes.get(args as usize), Some(Node::Tuple(_))) {
                    return Err(self.malformed("a call's arguments are no tuple"));
                }
                let offset = self.at;
                let call =
                    Call { callee, args, state: None, appended: Vec::new(), items: Vec::new(), offset };
                self.push(Node::Call(Box::new(call)))?;
            }
            b'b' => {
                let state = self.pop()?;
                match self.top()? {
                    Node::Call(call) => call.state = Some(state),
                    _ => return Err(self.malformed("BUILD on something that has no state")),
                }
            }
            b'Q' if self.dialect == Dialect::Torch => {
                let id = self.pop()?;
                self.push(Node::Persistent(id))?;
            }
            _ => {
                let reason = refusal(opcode);
                return Err(PickleError::OpcodeRefused { opcode, offset: self.at, reason });
            }
        }
        Ok(Step::On)
    }

    fn malformed(&self, reason: &'static str) -> PickleError {
        PickleError::Malformed { offset: self.at, reason }
    }

    fn limit(&self, what: &'static str, limit: usize) -> PickleError {
        PickleError::Limit { what, limit, offset: self.at }
    }

    fn take(&mut self, count: u64) -> Result<&'a [u8], PickleError> {
        let rest = self.bytes.get(self.position..).unwrap_or_default();
        let taken = usize::try_from(count).ok().and_then(|n| rest.get(..n));
        let taken = taken.ok_or(PickleError::Truncated {
            offset: self.position,
            needed: count,
            available: rest.len(),
        })?;
        self.position += taken.len();
        Ok(taken)
    }

    fn array<const N: usize>(&mut self) -> Result<[u8; N], PickleError> {
        let mut array = [0; N];
        array.copy_from_slice(self.take(N as u64)?);
        Ok(array)
    }

    fn byte(&mut self) -> Result<u8, PickleError> {
        self.array().map(|[byte]| byte)
    }

    fn u32(&mut self) -> Result<u32, PickleError> {
        self.array().map(u32::from_le_bytes)
    }

    fn u64(&mut self) -> Result<u64, PickleError> {
        self.array().map(u64::from_le_bytes)
    }

    fn line(&mut self) -> Result<&'a str, PickleError> {
        let rest = self.bytes.get(self.position..).unwrap_or_default();
        let end = rest.iter().position(|&b| b == b'\n').ok_or(PickleError::Truncated {
            offset: self.position,
            needed: rest.len() as u64 + 1,
            available: rest.len(),
        })?;
        let line = self.take(end as u64 + 1)?;
        std::str::from_utf8(&line[..end]).map_err(|_| self.malformed("a name is not UTF-8"))
    }

    fn push(&mut self, node: Node) -> Result<(), PickleError> {
        let id = self.nodes.len();
        if id >= self.limits.max_items {
            return Err(self.limit("values", self.limits.max_items));
        }
        let id = Id::try_from(id).map_err(|_| self.limit("values", Id::MAX as usize))?;
        self.nodes.push(node);
        self.stack.push(id);
        Ok(())
    }

    /// Height below which the stack belongs to an outer MARK.
    fn floor(&self) -> usize {
        self.marks.last().copied().unwrap_or(0)
    }

    fn pop(&mut self) -> Result<Id, PickleError> {
        if self.stack.len() <= self.floor() {
            return Err(self.malformed("the stack is empty"));
        }
        self.stack.pop().ok_or(self.malformed("the stack is empty"))
    }

    fn top(&mut self) -> Result<&mut Node, PickleError> {
        let error = self.malformed("the stack is empty");
        if self.stack.len() <= self.floor() {
            return Err(error);
        }
        let id = self.stack.last().copied().ok_or(error.clone())?;
        self.nodes.get_mut(id as usize).ok_or(error)
    }

    fn pop_mark(&mut self) -> Result<Vec<Id>, PickleError> {
        let mark = self.marks.pop().ok_or(self.malformed("no mark on the stack"))?;
        Ok(self.stack.split_off(mark))
    }

    fn pairs(&self, items: Vec<Id>) -> Result<Vec<(Id, Id)>, PickleError> {
        let (pairs, rest) = items.as_chunks::<2>();
        if !rest.is_empty() {
            return Err(self.malformed("a key without a value"));
        }
        Ok(pairs.iter().map(|&[key, value]| (key, value)).collect())
    }

    fn append(&mut self, items: Vec<Id>) -> Result<(), PickleError> {
        match self.top()? {
            Node::List(list) => list.extend(items),
            Node::Call(call) => call.appended.extend(items),
            _ => return Err(self.malformed("items appended to something that is no list")),
        }
        Ok(())
    }

    fn set_items(&mut self, pairs: Vec<(Id, Id)>) -> Result<(), PickleError> {
        match self.top()? {
            Node::Dict(dict) => dict.extend(pairs),
            Node::Call(call) => call.items.extend(pairs),
            _ => return Err(self.malformed("items set on something that is no dict")),
        }
        Ok(())
    }

    fn remember(&mut self, index: u32) -> Result<(), PickleError> {
        let id = match self.stack.last() {
            Some(&id) if self.stack.len() > self.floor() => id,
            _ => return Err(self.malformed("the stack is empty")),
        };
        if self.memo.len() >= self.limits.max_memo {
            return Err(self.limit("memo entries", self.limits.max_memo));
        }
        self.memo.insert(index, id);
        Ok(())
    }

    fn recall(&mut self, index: u32) -> Result<(), PickleError> {
        let id = self.memo.get(&index).copied().ok_or(self.malformed("a memo entry that was never set"))?;
        // References make no node, so they need a bound of their own.
        if self.stack.len() >= self.limits.max_items {
            return Err(self.limit("values", self.limits.max_items));
        }
        self.stack.push(id);
        Ok(())
    }

    fn long(&mut self, length: u64) -> Result<(), PickleError> {
        let bytes = self.take(length)?;
        let sign = if bytes.last().is_some_and(|b| b & 0x80 != 0) { 0xff } else { 0 };
        let mut value = [sign; 8];
        let (low, high) = bytes.split_at(bytes.len().min(8));
        if high.iter().any(|&b| b != sign) {
            return Err(self.malformed("an integer of more than 64 bits"));
        }
        value.iter_mut().zip(low).for_each(|(to, from)| *to = *from);
        let value = i64::from_le_bytes(value);
        if (value < 0) != (sign != 0) {
            return Err(self.malformed("an integer of more than 64 bits"));
        }
        self.push(Node::Int(value))
    }

    fn text(&mut self, length: u64) -> Result<(), PickleError> {
        let bytes = self.take(length)?;
        let text = std::str::from_utf8(bytes).map_err(|_| self.malformed("text that is not UTF-8"))?;
        self.push(Node::Str(text.into()))
    }

    fn data(&mut self, length: u64) -> Result<(), PickleError> {
        let bytes = self.take(length)?;
        self.push(Node::Bytes(bytes.into()))
    }

    fn str(&self, id: Id) -> Option<Arc<str>> {
        if let Some(Node::Str(text)) = self.nodes.get(id as usize) { Some(text.clone()) } else { None }
    }

    fn global(&mut self, module: &str, name: &str) -> Result<(), PickleError> {
        match Global::find(self.dialect, module, name) {
            Some(global) => self.push(Node::Global(global)),
            None => {
                let short = |s: &str| s.chars().take(80).collect();
                let (module, name) = (short(module), short(name));
                Err(PickleError::GlobalRefused { module, name, offset: self.at })
            }
        }
    }
}

/// Why an opcode outside the subset is refused.
fn refusal(opcode: u8) -> &'static str {
    match opcode {
        b'i' | b'o' | 0x92 => "it makes an instance of a class",
        0x82..=0x84 => "it names an extension by number",
        b'P' | b'Q' => "it refers to an object outside the pickle",
        0x97 | 0x98 => "it refers to a buffer outside the pickle",
        b'I' | b'L' | b'F' | b'S' | b'V' | b'T' | b'U' | b'p' | b'g' | b'2' => {
            "no pickler of protocol 2 to 5 needs it"
        }
        _ => "it is no opcode",
    }
}
