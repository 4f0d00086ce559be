//! Tests of the developer tasks.

mod bench;
mod bench_machine;
mod bench_peers;
mod bench_render;
mod bench_store;
mod binary;
mod compare;
mod cross;
mod dist;
mod dist_empty_root;
mod fuzz;
mod parity_bounds;
mod process;
mod tensors;
mod tidy_arrows;
mod tidy_cycles;
mod tidy_text;
