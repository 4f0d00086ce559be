//! What can be wrong with a pickle.

use thiserror::Error;

/// Why a pickle was not read. Offsets count bytes from the pickle's first one.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum PickleError {
    /// The bytes do not begin with the PROTO opcode and a protocol from 2 to 5.
    #[error("not a pickle of protocol 2 to 5 (first bytes {found:02x?})")]
    NotAPickle {
        /// The first two bytes, as far as there are any.
        found: Vec<u8>,
    },
    /// The bytes end inside an opcode, or before STOP.
    #[error("pickle cut at byte {offset}: {needed} bytes more were needed, {available} are there")]
    Truncated {
        /// Where the bytes were needed.
        offset: usize,
        /// How many were needed.
        needed: u64,
        /// How many there are.
        available: usize,
    },
    /// An opcode outside the closed subset.
    #[error("pickle opcode {opcode:#04x} at byte {offset} refused: {reason}")]
    OpcodeRefused {
        /// The opcode.
        opcode: u8,
        /// Where it stands.
        offset: usize,
        /// What it would do.
        reason: &'static str,
    },
    /// A global outside the closed list; it was not imported, nor anything called.
    #[error(
        "pickle refers to `{module}.{name}` at byte {offset}, which is not on the closed list; refused, nothing was executed"
    )]
    GlobalRefused {
        /// The module named by the file (shortened when long).
        module: String,
        /// The name in it (shortened when long).
        name: String,
        /// Where the reference stands.
        offset: usize,
    },
    /// A known global in a place or with arguments that it never has in a file that its own library writes.
    #[error("pickle uses `{global}` at byte {offset} in an unknown way: {reason}")]
    CallRefused {
        /// The global.
        global: &'static str,
        /// Where it is called.
        offset: usize,
        /// What did not fit.
        reason: &'static str,
    },
    /// A limit was reached.
    #[error("pickle has more than {limit} {what} at byte {offset}")]
    Limit {
        /// What there is too much of.
        what: &'static str,
        /// The limit.
        limit: usize,
        /// Where it was passed.
        offset: usize,
    },
    /// Bytes that no pickler writes.
    #[error("malformed pickle at byte {offset}: {reason}")]
    Malformed {
        /// Where.
        offset: usize,
        /// What is wrong.
        reason: &'static str,
    },
}
