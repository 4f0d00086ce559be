//! A row of a parquet file: codes and metadata that fit its columns.

use dac_rvq::Codes;
use dac_tokens::{MetaValue, TokenFile};

use super::columns;
use crate::error::PackError;
use crate::metadata::EntryMetadata;

/// A row, checked to fit the columns.
#[derive(Debug)]
pub(crate) struct Row {
    pub(super) metadata: EntryMetadata,
    pub(super) codes: Codes,
}

impl Row {
    /// # Errors
    /// Fails if there are arrays other than codes, or a number does not fit its column.
    pub(crate) fn new(metadata: EntryMetadata, tokens: TokenFile) -> Result<Self, PackError> {
        if tokens.z.is_some() || tokens.latents.is_some() {
            return Err(PackError::NotCodes { found: "z or latents" });
        }
        let Some(codes) = tokens.codes else { return Err(PackError::NotCodes { found: "no codes" }) };
        for field in columns::fields(&metadata) {
            if let MetaValue::Integer(Some(found)) = field.value
                && i64::try_from(found).is_err()
            {
                return Err(PackError::TooLarge { what: field.name, found });
            }
        }
        Ok(Self { metadata, codes })
    }

    /// Largest number of bytes that the row adds to the file: codes and texts without compression.
    pub(super) fn bytes(&self) -> u64 {
        let text = columns::fields(&self.metadata).filter_map(|field| match field.value {
            MetaValue::Text(Some(text)) => Some(text.len() + 4),
            _ => None,
        });
        let text = self.metadata.key.len() + 4 + text.sum::<usize>();
        let lists = self.codes.channels() * self.codes.codebooks();
        (self.codes.as_slice().len() * 2 + lists * 4 + text + 128) as u64
    }
}
