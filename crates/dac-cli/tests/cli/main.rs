//! The program as its users meet it: every test starts the real binary in a folder and a home of its own.

mod batch;
mod bench;
#[cfg(target_os = "linux")]
mod browser;
mod dac_file;
mod decode;
mod doctor;
mod download;
mod encode;
#[cfg(target_os = "linux")]
mod engines;
mod faults;
mod halt;
mod info;
mod manifest;
mod needs;
mod pack;
mod pipe;
mod precision;
mod report_page;
mod reported;
mod roundtrip;
mod support;
mod unheard;
#[cfg(feature = "wgpu")]
mod wgpu;
