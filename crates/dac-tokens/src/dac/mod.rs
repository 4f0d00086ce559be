//! The reference's `.dac` files: a numpy object array that holds one pickled dict.

mod reader;
mod writer;

pub(crate) use reader::read;
pub(crate) use writer::write;

/// The version of the layout that is written and read.
const VERSION: &str = "1.0.0";

/// The published model that has this many codebooks: a `.dac` file does not name its model.
pub fn guess_model(codebooks: usize) -> Option<&'static str> {
    match codebooks {
        9 => Some("44khz"),
        18 => Some("44khz-16kbps"),
        32 => Some("24khz"),
        12 => Some("16khz"),
        _ => None,
    }
}
