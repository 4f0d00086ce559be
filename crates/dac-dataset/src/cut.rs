//! Cuts of Lhotse: JSON objects that describe a recording, or a part of one, with its transcript.

use serde_json::{Map, Value, json};

use crate::error::PackError;
use crate::metadata::EntryMetadata;
use crate::passed::{Member, Passed};
use crate::text::text_of_fields;

/// Name of our metadata among the custom fields of a cut.
const METADATA: &str = "dac";

/// Name of the array of codes among the fields of a Shar directory.
pub(crate) const CODES: &str = "codes";

/// Reports whether a JSON object is a cut.
pub(crate) fn is_cut(fields: &Map<String, Value>) -> bool {
    let kind = fields.get("type").and_then(Value::as_str);
    kind.is_some_and(|kind| kind.ends_with("Cut")) && fields.contains_key("id")
}

/// Metadata of the tokens that belong to a cut.
pub(crate) fn metadata_of(mut cut: Map<String, Value>) -> Map<String, Value> {
    let custom = cut.get_mut("custom").and_then(Value::as_object_mut);
    match custom.and_then(|custom| custom.remove(METADATA)) {
        Some(Value::Object(metadata)) => metadata,
        _ => Map::new(),
    }
}

/// Cut of an entry: that of its row, or a new one with its text and all its fields.
pub(crate) fn cut_of(
    id: &str,
    metadata: &EntryMetadata,
    passed: &Passed,
) -> Result<Map<String, Value>, PackError> {
    let (passed, is_piece) = match passed {
        Passed::Piece(passed) => (passed.as_ref(), true),
        passed => (passed, false),
    };
    let fields = fields_of(passed);
    let mut cut = if is_cut(&fields) && !is_piece { fields } else { new_cut(id, metadata, fields, is_piece) };
    cut.insert("id".to_owned(), id.into());
    let custom = cut.entry("custom").or_insert_with(|| Value::Object(Map::new()));
    if !custom.is_object() {
        *custom = Value::Object(Map::new());
    }
    if let Some(custom) = custom.as_object_mut() {
        // The array of this name is in the archive next to the cuts.
        custom.remove(CODES);
        let metadata = serde_json::to_value(metadata);
        custom.insert(METADATA.to_owned(), metadata.map_err(PackError::json)?);
    }
    Ok(cut)
}

/// Start in seconds of a cut in its recording.
pub(crate) fn start_of(cut: &Map<String, Value>) -> Value {
    cut.get("start").filter(|start| start.is_number()).cloned().unwrap_or_else(|| 0.into())
}

/// Describes the encoded audio. The recording has no source: the audio is not part of the data set.
fn new_cut(
    id: &str,
    metadata: &EntryMetadata,
    mut fields: Map<String, Value>,
    is_piece: bool,
) -> Map<String, Value> {
    let meta = &metadata.meta;
    let channels: Vec<usize> = (0..metadata.channels.max(1)).collect();
    let samples_at_model_rate = meta.hop_samples.map(|hop| (hop * metadata.frames) as u64);
    let (samples, rate_hz) = match (meta.input_samples, meta.input_rate_hz) {
        (Some(samples), Some(rate_hz)) => (samples, rate_hz),
        _ => (samples_at_model_rate.unwrap_or_default(), meta.model_rate_hz.unwrap_or(1)),
    };
    let seconds = samples as f64 / f64::from(rate_hz.max(1));
    let is_mono = channels.len() == 1;
    let channel = if is_mono { json!(0) } else { json!(channels) };
    // The transcript of a row is not that of its pieces.
    let text = if is_piece { None } else { text_of_fields(&fields) };
    let supervision = text.map(|text| {
        let mut supervision = json!({
            "id": id, "recording_id": id, "start": 0, "duration": seconds, "channel": channel, "text": text,
        });
        for name in ["speaker", "language", "gender"] {
            if let (Some(value @ Value::String(_)), Some(supervision)) =
                (fields.get(name), supervision.as_object_mut())
            {
                supervision.insert(name.to_owned(), value.clone());
            }
        }
        supervision
    });
    if is_cut(&fields) {
        let mut custom = match fields.remove("custom") {
            Some(Value::Object(custom)) => custom,
            _ => Map::new(),
        };
        custom.insert("source_cut".to_owned(), Value::Object(fields));
        fields = custom;
    }
    let recording = json!({
        "id": id,
        "sources": [{ "type": "shar", "channels": channels, "source": "" }],
        "sampling_rate": rate_hz,
        "num_samples": samples,
        "duration": seconds,
        "channel_ids": channels,
    });
    let cut = json!({
        "id": id,
        "start": 0,
        "duration": seconds,
        "channel": channel,
        "supervisions": supervision.into_iter().collect::<Vec<_>>(),
        "recording": recording,
        "custom": fields,
        "type": if is_mono { "MonoCut" } else { "MultiCut" },
    });
    if let Value::Object(cut) = cut { cut } else { Map::new() }
}

/// Everything of a row that JSON can express: its fields, or its members of text and JSON.
fn fields_of(passed: &Passed) -> Map<String, Value> {
    match passed {
        Passed::Fields(fields) => fields.clone(),
        Passed::Members(members) => fields_of_members(members),
        Passed::Nothing | Passed::Columns(_) | Passed::Piece(_) => Map::new(),
    }
}

fn fields_of_members(members: &[Member]) -> Map<String, Value> {
    let mut fields = Map::new();
    for Member { extension, content } in members {
        match serde_json::from_slice(content) {
            Ok(Value::Object(object)) if extension == "json" => fields.extend(object),
            Ok(value) if extension == "json" || extension.ends_with(".json") => {
                fields.insert(extension.clone(), value);
            }
            _ => {
                if let Ok(text) = std::str::from_utf8(content) {
                    fields.entry(extension.clone()).or_insert_with(|| text.trim_end().into());
                }
            }
        }
    }
    if !fields.contains_key("text")
        && let Some(text) = fields.get("txt").cloned()
    {
        fields.insert("text".to_owned(), text);
    }
    fields
}
