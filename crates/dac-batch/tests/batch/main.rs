//! Tests of the public interface.

mod changing_inputs;
mod codebooks;
mod error;
mod manifest_index;
mod manifest_writer;
mod merge;
mod output_key;
mod partition;
mod plan;
mod record;
