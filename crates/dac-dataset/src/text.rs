//! Transcripts in the metadata of rows.

use serde_json::{Map, Value};

/// Transcript in a JSON object: of its `text`, or of the supervisions of a cut.
pub(crate) fn text_of_fields(fields: &Map<String, Value>) -> Option<String> {
    if let Some(text) = fields.get("text") {
        return text.as_str().map(str::to_owned);
    }
    let supervisions = fields.get("supervisions")?.as_array()?;
    let texts: Vec<_> = supervisions.iter().filter_map(|item| item.get("text")?.as_str()).collect();
    (!texts.is_empty()).then(|| texts.join(" "))
}
