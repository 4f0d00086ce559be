//! Tests of the public interface.

mod changing_inputs;
mod codebooks;
mod errors;
mod manifest_index;
mod manifest_merge;
mod manifest_records;
mod partition;
mod plan;
