//! Memory for intermediate results, reused from block to block.

use crate::{buffer::AlignedBuffer, isa::Kernels};
use std::sync::Mutex;

/// Memory for the intermediate results of one block.
#[derive(Debug, Default)]
pub(crate) struct Scratch {
    /// The input after the first snake.
    pub(super) snaked: AlignedBuffer,
    /// A: the input after the forward transform.
    pub(super) transformed: AlignedBuffer,
    /// The products of a batch of panels.
    pub(super) products: AlignedBuffer,
    /// The packed values between the two convolutions of a residual unit.
    pub(super) hidden: AlignedBuffer,
    /// The output of a shared block, panel by panel.
    pub(super) panels: AlignedBuffer,
}

/// The scratch memory of all streams of a pipeline: one for a block that several threads share, and one per
/// thread.
#[derive(Debug, Default)]
pub(crate) struct ScratchPool {
    shared: Mutex<Scratch>,
    /// The unused ones; a thread takes one and returns it.
    per_thread: Mutex<Vec<Scratch>>,
}

impl ScratchPool {
    /// Runs work that does not use other threads.
    pub(super) fn with_own<R>(&self, work: impl FnOnce(&mut Scratch) -> R) -> R {
        let mut scratch = self.per_thread.lock().ok().and_then(|mut pool| pool.pop()).unwrap_or_default();
        let result = work(&mut scratch);
        if let Ok(mut pool) = self.per_thread.lock() {
            pool.push(scratch);
        }
        result
    }

    /// Runs the work on a block that all threads share.
    pub(super) fn with_shared<R>(&self, work: impl FnOnce(&mut Scratch) -> R) -> R {
        let mut scratch = self.shared.lock().map(|mut s| std::mem::take(&mut *s)).unwrap_or_default();
        let result = work(&mut scratch);
        if let Ok(mut shared) = self.shared.lock() {
            *shared = scratch;
        }
        result
    }
}

/// Kernels, scratch memory and number of threads for a run.
#[derive(Clone, Copy)]
pub(crate) struct RunContext<'a> {
    pub(crate) kernels: &'static Kernels,
    pub(crate) scratch: &'a ScratchPool,
    pub(crate) threads: usize,
}
