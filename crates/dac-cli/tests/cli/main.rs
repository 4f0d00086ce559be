//! Tests of the `dac` binary. Each test runs it in a temporary directory with its own home.

mod adopt;
mod arguments;
mod audio_files;
mod bad_input;
mod batch;
mod bench;
#[cfg(target_os = "linux")]
mod browser;
mod closed_output;
mod dac_file;
mod data_sets;
mod decode;
mod doctor;
mod download;
mod download_resume;
mod encode;
mod external_tools;
mod fatal_errors;
mod formulations;
mod info;
mod inputs;
#[cfg(target_os = "linux")]
mod job_schedulers;
#[cfg(unix)]
mod limits;
mod manifest;
mod pack;
mod precision;
mod prepared;
mod ranges;
mod regressions;
mod report;
mod roundtrip;
mod shar;
mod shared_output;
mod stdio;
mod support;
mod token_arrays;
mod weights;
#[cfg(feature = "wgpu")]
mod wgpu;
