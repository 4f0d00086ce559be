//! Thread pools that are reused by later calls, and that survive a fork.
//!
//! A forked child has no threads but the forking one: waiting for a pool of its parent would hang. The pools
//! are therefore marked with the process that started them, and a child starts its own.

use std::mem::{forget, take};
use std::sync::{Mutex, MutexGuard, PoisonError, TryLockError};
use std::thread::sleep;
use std::time::Duration;

use rayon::{ThreadPool, ThreadPoolBuilder};

use crate::failure::{Failure, Kind};

/// Attempts to lock [`POOLS`], one per millisecond. It is never locked for long, except in a child whose
/// parent forked while another thread had locked it: there it stays locked, and pools are not reused.
const LOCK_ATTEMPTS: usize = 100;

static POOLS: Mutex<Pools> = Mutex::new(Pools { process: 0, threads_in_use: 0, idle: Vec::new() });

struct Pools {
    /// Process that started the pools.
    process: u32,
    threads_in_use: usize,
    idle: Vec<ThreadPool>,
}

impl Pools {
    fn take_idle(&mut self, threads: usize) -> Option<ThreadPool> {
        let found = self.idle.iter().position(|pool| pool.current_num_threads() == threads)?;
        Some(self.idle.swap_remove(found))
    }
}

fn lock() -> Option<MutexGuard<'static, Pools>> {
    let mut pools = (0..LOCK_ATTEMPTS).find_map(|attempt| {
        if attempt > 0 {
            sleep(Duration::from_millis(1));
        }
        match POOLS.try_lock() {
            Ok(pools) => Some(pools),
            Err(TryLockError::Poisoned(poisoned)) => Some(PoisonError::into_inner(poisoned)),
            Err(TryLockError::WouldBlock) => None,
        }
    })?;
    let process = std::process::id();
    if pools.process != process {
        // Dropping a pool would wake its threads, which do not exist here.
        forget(take(&mut pools.idle));
        *pools = Pools { process, threads_in_use: 0, idle: Vec::new() };
    }
    Some(pools)
}

/// Divides threads among as many workers as there are tasks and threads.
fn shares(threads: usize, tasks: usize) -> Vec<usize> {
    let threads = threads.max(1);
    let workers = tasks.clamp(1, threads);
    (0..workers).map(|worker| threads / workers + usize::from(worker < threads % workers)).collect()
}

/// Pools that a call uses.
pub(crate) struct Lease {
    pools: Vec<ThreadPool>,
    threads: usize,
}

impl Lease {
    /// Takes pools for up to `tasks` tasks at a time, with at most `limit` threads for all calls in progress,
    /// but at least one for each call. The engine scales best with one thread per task.
    pub(crate) fn take(limit: usize, tasks: usize) -> Result<Self, Failure> {
        let mut lease = Self { pools: Vec::new(), threads: 0 };
        let (sizes, mut idle) = match lock() {
            Some(mut pools) => {
                lease.threads = limit.saturating_sub(pools.threads_in_use).max(1);
                pools.threads_in_use += lease.threads;
                let sizes = shares(lease.threads, tasks);
                let idle = sizes.iter().map(|size| pools.take_idle(*size)).collect();
                (sizes, idle)
            }
            None => (shares(limit, tasks), Vec::new()),
        };
        idle.resize_with(sizes.len(), || None);
        for (size, pool) in sizes.into_iter().zip(idle) {
            let start = || ThreadPoolBuilder::new().num_threads(size).build();
            let error = |error| Failure::new(Kind::Other, format!("cannot start {size} threads: {error}"));
            lease.pools.push(pool.map_or_else(start, Ok).map_err(error)?);
        }
        Ok(lease)
    }

    pub(crate) fn pools(&self) -> &[ThreadPool] {
        &self.pools
    }
}

impl Drop for Lease {
    fn drop(&mut self) {
        let Some(mut pools) = lock() else { return };
        pools.threads_in_use = pools.threads_in_use.saturating_sub(self.threads);
        pools.idle.append(&mut self.pools);
        // The oldest pools go when there are more than a few calls in parallel could use.
        let excess = pools.idle.len().saturating_sub(2 * dac_batch::default_threads().get().max(4));
        let dropped: Vec<_> = pools.idle.drain(..excess).collect();
        drop(pools);
        drop(dropped);
    }
}
