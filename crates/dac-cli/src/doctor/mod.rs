//! `dac doctor`: whether this program works on this machine.
//!
//! [`devices`] computes a fixed [`vector`] on all that computes, [`files`] hashes the weights in the caches. Nothing stops the
//! examination: what fails is reported, and decides the exit code. [`warm`] prepares a GPU instead.

mod devices;
mod files;
mod guard;
mod text;
mod vector;
mod warm;

use anyhow::Error;
use dac::cache::Environment;
use dac::codec::Isa;
use dac_manifest::Status;
use serde::Serialize;

use crate::args::DoctorArgs;
use crate::exit::Exit;
use crate::process::threads;
use crate::report::{print_record, print_text};
use devices::DeviceCheck;
use files::CacheCheck;

/// The record of `--json`. Every key is always there; what is not known is null.
#[derive(Debug, Serialize)]
struct Record {
    /// `error` when anything below failed.
    status: Status,
    version: &'static str,
    debug_build: bool,
    cpu: CpuCheck,
    vector: vector::Facts,
    devices: Vec<DeviceCheck>,
    cache: CacheCheck,
}

#[derive(Debug, Serialize)]
struct CpuCheck {
    architecture: &'static str,
    /// The instruction set that the engine uses.
    level: Option<String>,
    /// All that this processor has, the plainest first.
    levels: Vec<String>,
    /// Logical cores that this process may use.
    cores: usize,
    /// Threads that the engine uses when none are asked for.
    threads: usize,
    status: Status,
    error: Option<String>,
}

/// Runs `dac doctor`.
pub(crate) fn run(args: &DoctorArgs) -> Result<Exit, Error> {
    if args.warm {
        return warm::run(&args.warmth, args.json);
    }
    let cpu = cpu();
    let devices = devices::check_all();
    let cache = files::check(&Environment::from_process());
    let mut record = Record {
        status: Status::Ok,
        version: env!("CARGO_PKG_VERSION"),
        debug_build: cfg!(debug_assertions),
        cpu,
        vector: vector::facts(),
        devices,
        cache,
    };
    let failed = record.failed();
    if failed > 0 {
        record.status = Status::Error;
    }
    if args.json {
        print_record(&record)?;
    } else {
        print_text(&text::page(&record))?;
    }
    Ok(if failed > 0 { Exit::SomeFailed } else { Exit::Done })
}

impl Record {
    /// How many checks failed.
    fn failed(&self) -> usize {
        let all = [self.cpu.status, self.cache.status].into_iter();
        let all = all.chain(self.devices.iter().map(|check| check.status));
        let all = all.chain(self.cache.files.iter().map(|check| check.status));
        all.filter(|status| *status == Status::Error).count()
    }
}

fn cpu() -> CpuCheck {
    let level = Isa::from_env();
    CpuCheck {
        architecture: std::env::consts::ARCH,
        level: level.as_ref().ok().map(Isa::to_string),
        levels: Isa::available().iter().map(Isa::to_string).collect(),
        cores: std::thread::available_parallelism().map_or(1, usize::from),
        threads: threads(None),
        status: if level.is_ok() { Status::Ok } else { Status::Error },
        error: level.err().map(|error| format!("DAC_CPU: {error}")),
    }
}
