//! Segments: the groups out that a layer computes of each signal, divided into blocks.

use super::layer::Layer;

/// Consecutive groups out of one signal.
#[derive(Debug)]
pub(super) struct Segment<'a> {
    /// The groups in that the tiles read (see [`Layer::groups_read`]).
    pub(super) x: &'a [f32],
    /// Number of groups out.
    pub(super) groups: usize,
    /// The groups out.
    pub(super) y: &'a mut [f32],
}

impl<'a> Segment<'a> {
    /// Divides a segment before group `groups`, the first of a span.
    fn split(self, layer: &Layer, groups: usize) -> (Self, Self) {
        let (in_width, out_width) = layer.group_widths();
        let (y, rest) = self.y.split_at_mut(groups * out_width);
        let x = &self.x[..layer.groups_read(groups) * in_width];
        let tail = Self { x: &self.x[groups * in_width..], groups: self.groups - groups, y: rest };
        (Self { x, groups, y }, tail)
    }
}

/// Divides segments into blocks of at most `block_tiles` tiles (or one span), each of one or more segments.
///
/// Segments are divided only between spans, so the tiles of a signal do not depend on the blocks.
pub(super) fn divide<'a>(
    layer: &Layer,
    segments: Vec<Segment<'a>>,
    block_tiles: usize,
) -> Vec<Vec<Segment<'a>>> {
    let (mut blocks, mut block, mut free) = (Vec::new(), Vec::new(), block_tiles);
    for mut segment in segments {
        while segment.groups > 0 {
            let tiles = layer.tiles(segment.groups);
            if tiles <= free {
                free -= tiles;
                block.push(segment);
                break;
            }
            let fitting = free / layer.tiles_per_span();
            let spans = if block.is_empty() { fitting.max(1) } else { fitting };
            let groups = (spans * layer.groups_per_span()).min(segment.groups);
            let (head, tail) = segment.split(layer, groups);
            segment = tail;
            if head.groups > 0 {
                block.push(head);
            }
            blocks.push(std::mem::take(&mut block));
            free = block_tiles;
        }
    }
    if !block.is_empty() {
        blocks.push(block);
    }
    blocks
}
