//! The facts as columns, in the order of the schema.

use crate::metadata::EntryMetadata;

/// The values of one column, one a row.
pub(super) enum Column<'a> {
    Text(Vec<Option<&'a str>>),
    Integer(Vec<Option<i64>>),
    Double(Vec<Option<f64>>),
    Float(Vec<Option<f32>>),
    Flag(Vec<Option<bool>>),
}

/// Numbers of a row whose type is wider than a column's.
pub(super) fn lengths(facts: &EntryMetadata) -> impl Iterator<Item = (&'static str, u64)> {
    let wide = |length: Option<usize>| length.map(|length| length as u64);
    [
        ("channels", wide(Some(facts.channels))),
        ("codebooks", wide(facts.codebooks)),
        ("frames", wide(Some(facts.frames))),
        ("input_samples", facts.input_samples),
        ("codebook_size", wide(facts.codebook_size)),
        ("hop_samples", wide(facts.hop_samples)),
        ("replaced_samples", facts.replaced_samples),
        ("chunk_frames", facts.chunk_frames),
    ]
    .into_iter()
    .filter_map(|(what, length)| Some((what, length?)))
}

/// All columns after the codes.
pub(super) fn after_codes(rows: &[EntryMetadata]) -> [Column<'_>; 17] {
    let integers = |of: fn(&EntryMetadata) -> Option<i64>| Column::Integer(rows.iter().map(of).collect());
    fn text<'a>(rows: &'a [EntryMetadata], of: fn(&'a EntryMetadata) -> Option<&'a str>) -> Column<'a> {
        Column::Text(rows.iter().map(of).collect())
    }
    [
        integers(|row| length(row.channels)),
        integers(|row| length(row.codebooks.unwrap_or_default())),
        integers(|row| length(row.frames)),
        text(rows, |row| Some(&row.input)),
        text(rows, |row| row.model.as_deref()),
        text(rows, |row| row.weights_sha256.as_deref()),
        integers(|row| row.model_rate_hz.map(i64::from)),
        integers(|row| row.input_rate_hz.map(i64::from)),
        integers(|row| row.input_samples.and_then(|samples| i64::try_from(samples).ok())),
        Column::Double(rows.iter().map(|row| row.audio_seconds).collect()),
        integers(|row| row.codebook_size.and_then(length)),
        integers(|row| row.hop_samples.and_then(length)),
        integers(|row| row.replaced_samples.and_then(|samples| i64::try_from(samples).ok())),
        Column::Flag(rows.iter().map(|row| row.input_truncated).collect()),
        Column::Float(rows.iter().map(|row| row.input_db).collect()),
        integers(|row| row.chunk_frames.and_then(|frames| i64::try_from(frames).ok())),
        Column::Flag(rows.iter().map(|row| row.padding).collect()),
    ]
}

/// Checked by [`lengths`] before.
fn length(length: usize) -> Option<i64> {
    i64::try_from(length).ok()
}
