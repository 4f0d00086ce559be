//! Cuts of Lhotse: parts of recordings.

use serde_json::{Map, Value};

use super::manifest::number;
use super::row::Segment;

/// Key of a cut: its id.
pub(super) fn key(fields: &Map<String, Value>) -> Result<String, String> {
    let id = fields.get("id").and_then(Value::as_str).unwrap_or_default();
    let id = id.trim_matches('/');
    if id.is_empty() { Err("the cut has no id".to_owned()) } else { Ok(id.to_owned()) }
}

/// Key, path and segment of a cut.
pub(super) fn recording(fields: &Map<String, Value>) -> Result<(String, String, Option<Segment>), String> {
    let key = key(fields)?;
    let kind = fields.get("type").and_then(Value::as_str).unwrap_or_default();
    if kind != "MonoCut" && kind != "MultiCut" {
        return Err(format!("cut {key} is a {kind}, expected a MonoCut or MultiCut"));
    }
    let recording = fields.get("recording").and_then(Value::as_object);
    let recording = recording.ok_or_else(|| format!("cut {key} has no recording"))?;
    let sources = recording.get("sources").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
    let [source] = sources else {
        return Err(format!("the recording of cut {key} has {} sources, expected 1", sources.len()));
    };
    let text = |name| source.get(name).and_then(Value::as_str).unwrap_or_default();
    if text("type") != "file" {
        return Err(format!("the recording of cut {key} is a {:?}, expected a file", text("type")));
    }
    let channels = source.get("channels").and_then(Value::as_array).map_or(1, Vec::len);
    if kind == "MonoCut" && channels > 1 {
        return Err(format!("cut {key} is one channel of {channels}, expected a recording in mono"));
    }
    let duration = number(fields, "duration")?;
    let start = number(fields, "start")?.unwrap_or(0.0);
    let is_whole = start == 0.0 && duration == number(recording, "duration")?;
    let segment = if is_whole { None } else { Some(Segment::checked(start, duration)?) };
    Ok((key, text("source").to_owned(), segment))
}
