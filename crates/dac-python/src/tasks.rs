//! Work on threads of its own while the calling thread waits without the GIL and listens for Ctrl-C.

use std::iter::Enumerate;
use std::ops::ControlFlow;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::Duration;
use std::vec::IntoIter;

use dac_batch::CancelToken;
use pyo3::prelude::*;
use rayon::ThreadPool;

use crate::failure::{Failure, Kind};
use crate::pools::Lease;

/// Interval at which the waiting thread looks for signals.
const SIGNAL_INTERVAL: Duration = Duration::from_millis(20);

/// Locks a mutex also after a panic, which has been reported elsewhere.
pub(crate) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Progress of an encode or decode that `cancel` can end.
pub(crate) fn progress(cancel: &CancelToken) -> impl FnMut(u64) -> ControlFlow<()> {
    |_| if cancel.is_cancelled() { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
}

/// Number of tasks that have not ended.
struct Running {
    tasks: Mutex<usize>,
    changed: Condvar,
}

impl Running {
    fn end_one(&self) {
        *lock(&self.tasks) -= 1;
        self.changed.notify_all();
    }

    /// Waits for the end of all tasks, or for the interval. Returns whether all have ended.
    fn wait(&self) -> bool {
        let waited = self.changed.wait_timeout_while(lock(&self.tasks), SIGNAL_INTERVAL, |tasks| *tasks > 0);
        *waited.unwrap_or_else(PoisonError::into_inner).0 == 0
    }
}

/// Runs tasks, each on a thread of its own, and returns their results in order. Meanwhile calls `on_wake` now
/// and then, and once at the end. When that fails or a signal's handler raises, cancels the tasks with
/// `cancel`, waits for them and returns the exception.
pub(crate) fn run_tasks<R, F>(
    py: Python<'_>,
    cancel: &CancelToken,
    tasks: Vec<F>,
    on_wake: &mut dyn FnMut(Python<'_>) -> PyResult<()>,
) -> PyResult<Vec<R>>
where
    R: Send,
    F: FnOnce() -> R + Send,
{
    let running = Running { tasks: Mutex::new(tasks.len()), changed: Condvar::new() };
    let mut interrupt = Ok(());
    let results = thread::scope(|scope| {
        let start = |task: F| {
            let running = &running;
            let run = move || {
                let result = catch_unwind(AssertUnwindSafe(task));
                running.end_one();
                result
            };
            let started = thread::Builder::new().name("dac".to_owned()).spawn_scoped(scope, run);
            started.inspect_err(|_| running.end_one())
        };
        let handles: Vec<_> = tasks.into_iter().map(start).collect();
        if handles.iter().any(Result::is_err) {
            cancel.cancel();
        }
        loop {
            let ended = py.detach(|| running.wait());
            if interrupt.is_ok() {
                interrupt = py.check_signals().and_then(|()| on_wake(py));
                if interrupt.is_err() {
                    cancel.cancel();
                }
            }
            if ended {
                break;
            }
        }
        let result = |handle: Result<thread::ScopedJoinHandle<'_, _>, std::io::Error>| {
            let cannot_start = |error| Failure::new(Kind::Other, format!("cannot start a thread: {error}"));
            match handle.map_err(cannot_start)?.join() {
                Ok(Ok(result)) => Ok(result),
                Ok(Err(panic)) | Err(panic) => Err(Failure::of_panic(panic.as_ref())),
            }
        };
        handles.into_iter().map(result).collect::<Result<Vec<R>, Failure>>()
    });
    interrupt?;
    Ok(results?)
}

/// Does `work` for every item, several at a time with together up to `threads` threads, and returns the
/// results in order. The first error ends the work; for lists it names the item.
pub(crate) fn run_items<T: Send, R: Send>(
    py: Python<'_>,
    threads: usize,
    items: Vec<T>,
    is_list: bool,
    work: impl Fn(T, &CancelToken) -> Result<R, Failure> + Sync,
) -> PyResult<Vec<R>> {
    let lease = Lease::take(threads, items.len())?;
    let cancel = CancelToken::default();
    let queue = Mutex::new(items.into_iter().enumerate());
    let worker = |pool| {
        let (queue, cancel, work) = (&queue, &cancel, &work);
        move || work_off(pool, queue, cancel, work)
    };
    let tasks = lease.pools().iter().map(worker).collect();
    let results = run_tasks(py, &cancel, tasks, &mut |_| Ok(()))?;
    let mut results: Vec<_> = results.into_iter().flatten().collect();
    results.sort_by_key(|(index, _)| *index);
    let is_cause = |result: &(usize, Result<R, Failure>)| {
        result.1.as_ref().is_err_and(|failure| failure.kind != Kind::Cancelled)
    };
    let position = results.iter().position(is_cause);
    if let Some((index, Err(failure))) = position.map(|position| results.swap_remove(position)) {
        return Err(failure.into_exception(py, is_list.then_some(index)));
    }
    Ok(results.into_iter().map(|(_, result)| result).collect::<Result<_, _>>()?)
}

/// Does `work` for one item.
pub(crate) fn run_one<R: Send>(
    py: Python<'_>,
    threads: usize,
    work: impl Fn(&CancelToken) -> Result<R, Failure> + Sync,
) -> PyResult<R> {
    let results = run_items(py, threads, vec![()], false, |(), cancel| work(cancel))?;
    results.into_iter().next().ok_or_else(|| Failure::new(Kind::Other, "internal error: no result").into())
}

/// Takes items from the queue until it is empty or the work is cancelled.
fn work_off<T: Send, R: Send>(
    pool: &ThreadPool,
    queue: &Mutex<Enumerate<IntoIter<T>>>,
    cancel: &CancelToken,
    work: &(impl Fn(T, &CancelToken) -> Result<R, Failure> + Sync),
) -> Vec<(usize, Result<R, Failure>)> {
    pool.install(|| {
        let mut results = Vec::new();
        while !cancel.is_cancelled() {
            let Some((index, item)) = lock(queue).next() else { break };
            let result = catch_unwind(AssertUnwindSafe(|| work(item, cancel)))
                .unwrap_or_else(|panic| Err(Failure::of_panic(panic.as_ref())));
            if result.is_err() {
                cancel.cancel();
            }
            results.push((index, result));
        }
        results
    })
}
