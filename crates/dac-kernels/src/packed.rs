//! Packed weights: computed here, or parts of a memory that was filled earlier.

use crate::{KernelError, buffer::AlignedBuffer, first_non_finite};
use std::{fmt, ops::Range, sync::Arc};

/// Version of the order and the content of packed weights. Raise it with every change of them, so that
/// weights prepared by earlier versions are not used; a test compares checksums.
pub const PACKED_LAYOUT: u32 = 1;

/// Bytes of which the address of a section must be a multiple: a cache line.
pub const PACKED_ALIGNMENT: usize = 64;

/// Memory that several sections share, such as a file mapped into memory. Its values must never change.
pub type SharedValues = Arc<dyn AsRef<[f32]> + Send + Sync>;

/// One block of packed weights, on a cache line. Clones share the memory.
#[derive(Clone)]
pub struct PackedSection {
    memory: SharedValues,
    range: Range<usize>,
    /// Values in a word: 1 (`f32`) or 2 (`bf16`).
    per_word: usize,
}

impl fmt::Debug for PackedSection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PackedSection")
            .field("len", &self.len())
            .field("per_word", &self.per_word)
            .finish_non_exhaustive()
    }
}

impl PackedSection {
    /// Returns a section without words.
    pub(crate) fn empty() -> Self {
        Self { memory: Arc::new([]), range: 0..0, per_word: 1 }
    }

    /// Returns the words: `f32` values, or the bits of two `bf16` values each.
    pub fn words(&self) -> &[f32] {
        &(*self.memory).as_ref()[self.range.clone()]
    }

    /// Number of words.
    pub(crate) fn len(&self) -> usize {
        self.range.len()
    }

    /// Returns the index of the first word with a NaN or an infinity.
    pub fn first_non_finite(&self) -> Option<usize> {
        const EXPONENT: u32 = 0x7f80;
        let is_finite = |half: u32| half & EXPONENT != EXPONENT;
        match self.per_word {
            1 => first_non_finite(self.words()),
            _ => self.words().iter().position(|word| {
                let bits = word.to_bits();
                !is_finite(bits) || !is_finite(bits >> 16)
            }),
        }
    }
}

/// The sections of a pipeline, packed earlier with the same options: parts of one memory, in order.
#[derive(Clone)]
pub struct PackedSections {
    memory: SharedValues,
    ranges: Vec<Range<usize>>,
}

impl fmt::Debug for PackedSections {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PackedSections").field("ranges", &self.ranges.len()).finish_non_exhaustive()
    }
}

impl PackedSections {
    /// Takes the parts `ranges` of `memory`, in words, for [`crate::PipelineBuilder::prepared`].
    ///
    /// # Errors
    /// [`KernelError::Prepared`] if a range is not inside the memory or does not begin on a cache line.
    pub fn new(memory: SharedValues, ranges: Vec<Range<usize>>) -> Result<Self, KernelError> {
        let words = (*memory).as_ref();
        for range in &ranges {
            let section = words.get(range.clone());
            let section = section.ok_or(KernelError::Prepared { what: "a section is outside the memory" })?;
            if !section.as_ptr().addr().is_multiple_of(PACKED_ALIGNMENT) {
                return Err(KernelError::Prepared { what: "a section does not begin on a cache line" });
            }
        }
        Ok(Self { memory, ranges })
    }
}

/// Provides the sections of a pipeline in order, computed or prepared.
#[derive(Debug, Default)]
pub(crate) struct SectionSource {
    prepared: Option<PackedSections>,
    provided: Vec<PackedSection>,
    error: Option<KernelError>,
}

impl SectionSource {
    /// Takes the sections from `sections` instead of computing them.
    pub(crate) fn prepared(sections: PackedSections) -> Self {
        Self { prepared: Some(sections), ..Self::default() }
    }

    /// Returns the next section, of `len` words of `per_word` values each. `fill` computes it from zeros,
    /// unless it is prepared.
    pub(crate) fn section(
        &mut self,
        len: usize,
        per_word: usize,
        fill: impl FnOnce(&mut [f32]),
    ) -> PackedSection {
        let next = self.provided.len();
        let prepared = self.prepared.as_ref();
        let section = match prepared.map(|sections| (sections, sections.ranges.get(next).cloned())) {
            Some((sections, Some(range))) if range.len() == len => {
                PackedSection { memory: Arc::clone(&sections.memory), range, per_word }
            }
            found => {
                let mut buffer = AlignedBuffer::zeros(len);
                match found {
                    None => fill(buffer.grow_to(len)),
                    Some(_) => {
                        let what = "a section does not have the length of its layer";
                        self.error.get_or_insert(KernelError::Prepared { what });
                    }
                }
                PackedSection { memory: Arc::new(buffer), range: 0..len, per_word }
            }
        };
        self.provided.push(section.clone());
        section
    }

    /// Returns all sections in order.
    pub(crate) fn finish(self) -> Result<Vec<PackedSection>, KernelError> {
        if let Some(error) = self.error {
            return Err(error);
        }
        match self.prepared {
            Some(sections) if sections.ranges.len() > self.provided.len() => {
                Err(KernelError::Prepared { what: "there are more sections than the layers need" })
            }
            _ => Ok(self.provided),
        }
    }
}
