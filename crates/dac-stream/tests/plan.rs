//! Chunk plans: spans of chunks with context.

use dac_stream::ChunkPlan;

#[test]
fn spans_tile_the_signal_and_stay_within_it() {
    for chunk in 1..9 {
        for frames in 0..40 {
            let plan = ChunkPlan::with_context(chunk, (3, 5));
            let mut at = 0;
            for start in (0..frames).step_by(chunk) {
                let span = plan.span(start, frames);
                assert_eq!(span.keep.start, at);
                assert!(span.keep.len() <= chunk && !span.keep.is_empty());
                assert!(span.window.start <= at.saturating_sub(3));
                assert_eq!(span.window.end, (span.keep.end + 5).min(frames));
                if at >= 3 && frames >= plan.window_frames() {
                    assert_eq!(span.window.len(), plan.window_frames());
                }
                at = span.keep.end;
            }
            assert_eq!(at, frames);
        }
    }
}
