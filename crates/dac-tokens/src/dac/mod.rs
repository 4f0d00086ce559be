//! The reference's `.dac` files: a numpy object array that holds one pickled dict.

mod reader;
mod writer;

pub(crate) use reader::read;
pub(crate) use writer::write;

/// The version of the layout that is written and read.
const VERSION: &str = "1.0.0";
