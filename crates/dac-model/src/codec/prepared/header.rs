//! The header of a file of prepared weights.

use std::ops::Range;

use dac_kernels::PACKED_ALIGNMENT;
use serde::{Deserialize, Serialize};

/// First bytes of a file.
const MAGIC: &[u8; 8] = b"DACPACK\x01";

/// Bytes before the description: magic, length and checksum of the description.
const START: usize = 16;

const WORD: usize = size_of::<f32>();

/// Description of a file's content, stored as JSON.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Header {
    /// What determines the content.
    pub(super) key: String,
    /// Sections of the quantizer's parameters, of the encoder and of the decoder, in order.
    pub(super) quantizer: Vec<Section>,
    pub(super) encoder: Vec<Section>,
    pub(super) decoder: Vec<Section>,
}

/// Length and checksum of a section.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Section {
    pub(super) words: usize,
    pub(super) crc32: u32,
}

impl Section {
    pub(super) fn of(values: &[f32]) -> Self {
        Self { words: values.len(), crc32: crc32fast::hash(bytemuck::cast_slice(values)) }
    }
}

/// A header and the places of its sections in the file.
pub(super) struct Layout {
    pub(super) header: Header,
    /// Words of each section in the file.
    pub(super) places: Vec<Range<usize>>,
}

impl Header {
    pub(super) fn sections(&self) -> impl Iterator<Item = &Section> {
        self.quantizer.iter().chain(&self.encoder).chain(&self.decoder)
    }

    /// Returns the bytes before the first section.
    pub(super) fn to_bytes(&self) -> serde_json::Result<Vec<u8>> {
        let description = serde_json::to_vec(self)?;
        let mut bytes = MAGIC.to_vec();
        // A header has a few hundred sections.
        bytes.extend((description.len() as u32).to_le_bytes());
        bytes.extend(crc32fast::hash(&description).to_le_bytes());
        bytes.extend(description);
        bytes.resize(bytes.len().next_multiple_of(PACKED_ALIGNMENT), 0);
        Ok(bytes)
    }

    /// Reads the header of a whole file; the error is what was found instead.
    pub(super) fn read(file: &[u8]) -> Result<Layout, &'static str> {
        let field = |at: usize| {
            let bytes = file.get(at..at + 4).and_then(|bytes| bytes.try_into().ok());
            bytes.map(u32::from_le_bytes).ok_or("a truncated header")
        };
        if file.get(..MAGIC.len()) != Some(MAGIC) {
            return Err("another kind of file");
        }
        let (length, checksum) = (field(8)? as usize, field(12)?);
        let description = file.get(START..START + length).ok_or("a truncated header")?;
        if crc32fast::hash(description) != checksum {
            return Err("a damaged header");
        }
        let header: Self = serde_json::from_slice(description).map_err(|_| "a header of another version")?;
        let mut at = (START + length).next_multiple_of(PACKED_ALIGNMENT) / WORD;
        let mut places = Vec::new();
        for section in header.sections() {
            let end = at.checked_add(section.words).filter(|end| *end <= file.len() / WORD);
            let end = end.ok_or("a truncated file")?;
            places.push(at..end);
            at = padded(end);
        }
        if at * WORD != file.len() {
            return Err("a file of another length than its header states");
        }
        Ok(Layout { header, places })
    }
}

/// The next multiple of the alignment, in words.
pub(super) fn padded(words: usize) -> usize {
    words.next_multiple_of(PACKED_ALIGNMENT / WORD)
}
