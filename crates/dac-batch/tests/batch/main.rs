//! Tests of the public interface that need no network.

mod codebooks;
mod error;
mod manifest_index;
mod manifest_writer;
mod merge;
mod output_key;
mod partition;
mod record;
