//! The list of token file formats, and their detection by name and by content.

use std::fmt;
use std::io::Read;
use std::str::FromStr;

use dac_sniff::{HEAD_BYTES, guess};
use thiserror::Error;

use crate::error::TokenError;
use crate::options::{IntegerType, Save, WriteOptions};
use crate::token_format::{Capacity, TokenFormat};
use crate::{dac, dacp, npy, pt, safetensors};

/// Bytes from the start of a file that suffice for [`Format::sniff`].
pub const SNIFF_BYTES: usize = 256;

/// A token file format.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
#[non_exhaustive]
pub enum Format {
    /// Named arrays with metadata; stores everything.
    #[default]
    Safetensors,
    /// One numpy array, codes or z, without metadata.
    Npy,
    /// A torch tensor or a dict of tensors, without metadata.
    Pt,
    /// File of the reference codec: codes and the metadata that its decoder needs.
    Dac,
    /// Compact stream of this project: packed codes in blocks.
    Dacp,
}

/// Unknown name of a token format.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("unknown token format {name:?}; known formats are {}", Format::ALL.map(Format::extension).join(", "))]
pub struct UnknownFormat {
    /// The unknown name.
    pub name: String,
}

impl Format {
    /// Every format.
    pub const ALL: [Self; 5] = [Self::Safetensors, Self::Npy, Self::Pt, Self::Dac, Self::Dacp];

    pub(crate) fn get(self) -> &'static TokenFormat {
        match self {
            Self::Safetensors => &safetensors::SAFETENSORS,
            Self::Npy => &npy::NPY,
            Self::Pt => &pt::PT,
            Self::Dac => &dac::DAC,
            Self::Dacp => &dacp::DACP,
        }
    }

    /// File name extension without the dot; also the name of the format.
    pub fn extension(self) -> &'static str {
        self.get().name
    }

    /// Returns whether one file can store these arrays together.
    pub fn can_hold(self, arrays: Save) -> bool {
        match self.get().capacity {
            Capacity::AnyArrays => arrays.codes || arrays.z || arrays.latents,
            Capacity::CodesOrZ => arrays.codes != arrays.z && !arrays.latents,
            Capacity::OnlyCodes => arrays == Save::default(),
        }
    }

    /// Describes the arrays that a file can store, such as "only codes".
    pub fn stores(self) -> &'static str {
        match self.get().capacity {
            Capacity::AnyArrays => "codes, z and latents",
            Capacity::CodesOrZ => "only codes or only z",
            Capacity::OnlyCodes => "only codes",
        }
    }

    /// Element types that codes can have in a file; the first is the default. Empty if the format packs codes
    /// in fewer bits.
    pub fn integer_types(self) -> &'static [IntegerType] {
        self.get().integers
    }

    /// Checks that a file can store codes as integers of this type.
    ///
    /// # Errors
    /// [`TokenError::CannotHold`].
    pub fn check_integer(self, integer: IntegerType) -> Result<(), TokenError> {
        if self.integer_types().contains(&integer) {
            return Ok(());
        }
        let possible: Vec<_> = self.integer_types().iter().map(|integer| integer.name()).collect();
        let stores = if possible.is_empty() { "packed codes".to_owned() } else { possible.join(" or ") };
        let what = format!("codes as {integer} (it stores {stores})");
        Err(TokenError::CannotHold { format: self.extension(), what })
    }

    /// Element type with which these options store codes; `None` if the format packs them.
    pub fn integer_type(self, options: &WriteOptions) -> Option<IntegerType> {
        options.integer.or(self.integer_types().first().copied())
    }

    /// Detects the format of a file from its first [`SNIFF_BYTES`] bytes.
    pub fn sniff(start: &[u8]) -> Option<Self> {
        let start = start.get(..SNIFF_BYTES).unwrap_or(start);
        // Safetensors, whose signature is weakest, is the first of the list and is tried last.
        Self::ALL.into_iter().rev().find(|format| (format.get().matches)(start))
    }
}

impl fmt::Display for Format {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.extension())
    }
}

impl FromStr for Format {
    type Err = UnknownFormat;

    /// Finds a format by its name, with or without a leading dot, in upper or lower case.
    fn from_str(name: &str) -> Result<Self, Self::Err> {
        let bare = name.strip_prefix('.').unwrap_or(name);
        let found = Self::ALL.into_iter().find(|f| f.extension().eq_ignore_ascii_case(bare));
        found.ok_or_else(|| UnknownFormat { name: name.to_owned() })
    }
}

/// Detects the format of a file from its start, which is read from `reader` and appended to `start`.
pub(crate) fn detect<R: Read>(reader: &mut R, start: &mut Vec<u8>) -> Result<Format, TokenError> {
    reader.by_ref().take(SNIFF_BYTES as u64).read_to_end(start)?;
    if let Some(format) = Format::sniff(start) {
        return Ok(format);
    }
    if start.is_empty() {
        return Err(TokenError::Empty);
    }
    // More bytes help to name the kind of another file.
    reader.by_ref().take((HEAD_BYTES - SNIFF_BYTES) as u64).read_to_end(start)?;
    Err(TokenError::UnknownFormat {
        guess: guess(start),
        known: Format::ALL.map(|format| format!(".{format}")).join(", "),
    })
}
