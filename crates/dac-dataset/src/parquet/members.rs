//! Columns for what rows of tar archives and manifests contain in addition to their audio: the same for all,
//! so that their shards can be read together.

use std::sync::{Arc, LazyLock};

use parquet::data_type::ByteArray;
use parquet::schema::parser::parse_message_type;
use serde_json::{Map, Value};

use crate::cells::{Cells, Leaf, PassedColumns, Values};
use crate::passed::{Member, Passed};
use crate::text::text_of_fields;

/// Names of the columns of texts, which are those of the members. `text` is also that of a JSON object.
const TEXTS: [&str; 4] = ["json", "txt", "cls", "text"];

static COLUMNS: LazyLock<Arc<PassedColumns>> = LazyLock::new(|| {
    let texts: String = TEXTS.iter().map(|name| format!("optional binary {name} (STRING);")).collect();
    let members = "required group members (LIST) { repeated group list { required group element {
        required binary name (STRING); required binary data; } } }";
    let schema = parse_message_type(&format!("message passed {{ {texts} {members} }}"));
    let fields = schema.map(|schema| schema.get_fields().to_vec()).unwrap_or_default();
    Arc::new(PassedColumns { fields, features: Map::new() })
});

/// Cells of these columns; `None` if nothing passes through.
pub(crate) fn cells_of(passed: &Passed) -> Option<Cells> {
    match passed {
        Passed::Nothing => None,
        Passed::Columns(cells) => Some(cells.clone()),
        Passed::Piece(passed) => cells_of(passed),
        Passed::Fields(fields) => {
            let json = serde_json::to_vec(fields).unwrap_or_default();
            let member = Member { extension: "json".to_owned(), content: json };
            Some(cells_of_members(&[member]))
        }
        Passed::Members(members) => Some(cells_of_members(members)),
    }
}

fn cells_of_members(members: &[Member]) -> Cells {
    let mut texts: [Option<Vec<u8>>; TEXTS.len()] = Default::default();
    let mut others = Vec::new();
    for member in members {
        let slot =
            TEXTS.iter().position(|name| *name == member.extension).and_then(|index| texts.get_mut(index));
        match slot {
            Some(slot) if slot.is_none() && std::str::from_utf8(&member.content).is_ok() => {
                *slot = Some(member.content.clone());
            }
            _ => others.push(member),
        }
    }
    if let [Some(json), .., text @ None] = &mut texts {
        let fields: Option<Map<String, Value>> = serde_json::from_slice(json).ok();
        *text = fields.as_ref().and_then(text_of_fields).map(String::into_bytes);
    }
    let mut leaves: Vec<Leaf> = texts.into_iter().map(Leaf::of_optional).collect();
    let leaf = |value: fn(&Member) -> &[u8]| Leaf {
        values: Values::Bytes(others.iter().map(|member| ByteArray::from(value(member).to_vec())).collect()),
        // 0 is an empty list, 1 an element.
        defined: if others.is_empty() { vec![0] } else { vec![1; others.len()] },
        repeated: (0..others.len().max(1)).map(|index| i16::from(index > 0)).collect(),
    };
    leaves.push(leaf(|member| member.extension.as_bytes()));
    leaves.push(leaf(|member| &member.content));
    Cells { columns: Arc::clone(&COLUMNS), leaves }
}
