//! Names the kind of a file from its first bytes, for error messages of readers that expected another kind.
//!
//! Nothing here decides how a file is read. [`guess`] is called after a reader has refused the file, so that
//! its error can name the file's likely kind and the next step: "is a Git LFS pointer to a file of 306717287
//! bytes, not the file itself: run `git lfs pull`".

#![forbid(unsafe_code)]

mod archive;
mod binary;
mod text;

use std::borrow::Cow;
use std::fmt;
use std::io::{self, Read, Seek};

/// Number of bytes from the start of a file that suffice for [`guess`]. Fewer are accepted.
pub const HEAD_BYTES: usize = 1024;

/// Likely kind of a file.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Guess {
    /// Kind of the content.
    pub kind: Kind,
    /// Noun phrase with an article that completes "the file is …".
    pub what: Cow<'static, str>,
    /// Next step for somebody who expected another file, in the imperative; `None` if there is no general
    /// advice.
    pub remedy: Option<&'static str>,
}

/// Kinds that readers treat differently.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Kind {
    /// No bytes.
    Empty,
    /// Only zeros, as an interrupted download or a failing disk leaves them.
    Zeros,
    /// A Git LFS pointer.
    GitLfsPointer,
    /// HTML.
    WebPage,
    /// XML, such as the error document of a storage server.
    Xml,
    /// JSON.
    Json,
    /// Index of a sharded Hugging Face checkpoint.
    CheckpointIndex,
    /// Other text.
    Text,
    /// A torch zip file.
    Torch,
    /// A torch file from before torch 1.6.
    LegacyTorch,
    /// A pickle outside a torch file.
    Pickle,
    /// A safetensors file.
    Safetensors,
    /// A numpy array.
    Npy,
    /// A numpy archive.
    Npz,
    /// A token file of this project's stream format.
    Dacp,
    /// Audio or video.
    Media,
    /// A zip archive of other content.
    Zip,
    /// Another archive or compressed file.
    Compressed,
    /// Another known kind.
    Other,
    /// Bytes of an unknown kind.
    Unknown,
}

impl Guess {
    fn new(kind: Kind, what: impl Into<Cow<'static, str>>) -> Self {
        Self { kind, what: what.into(), remedy: None }
    }

    fn with_remedy(mut self, remedy: &'static str) -> Self {
        self.remedy = Some(remedy);
        self
    }

    /// Returns whether the content is of a known kind, so that its first bytes need not be shown.
    pub fn is_known(&self) -> bool {
        self.kind != Kind::Unknown
    }
}

impl fmt::Display for Guess {
    /// Writes the noun phrase and, after a semicolon, the next step.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.what)?;
        match self.remedy {
            Some(remedy) => write!(f, "; {remedy}"),
            None => Ok(()),
        }
    }
}

/// Names the likely kind of a file that begins with `head`.
///
/// `head` should have [`HEAD_BYTES`] bytes, or be the whole file.
pub fn guess(head: &[u8]) -> Guess {
    if head.is_empty() {
        return Guess::new(Kind::Empty, "an empty file (0 bytes)").with_remedy(AGAIN);
    }
    if head.len() >= 16 && head.iter().all(|&byte| byte == 0) {
        return Guess::new(Kind::Zeros, "a file that begins with zeros").with_remedy(AGAIN);
    }
    archive::guess(head)
        .or_else(|| binary::guess(head))
        .or_else(|| text::guess(head))
        .or_else(|| binary::guess_by_infer(head))
        .unwrap_or_else(|| Guess::new(Kind::Unknown, format!("a file of unknown kind ({})", hex(head))))
}

/// Names the likely kind of a file. Leaves the reader after the bytes that it needs.
///
/// # Errors
/// When reading fails.
pub fn guess_file<R: Read + Seek>(reader: &mut R) -> io::Result<Guess> {
    reader.rewind()?;
    let mut head = Vec::new();
    reader.by_ref().take(HEAD_BYTES as u64).read_to_end(&mut head)?;
    Ok(guess(&head))
}

/// Next step for a file that is not what its publisher offers.
const AGAIN: &str = "it was not downloaded or copied completely; download or copy it again";

/// Next step for a checkpoint in several parts.
pub const JOIN_PARTS: &str = "join the parts: load them with transformers and save with \
                          save_pretrained(FOLDER, max_shard_size=\"100GB\")";

/// First bytes in hexadecimal.
fn hex(head: &[u8]) -> String {
    let bytes: Vec<String> = head.iter().take(8).map(|byte| format!("{byte:02x}")).collect();
    format!("its first bytes are {}", bytes.join(" "))
}
