//! The state of one signal in all layers of a pipeline.

use super::{Inner, geometry::Geometry, layer::Layer, segment::Segment};
use crate::{NonFinite, buffer::Queue, first_non_finite};

/// The state of a signal in all layers.
#[derive(Debug, Default)]
pub(super) struct Signal {
    pub(super) layers: Vec<LayerState>,
    /// Rows of the last layer, at its row stride.
    out: Queue,
    /// The origin of the first value that was not finite.
    pub(super) non_finite: Option<NonFinite>,
}

/// The state of a signal in one layer.
#[derive(Debug)]
pub(super) struct LayerState {
    /// Rows in, from the first group in of the next group out.
    rows: Queue,
    /// Number of rows in so far.
    pub(super) received: usize,
    /// Number of groups out computed so far.
    pub(super) groups_done: usize,
}

/// A run of one layer on one signal: the segment is computed between [`Signal::start_run`] and
/// [`Signal::end_run`].
pub(super) struct Run {
    index: usize,
    groups: usize,
    /// Values in that the tiles read.
    needed: usize,
    /// Zeros appended to the rows in.
    zeros: usize,
}

impl Signal {
    /// Starts a signal in the memory of an old one.
    pub(super) fn new(pipeline: &Inner, geometry: &[Geometry], old: Self) -> Self {
        let mut queues = old.layers.into_iter().map(|state| state.rows);
        let leads = pipeline.layers.iter().zip(geometry).map(|(l, g)| g.lead * l.in_stride);
        let layers = leads.map(|lead| LayerState {
            rows: Queue::new(lead, queues.next().unwrap_or_default()),
            received: 0,
            groups_done: 0,
        });
        Self { layers: layers.collect(), out: Queue::new(0, old.out), non_finite: old.non_finite }
    }

    /// Appends whole rows to the input of the first layer.
    pub(super) fn append(&mut self, first: &Layer, rows: &[f32]) {
        let (channels, stride) = (first.geometry.in_channels, first.in_stride);
        let count = rows.len() / channels;
        let to = self.layers[0].rows.append(count * stride);
        if stride == channels {
            to.copy_from_slice(rows);
        } else {
            let pairs = to.chunks_exact_mut(stride).zip(rows.chunks_exact(channels));
            pairs.for_each(|(to, row)| {
                to[..channels].copy_from_slice(row);
                to[channels..].fill(0.0);
            });
        }
        self.layers[0].received += count;
    }

    /// Begins a run of `groups` groups out of layer `index`. Rows in that have not arrived are zeros; they
    /// influence only groups out after these, or are after the end of the signal.
    pub(super) fn start_run(&mut self, index: usize, layer: &Layer, groups: usize) -> (Run, Segment<'_>) {
        let (in_width, out_width) = layer.group_widths();
        let needed = layer.groups_read(groups) * in_width;
        let (current, following) = self.layers.split_at_mut(index + 1);
        let rows = &mut current[index].rows;
        let zeros = needed.saturating_sub(rows.len());
        rows.append(zeros).fill(0.0);
        let to = match following.first_mut() {
            Some(next) => &mut next.rows,
            None => &mut self.out,
        };
        let y = to.append(groups * out_width);
        (Run { index, groups, needed, zeros }, Segment { x: &rows.as_slice()[..needed], groups, y })
    }

    /// Ends a run: checks the values computed, drops rows in that are no longer needed, and passes on the
    /// rows out.
    pub(super) fn end_run(&mut self, layer: &Layer, g: &Geometry, run: Run) {
        let Run { index, groups, needed, zeros } = run;
        let (in_width, out_width) = layer.group_widths();
        let (current, following) = self.layers.split_at_mut(index + 1);
        let state = &mut current[index];
        let to = match following.first_mut() {
            Some(next) => &mut next.rows,
            None => &mut self.out,
        };
        let y = &to.as_slice()[to.len() - groups * out_width..];
        // A convolution spreads a value that is not finite to all channels of its rows.
        if self.non_finite.is_none() && y.chunks_exact(layer.out_stride).any(|row| !row[0].is_finite()) {
            let is_earlier = first_non_finite(&state.rows.as_slice()[..needed]).is_some();
            self.non_finite = Some(match index {
                0 if is_earlier => NonFinite::Input,
                _ => NonFinite::Layer(index - usize::from(is_earlier)),
            });
        }
        // Counted from the first computed row, rows before `g.skip` and after the end are dropped.
        let before = state.groups_done * g.out_group;
        let computed = groups * g.out_group;
        state.groups_done += groups;
        state.rows.drop_back(zeros);
        state.rows.drop_front(groups * in_width);
        let end = (g.skip + g.rows_out(state.received)).saturating_sub(before).min(computed);
        let skipped = g.skip.saturating_sub(before).min(end);
        to.drop_back((computed - end) * layer.out_stride);
        to.remove_before(skipped * layer.out_stride, (end - skipped) * layer.out_stride);
        if let Some(next) = following.first_mut() {
            next.received += end - skipped;
        }
    }

    /// Moves the computed rows of the last layer to the caller.
    pub(super) fn take_rows(&mut self, last: &Layer, out: &mut Vec<f32>) {
        let channels = last.geometry.out_channels;
        let rows = self.out.as_slice();
        if last.out_stride == channels {
            out.extend_from_slice(rows);
        } else {
            rows.chunks_exact(last.out_stride).for_each(|row| out.extend_from_slice(&row[..channels]));
        }
        self.out.drop_back(self.out.len());
    }
}
