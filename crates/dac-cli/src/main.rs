//! The `dac` binary.
fn main() {}
