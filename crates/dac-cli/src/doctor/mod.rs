//! `dac doctor`: checks that the program works on this machine.
//!
//! [`devices`] runs a [`test_vector`] on every device, [`files`] checks the weights in the caches. A failed
//! check is reported and sets the exit code; the remaining checks still run. `autotune` prepares a burn
//! device instead.

#[cfg(feature = "burn")]
mod autotune;
mod devices;
mod files;
mod test_vector;
mod text;
mod timeout;

use anyhow::Error;
use dac::cache::Environment;
use dac::codec::Isa;
use dac_batch::Status;
use serde::Serialize;

use crate::args::DoctorArgs;
use crate::exit::Exit;
use crate::output::{print_record, print_text};
use crate::resources::threads;
use devices::DeviceCheck;
use files::CacheCheck;
use test_vector::TestVectorInfo;

/// Record of `--json`. Every key is present; unknown values are null.
#[derive(Debug, Serialize)]
struct Record {
    /// `error` if any check failed.
    status: Status,
    version: &'static str,
    debug_build: bool,
    cpu: CpuCheck,
    vector: TestVectorInfo,
    devices: Vec<DeviceCheck>,
    cache: CacheCheck,
}

#[derive(Debug, Serialize)]
struct CpuCheck {
    architecture: &'static str,
    /// Instruction set used by the engine.
    level: Option<String>,
    /// Instruction sets of this processor, the slowest first.
    levels: Vec<String>,
    /// Logical cores available to this process.
    cores: usize,
    /// Threads of the engine without `--threads`.
    threads: usize,
    status: Status,
    error: Option<String>,
}

impl Record {
    fn failed(&self) -> usize {
        let all = [self.cpu.status, self.cache.status].into_iter();
        let all = all.chain(self.devices.iter().map(|check| check.status));
        let all = all.chain(self.cache.files.iter().map(|check| check.status));
        all.filter(|status| *status == Status::Error).count()
    }
}

pub(crate) fn run(args: &DoctorArgs) -> Result<Exit, Error> {
    if args.autotune {
        #[cfg(feature = "burn")]
        return autotune::run(&args.tuning, args.json);
        #[cfg(not(feature = "burn"))]
        return Err(crate::exit::Usage("--autotune needs a build with a burn device".to_owned()).into());
    }
    let cpu = cpu();
    let devices = devices::check_all();
    let cache = files::check(&Environment::from_process());
    let mut record = Record {
        status: Status::Ok,
        version: env!("CARGO_PKG_VERSION"),
        debug_build: cfg!(debug_assertions),
        cpu,
        vector: test_vector::info(),
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
        print_text(&text::summary(&record))?;
    }
    Ok(if failed > 0 { Exit::SomeFailed } else { Exit::Done })
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
