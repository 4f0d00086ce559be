//! Chunks cut to the memory that a device may use.

use dac_model::Codec;
use dac_nn::NetworkShape;
use dac_nn::memory::{decode_bytes, encode_bytes};

use crate::plan::ChunkPlan;

/// More windows than this as one batch make a GPU no faster, and cost memory on the host.
const MOST_TOGETHER: usize = 32;

impl ChunkPlan {
    /// For encoding with `codec` within its memory budget: chunks of `chunk_frames` or as many fewer as the budget asks for,
    /// and as many windows together as it allows. Without a budget, and where the device keeps state, one at a time. A GPU is kept a
    /// batch ahead ([`Codec::works_ahead`]); with low latency nothing waits for others.
    pub fn encode_within_budget(codec: &Codec, chunk_frames: usize) -> Self {
        suited_to(codec, Self::encode(codec.geometry(), chunk_frames), encode_bytes)
    }

    /// As [`ChunkPlan::encode_within_budget`], for decoding.
    pub fn decode_within_budget(codec: &Codec, chunk_frames: usize) -> Self {
        suited_to(codec, Self::decode(codec.geometry(), chunk_frames), decode_bytes)
    }
}

/// The plan as the codec's device, budget and latency want it.
fn suited_to(codec: &Codec, plan: ChunkPlan, bytes: fn(&NetworkShape, usize) -> u64) -> ChunkPlan {
    let plan = plan.ahead(codec.works_ahead());
    let plan = fit(plan, codec.activation_budget_bytes(), |frames| bytes(codec.shape(), frames));
    if codec.options().low_latency { plan.together(1) } else { plan }
}

/// `bytes` says what a window of so many frames takes; more frames never take less.
fn fit(plan: ChunkPlan, budget_bytes: Option<u64>, bytes: impl Fn(usize) -> u64) -> ChunkPlan {
    let Some(budget) = budget_bytes else { return plan };
    let fits = |chunk: usize| bytes(plan.with_chunk_frames(chunk).window_frames()) <= budget;
    let (mut most, mut too_many) = (1, plan.chunk_frames() + 1);
    while too_many - most > 1 {
        let chunk = most.midpoint(too_many);
        if fits(chunk) { most = chunk } else { too_many = chunk }
    }
    let plan = plan.with_chunk_frames(most);
    let together = budget / bytes(plan.window_frames()).max(1);
    plan.together(usize::try_from(together).unwrap_or(MOST_TOGETHER).min(MOST_TOGETHER))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn chunks_shrink_and_gather_with_the_budget() {
        let plan = ChunkPlan::with_context(100, (20, 10));
        let fitted = |budget| {
            let plan = fit(plan, budget, |frames| frames as u64 * 1000);
            (plan.chunk_frames(), plan.windows_together())
        };
        assert_eq!(fitted(None), (100, 1));
        assert_eq!(fitted(Some(129_999)), (99, 1));
        assert_eq!(fitted(Some(130_000)), (100, 1));
        assert_eq!(fitted(Some(6 * 130_000)), (100, 4));
        assert_eq!(fitted(Some(u64::MAX)), (100, MOST_TOGETHER));
        assert_eq!(fitted(Some(0)), (1, 1));
    }
}
