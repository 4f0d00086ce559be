//! The record of `dac doctor --json`.

use dac_batch::Status;
use serde::Serialize;

use super::devices::DeviceCheck;
use super::files::CacheCheck;
use super::test_vector::TestVectorInfo;

/// Record of `--json`. Every key is present; unknown values are null.
#[derive(Debug, Serialize)]
pub(super) struct Record {
    /// `error` if any check failed.
    pub(super) status: Status,
    pub(super) version: &'static str,
    pub(super) debug_build: bool,
    pub(super) cpu: CpuCheck,
    pub(super) vector: TestVectorInfo,
    pub(super) devices: Vec<DeviceCheck>,
    pub(super) cache: CacheCheck,
}

#[derive(Debug, Serialize)]
pub(super) struct CpuCheck {
    pub(super) architecture: &'static str,
    /// Instruction set used by the engine.
    pub(super) level: Option<String>,
    /// Instruction sets of this processor, the slowest first.
    pub(super) levels: Vec<String>,
    /// Logical cores available to this process.
    pub(super) cores: usize,
    /// Threads of the engine without `--threads`.
    pub(super) threads: usize,
    pub(super) status: Status,
    pub(super) error: Option<String>,
}

impl Record {
    /// Number of failed checks.
    pub(super) fn failed(&self) -> usize {
        let all = [self.cpu.status, self.cache.status].into_iter();
        let all = all.chain(self.devices.iter().map(|check| check.status));
        let all = all.chain(self.cache.files.iter().map(|check| check.status));
        all.filter(|status| *status == Status::Error).count()
    }
}
