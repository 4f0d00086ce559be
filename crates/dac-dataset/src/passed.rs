//! What rows of data sets contain in addition to what is processed.

use dac_tokens::TokenMeta;
use serde_json::{Map, Value};

use crate::cells::Cells;
use crate::metadata::{METADATA_EXTENSION, token_meta};

/// What a row contains in addition to its audio. It passes through to the entry of a pack.
#[derive(Debug, Clone, Default)]
#[non_exhaustive]
pub enum Passed {
    /// Nothing: the input was a plain file.
    #[default]
    Nothing,
    /// Other members of the same key in a tar archive.
    Members(Vec<Member>),
    /// Fields of a manifest, or columns converted to JSON.
    Fields(Map<String, Value>),
    /// Columns of a parquet file with their types.
    Columns(Cells),
    /// What the row contains of which the entry is a piece.
    Piece(Box<Passed>),
}

/// A member of a tar archive.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Member {
    /// Everything after the first dot of its file name.
    pub extension: String,
    /// Its content.
    pub content: Vec<u8>,
}

impl Passed {
    /// Returns a copy for a piece of the recording; all of it is one, too, if nothing was cut.
    #[must_use]
    pub fn for_piece(&self, is_cut: bool) -> Self {
        match self {
            Self::Nothing => Self::Nothing,
            passed if is_cut => Self::Piece(Box::new(passed.clone())),
            passed => passed.clone(),
        }
    }

    /// Metadata of an entry of a pack, in the members next to its token file or the columns next to its
    /// codes.
    pub fn token_meta(&self) -> TokenMeta {
        let members = match self {
            Self::Members(members) => members,
            Self::Piece(passed) => return passed.token_meta(),
            Self::Fields(fields) => return token_meta(fields.clone()),
            _ => return TokenMeta::default(),
        };
        let find = |extension: &str| members.iter().find(|member: &&Member| member.extension == extension);
        let json = find(METADATA_EXTENSION).or_else(|| find("json"));
        let fields =
            json.and_then(|member| serde_json::from_slice::<Map<String, Value>>(&member.content).ok());
        fields.map(token_meta).unwrap_or_default()
    }
}
