//! Order of the results of a key.

/// Position of a new result among the `known` ones of its key, which are sorted from oldest to newest and
/// given by manifest and end time. Later lines of a manifest are newer, because clocks can be set back;
/// results of different manifests are compared by time. Records without a time were written by early versions
/// and count as older than all others.
pub(super) fn position(
    known: impl DoubleEndedIterator<Item = (u32, Option<f64>)> + ExactSizeIterator,
    manifest: u32,
    finished_s: Option<f64>,
) -> usize {
    let mut known = known;
    let is_older = |(other, time): (u32, Option<f64>)| other == manifest || time <= finished_s;
    known.rposition(is_older).map_or(0, |index| index + 1)
}
