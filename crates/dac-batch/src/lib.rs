//! Batches of encodes, decodes and round trips: planning, manifests, resuming, running.
//!
//! A batch has three steps: `plan` turns inputs into jobs, `decide` skips or refuses jobs whose outputs
//! exist, and `run` works on the others, several at a time, and records each in a manifest. The library does
//! not print; programs receive messages, progress and records through a [`BatchObserver`].
//!
//! ```no_run
//! use dac::{Dac, Device};
//! use dac_batch::{
//!     BatchError, BatchObserver, BatchOptions, CancelToken, EncodeSettings, Record, encode_files,
//! };
//!
//! struct PrintRecords;
//!
//! impl BatchObserver for PrintRecords {
//!     fn job_ended(&self, record: &Record, description: &str) {
//!         println!("{}: {:?} {description}", record.input, record.status);
//!     }
//! }
//!
//! # fn main() -> Result<(), BatchError> {
//! let options = BatchOptions::new(["recordings".into()], "tokens");
//! let load = || Ok(Dac::load("44khz", Device::Cpu)?);
//! let report =
//!     encode_files(&options, &EncodeSettings::default(), load, &PrintRecords, &CancelToken::default())?;
//! assert_eq!(report.failed, 0);
//! # Ok(()) }
//! ```
//!
//! | to | use |
//! |---|---|
//! | encode, decode or compare many files | [`encode_files`], [`decode_files`], [`roundtrip_files`] |
//! | choose inputs, outputs and resources | [`BatchOptions`] |
//! | choose models by token file | [`Models`] |
//! | split a batch over machines | [`Partition`], [`merge_manifests`] |
//! | read a manifest | [`ManifestIndex`], [`Record`], [`ManifestLookup`] |
//! | stop a batch | [`CancelToken`] |

#![forbid(unsafe_code)]

mod braces;
mod cancel;
mod chunking;
mod codebooks;
mod data_set_info;
mod decide;
mod decode;
mod encode;
mod encode_settings;
mod error;
mod file_stamp;
mod inputs;
mod job_context;
mod job_record;
mod layouts;
mod manifest;
mod manifest_lookup;
mod manifest_store;
mod models;
mod observer;
mod options;
mod output_check;
mod output_dirs;
mod packing;
mod partition;
mod pipe;
mod plan;
mod queue;
mod roundtrip;
mod row_data;
mod run;
mod run_rows;
mod segments;
mod shards;
mod source_input;
mod staging;
mod wave_format;
mod work;

pub use cancel::{CancelToken, StopReason};
pub use chunking::ChunkChoice;
pub use codebooks::CodebookLimit;
pub use dac_dataset::{PackLimits, SourceError};
pub use data_set_info::{DataSetInfo, describe_data_set};
pub use decode::{DecodeSettings, IGNORED_BYTES_REMARK, decode_files};
pub use encode::{damage_remarks, encode_files, input_remarks};
pub use encode_settings::EncodeSettings;
pub use error::{
    BatchError, catch_panic, error_text, error_text_of_file, has_io_cause, is_disk_full, is_thread_limit,
    panic_text,
};
pub use manifest::{
    MANIFEST_NAME, MAX_LINE_BYTES, ManifestIndex, ManifestWriter, MergeReport, Record, Roundtrip, RunMark,
    RunState, Status, manifests_in, merge_manifests, output_key, partition_manifest_name,
};
pub use manifest_lookup::ManifestLookup;
pub use models::{DEFAULT_MODEL, Models};
pub use observer::{BatchObserver, BatchReport, DeviceUse};
pub use options::{BatchOptions, default_threads};
pub use partition::Partition;
pub use roundtrip::{RoundtripSettings, roundtrip_files};
pub use segments::SegmentSettings;
pub use shards::{PackFormat, PackSettings};
