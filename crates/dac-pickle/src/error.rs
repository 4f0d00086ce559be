//! Errors of reading a pickle.

use thiserror::Error;

/// Next step for a pickle with bytes that no pickler writes.
const DAMAGED: &str = "the file is damaged: download or copy it again";
/// Next step for a pickle that is valid but has no place in a file of tensors.
const FOREIGN: &str = "the file contains more than tensors, arrays and plain values: load it where it was \
                       written and save only those";
/// Next step for a pickle above a limit.
const EXCESSIVE: &str =
    "the file is damaged, hostile, or contains more than tokens or weights: save only those";

/// Error of reading a pickle. Offsets are in bytes from the pickle's first byte.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum PickleError {
    /// The bytes do not begin with the PROTO opcode and a protocol from 2 to 5.
    #[error(
        "not a pickle of protocol 2 to 5: it begins with {found:02x?}, expected [80, 02] to [80, 05]; \
         {DAMAGED}"
    )]
    NotAPickle {
        /// First two bytes, or fewer if the input is shorter.
        found: Vec<u8>,
    },
    /// The bytes end inside an opcode, or before STOP.
    #[error(
        "truncated pickle: {needed} more bytes are needed at byte {offset}, {available} are available; \
         {DAMAGED}"
    )]
    Truncated {
        /// Offset at which the bytes are missing.
        offset: usize,
        /// Number of bytes needed.
        needed: u64,
        /// Number of bytes available.
        available: usize,
    },
    /// An opcode outside the accepted subset.
    #[error("pickle opcode {opcode:#04x} at byte {offset} is refused: {reason}; {FOREIGN}")]
    OpcodeRefused {
        /// The opcode.
        opcode: u8,
        /// Offset of the opcode.
        offset: usize,
        /// Effect of the opcode.
        reason: &'static str,
    },
    /// A global outside the list of accepted ones. It was neither imported nor called.
    #[error(
        "pickle refers to `{module}.{name}` at byte {offset}, which tokens and weights do not \
         need; nothing was executed, but do not trust this file. If it is your own, save only the \
         tensors (for a model its state_dict)"
    )]
    GlobalRefused {
        /// Module named by the file, at most 80 characters.
        module: String,
        /// Name in the module, at most 80 characters.
        name: String,
        /// Offset of the reference.
        offset: usize,
    },
    /// An accepted global in a place or with arguments that its own library never writes.
    #[error("unexpected use of `{global}` in the pickle at byte {offset}: {reason}; {FOREIGN}")]
    CallRefused {
        /// The global.
        global: &'static str,
        /// Offset of the call.
        offset: usize,
        /// Difference from the expected use.
        reason: &'static str,
    },
    /// A limit was exceeded.
    #[error("pickle contains more than {limit} {what} at byte {offset}; {EXCESSIVE}")]
    Limit {
        /// The limited quantity.
        what: &'static str,
        /// The limit.
        limit: usize,
        /// Offset at which the limit was exceeded.
        offset: usize,
    },
    /// Bytes that no pickler writes.
    #[error("malformed pickle at byte {offset}: {reason}; {DAMAGED}")]
    Malformed {
        /// Offset of the malformed bytes.
        offset: usize,
        /// The contradiction found.
        reason: &'static str,
    },
}
