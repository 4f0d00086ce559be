//! Chunk plans that fit a device's memory budget.

use dac_model::Codec;
use dac_nn::memory::{decode_bytes, encode_bytes};
use dac_nn::{Formulations, NetworkShape};

use crate::plan::ChunkPlan;

/// Largest number of windows in a batch: more do not make a GPU faster, and cost host memory.
const MAX_BATCH_WINDOWS: usize = 32;

impl ChunkPlan {
    /// Plans an encode with `codec` within its memory budget: chunks of at most `chunk_frames`, and as many
    /// windows per batch as fit. Without a budget, and on devices that keep state, one window per batch.
    /// Plans for GPUs stay one batch ahead ([`Codec::works_ahead`]); plans for low latency never wait for a
    /// second window.
    pub fn encode_within_budget(codec: &Codec, chunk_frames: usize) -> Self {
        fit_to_codec(codec, Self::encode(codec.geometry(), chunk_frames), encode_bytes)
    }

    /// Plans a decode, as [`ChunkPlan::encode_within_budget`] plans an encode.
    pub fn decode_within_budget(codec: &Codec, chunk_frames: usize) -> Self {
        fit_to_codec(codec, Self::decode(codec.geometry(), chunk_frames), decode_bytes)
    }
}

/// Adapts a plan to the codec's device, budget and latency.
fn fit_to_codec(
    codec: &Codec,
    plan: ChunkPlan,
    bytes: fn(&NetworkShape, &Formulations, usize) -> u64,
) -> ChunkPlan {
    let plan = plan.with_pipelining(codec.works_ahead());
    let formulations = codec.options().device_formulations();
    let plan =
        fit(plan, codec.activation_budget_bytes(), |frames| bytes(codec.shape(), &formulations, frames));
    if codec.options().low_latency { plan.with_batch_windows(1) } else { plan }
}

/// Shortens chunks and enlarges batches to fit `budget_bytes`. `bytes` returns the memory of a window by its
/// frames, and never decreases.
fn fit(plan: ChunkPlan, budget_bytes: Option<u64>, bytes: impl Fn(usize) -> u64) -> ChunkPlan {
    let Some(budget) = budget_bytes else { return plan };
    let with_chunk = |chunk_frames: usize| ChunkPlan { chunk_frames, ..plan };
    let fits = |chunk: usize| bytes(with_chunk(chunk).window_frames()) <= budget;
    let (mut fitting, mut too_many) = (1, plan.chunk_frames + 1);
    while too_many - fitting > 1 {
        let chunk = fitting.midpoint(too_many);
        if fits(chunk) { fitting = chunk } else { too_many = chunk }
    }
    let plan = with_chunk(fitting);
    let windows = budget / bytes(plan.window_frames()).max(1);
    plan.with_batch_windows(usize::try_from(windows).unwrap_or(MAX_BATCH_WINDOWS).min(MAX_BATCH_WINDOWS))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn chunks_and_batches_fit_the_budget() {
        let plan = ChunkPlan::with_context(100, (20, 10));
        let fitted = |budget| {
            let plan = fit(plan, budget, |frames| frames as u64 * 1000);
            (plan.chunk_frames, plan.batch_windows())
        };
        assert_eq!(fitted(None), (100, 1));
        assert_eq!(fitted(Some(129_999)), (99, 1));
        assert_eq!(fitted(Some(130_000)), (100, 1));
        assert_eq!(fitted(Some(6 * 130_000)), (100, 4));
        assert_eq!(fitted(Some(u64::MAX)), (100, MAX_BATCH_WINDOWS));
        assert_eq!(fitted(Some(0)), (1, 1));
    }
}
