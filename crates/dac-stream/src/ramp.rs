//! The sizes of the blocks in which a decoder computes a signal whose first samples are urgent.

/// Blocks that become shorter until the first samples are complete, and longer after it.
///
/// A block of few frames takes little time, and more time per frame. The frames before the first samples are
/// computed as they arrive, half of those still missing at a time, so that little is left to compute when
/// the last of them arrives. The following blocks have 1, 1, 2, 2, 4, 4 … frames: if frames arrive at 1.5
/// times the speed of playback and computing takes no time, the next block is complete before the last one
/// is played.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Ramp {
    /// Frames without which no samples are complete.
    look_ahead_frames: usize,
    max_block_frames: usize,
    /// Frames released so far.
    released_frames: usize,
    /// Blocks released after the look-ahead.
    blocks: u32,
}

impl Ramp {
    pub(crate) fn new(look_ahead_frames: usize, max_block_frames: usize) -> Self {
        Self { look_ahead_frames, max_block_frames: max_block_frames.max(1), released_frames: 0, blocks: 0 }
    }

    pub(crate) fn max_block_frames(&self) -> usize {
        self.max_block_frames
    }

    /// Begins the next signal.
    pub(crate) fn reset(&mut self) {
        (self.released_frames, self.blocks) = (0, 0);
    }

    /// Number of frames of the next block.
    fn block_frames(&self) -> usize {
        match self.look_ahead_frames.saturating_sub(self.released_frames) {
            0 => 1_usize.checked_shl(self.blocks / 2).unwrap_or(usize::MAX).min(self.max_block_frames),
            missing => missing.div_ceil(2),
        }
    }

    /// Reports whether the `held_frames` frames that have arrived are to be computed now, and counts them.
    pub(crate) fn release(&mut self, held_frames: usize) -> bool {
        if held_frames < self.block_frames() {
            return false;
        }
        self.blocks += u32::from(self.released_frames >= self.look_ahead_frames);
        self.released_frames += held_frames;
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Returns the blocks of a signal whose frames arrive one at a time.
    fn blocks(look_ahead: usize, most: usize, frames: usize) -> Vec<usize> {
        let (mut ramp, mut held, mut blocks) = (Ramp::new(look_ahead, most), 0, Vec::new());
        for _ in 0..frames {
            held += 1;
            if ramp.release(held) {
                blocks.push(std::mem::take(&mut held));
            }
        }
        blocks
    }

    #[test]
    fn blocks_shrink_until_the_look_ahead_is_complete_and_then_grow() {
        assert_eq!(blocks(10, 8, 56), [5, 3, 1, 1, 1, 1, 2, 2, 4, 4, 8, 8, 8, 8]);
        assert_eq!(blocks(10, 1, 14), [5, 3, 1, 1, 1, 1, 1, 1]);
        assert_eq!(blocks(0, 3, 12), [1, 1, 2, 2, 3, 3]);
    }

    #[test]
    fn more_frames_than_a_block_are_released_at_once() {
        let mut ramp = Ramp::new(10, 8);
        assert!(ramp.release(40) && ramp.release(1) && ramp.release(1));
        assert!(!ramp.release(1) && ramp.release(2));
        ramp.reset();
        assert_eq!(ramp, Ramp::new(10, 8));
    }
}
