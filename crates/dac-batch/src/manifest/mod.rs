//! Manifests: JSON Lines files with one record per finished job, which let an interrupted batch resume.
//!
//! A manifest is UTF-8. Records are appended; a key may have several, and the one whose SHA-256 matches the
//! output file describes it. Lines that a crash truncated are ignored, and the next record starts on a new
//! line.

mod candidates;
mod growing;
mod index;
mod lines;
mod locked_file;
mod merge;
mod names;
mod order;
mod record;
mod run_mark;
mod writer;

pub(crate) use growing::GrowingIndex;

pub use index::ManifestIndex;
pub use lines::MAX_LINE_BYTES;
pub use merge::{MergeReport, merge_manifests};
pub use names::{MANIFEST_NAME, manifests_in, output_key, partition_manifest_name};
pub use record::{Record, Roundtrip, Status};
pub use run_mark::{RunMark, RunState};
pub use writer::ManifestWriter;
