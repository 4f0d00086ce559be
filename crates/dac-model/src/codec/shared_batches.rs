//! Batches of what several threads submit at about the same time.

use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::mpsc::{self, Receiver, Sender};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::Instant;

use dac_nn::Device;

use super::batch_totals::BatchTotals;
use super::error::CodecError;
use super::pending::Pending;
use super::tensor::failed;

/// Largest number of items in a batch.
const MAX_ITEMS: usize = 64;
/// Largest size of a padded batch, as a multiple of what its items need.
const MAX_PADDED: f64 = 1.25;

/// Results of a batch, in the order of its items.
pub(super) type ItemResults<T> = Vec<Result<T, CodecError>>;

/// Computes batches of items that may differ in length.
pub(super) trait BatchRunner: Send + 'static {
    /// One signal.
    type Item: Send;
    /// Its result.
    type Output: Send;

    /// Length of an item.
    fn frames(&self, item: &Self::Item) -> usize;

    /// Reports whether two items can be in one batch.
    fn can_share(a: &Self::Item, b: &Self::Item) -> bool;

    /// Number of items of this length that fit into the device's memory.
    fn fitting_items(&self, frames: usize) -> usize;

    /// Starts to compute a batch.
    fn start(&self, items: Vec<Self::Item>) -> Result<Pending<ItemResults<Self::Output>>, CodecError>;
}

/// Computes what threads submit, in a separate thread: while a batch is in progress, the next one fills.
///
/// No item waits for others. At most two batches are in progress, so that the device has work while the
/// results of the earlier one are taken.
pub(super) struct SharedBatches<R: BatchRunner> {
    device: Device,
    /// `None` only while this is dropped.
    requests: Option<Sender<Request<R>>>,
    worker: Option<JoinHandle<()>>,
    totals: Arc<Mutex<BatchTotals>>,
}

struct Request<R: BatchRunner> {
    item: R::Item,
    reply: Reply<R::Output>,
}

type Reply<T> = Sender<Result<T, CodecError>>;

impl<R: BatchRunner> SharedBatches<R> {
    pub(super) fn new(device: Device, runner: R) -> Result<Self, CodecError> {
        let (requests, receiver) = mpsc::channel();
        let totals = Arc::<Mutex<BatchTotals>>::default();
        let worker = Worker { device, runner, totals: Arc::clone(&totals) };
        let thread = thread::Builder::new().name("dac-batches".to_owned());
        let worker = thread.spawn(move || worker.run(&receiver)).map_err(|error| failed(device, &error))?;
        Ok(Self { device, requests: Some(requests), worker: Some(worker), totals })
    }

    /// Submits an item.
    pub(super) fn start(&self, item: R::Item) -> Pending<R::Output> {
        let (reply, result) = mpsc::channel();
        if let Some(requests) = &self.requests {
            // If the worker has ended, so does the wait, with an error.
            let _ = requests.send(Request { item, reply });
        }
        let device = self.device;
        Pending::deferred(move || {
            result
                .recv()
                .unwrap_or_else(|_| Err(failed(device, &"the thread that computes batches has ended")))
        })
    }

    pub(super) fn totals(&self) -> BatchTotals {
        *self.totals.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<R: BatchRunner> Drop for SharedBatches<R> {
    fn drop(&mut self) {
        self.requests = None;
        if let Some(worker) = self.worker.take() {
            let _ = worker.join();
        }
    }
}

struct Worker<R> {
    device: Device,
    runner: R,
    totals: Arc<Mutex<BatchTotals>>,
}

/// A batch in progress.
struct Batch<T> {
    results: Pending<ItemResults<T>>,
    replies: Vec<Reply<T>>,
}

impl<R: BatchRunner> Worker<R> {
    /// Computes requests until nobody can submit any more.
    fn run(&self, requests: &Receiver<Request<R>>) {
        let mut waiting = Vec::new();
        let mut in_progress: Option<Batch<R::Output>> = None;
        let mut started = Instant::now();
        loop {
            if in_progress.is_none() && waiting.is_empty() {
                let Ok(request) = requests.recv() else { return };
                waiting.push(request);
                started = Instant::now();
            }
            waiting.extend(requests.try_iter());
            let next = if waiting.is_empty() { None } else { self.start_next(&mut waiting) };
            if let Some(batch) = std::mem::replace(&mut in_progress, next) {
                self.finish(batch);
            }
            let now = Instant::now();
            self.count(|totals| totals.busy += now - started);
            started = now;
        }
    }

    /// Starts a batch with the first of the waiting requests. If it cannot be started, its requests get the
    /// error.
    fn start_next(&self, waiting: &mut Vec<Request<R>>) -> Option<Batch<R::Output>> {
        let oldest = &waiting[0].item;
        let sharing = waiting
            .iter()
            .map(|request| R::can_share(oldest, &request.item).then(|| self.runner.frames(&request.item)));
        let mut chosen = choose(&sharing.collect::<Vec<_>>(), |frames| self.runner.fitting_items(frames));
        chosen.sort_unstable();
        let removed = chosen.into_iter().rev().map(|at| waiting.remove(at));
        let (items, replies): (Vec<_>, Vec<_>) = removed.map(|Request { item, reply }| (item, reply)).unzip();
        self.count(|totals| {
            totals.batches += 1;
            totals.items += items.len() as u64;
        });
        match caught(self.device, || self.runner.start(items)) {
            Ok(results) => Some(Batch { results, replies }),
            Err(error) => {
                self.send_error(replies, error);
                None
            }
        }
    }

    fn finish(&self, Batch { results, replies }: Batch<R::Output>) {
        // A caller that does not wait for its result has dropped the other end.
        match caught(self.device, || results.wait()) {
            Ok(results) => {
                results.into_iter().zip(replies).for_each(|(result, reply)| drop(reply.send(result)))
            }
            Err(error) => self.send_error(replies, error),
        }
    }

    /// Gives the error of a batch to each of its requests.
    fn send_error(&self, replies: Vec<Reply<R::Output>>, error: CodecError) {
        let reason = match error {
            CodecError::Failed { reason, .. } => reason,
            error => error.to_string(),
        };
        for reply in replies {
            drop(reply.send(Err(failed(self.device, &reason))));
        }
    }

    fn count(&self, change: impl FnOnce(&mut BatchTotals)) {
        change(&mut self.totals.lock().unwrap_or_else(PoisonError::into_inner));
    }
}

/// Chooses the requests of the next batch by their lengths in frames; `None` cannot be in it. The first one
/// always is. The others are those nearest to it in length, and a power of two in all, because a GPU needs
/// kernels for each number.
fn choose(frames: &[Option<usize>], fitting_items: impl Fn(usize) -> usize) -> Vec<usize> {
    let Some(Some(first)) = frames.first().copied() else { return Vec::new() };
    let mut candidates: Vec<_> =
        frames.iter().enumerate().skip(1).filter_map(|(at, n)| Some((at, (*n)?))).collect();
    candidates.sort_by_key(|&(at, n)| (n.abs_diff(first), at));
    let (mut chosen, mut longest, mut total) = (vec![0], first, first);
    // Number of the chosen up to the last power of two that was allowed.
    let mut allowed = 1;
    for (at, n) in candidates {
        chosen.push(at);
        longest = longest.max(n);
        total += n;
        let count = chosen.len();
        if count > MAX_ITEMS.min(fitting_items(padded_frames(longest))) {
            break;
        }
        if count.is_power_of_two() && (count * longest) as f64 <= MAX_PADDED * total as f64 {
            allowed = count;
        }
    }
    chosen.truncate(allowed);
    chosen
}

/// Rounds up the length of the longest item to the length of the batch, of which there are eight between two
/// powers of two, because a GPU needs kernels for each length.
pub(super) fn padded_frames(longest: usize) -> usize {
    longest.next_multiple_of((longest.max(1).next_power_of_two() / 16).max(1))
}

/// Runs `work`, whose panic becomes an error: other batches do not depend on it.
fn caught<T>(device: Device, work: impl FnOnce() -> Result<T, CodecError>) -> Result<T, CodecError> {
    catch_unwind(AssertUnwindSafe(work)).unwrap_or_else(|panic| Err(failed(device, &panic_text(&*panic))))
}

fn panic_text(panic: &(dyn Any + Send)) -> String {
    let text = panic.downcast_ref::<&str>().map(|text| (*text).to_owned());
    text.or_else(|| panic.downcast_ref::<String>().cloned()).unwrap_or_else(|| "a panic".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn similar_items_share_a_batch() {
        let choose = |frames: &[usize], fitting| {
            let frames: Vec<_> = frames.iter().map(|&n| Some(n)).collect();
            choose(&frames, |_| fitting)
        };
        assert_eq!(choose(&[100], 64), [0]);
        assert_eq!(choose(&[100, 101], 64), [0, 1]);
        // Three are not a power of two.
        assert_eq!(choose(&[100, 102, 101], 64), [0, 2]);
        // Longer ones would be mostly padding for the first.
        assert_eq!(choose(&[100, 900, 101, 1000], 64), [0, 2]);
        assert_eq!(choose(&[100; 200], 64).len(), 64);
        assert_eq!(choose(&[100; 200], 9).len(), 8);
        // The first is computed even if it does not fit.
        assert_eq!(choose(&[100; 200], 0), [0]);
        assert_eq!(super::choose(&[Some(5), None, Some(5)], |_| 64), [0, 2]);
        for longest in 1..3000 {
            let padded = padded_frames(longest);
            assert!(
                padded >= longest && padded as f64 <= longest as f64 * 1.125 + 1.0,
                "{longest}: {padded}"
            );
        }
    }

    /// Adds up the values of an item; fails for batches with a 0, and panics for those with a 13.
    struct Sums(mpsc::Sender<usize>, Arc<Mutex<()>>);

    impl BatchRunner for Sums {
        type Item = Vec<u32>;
        type Output = u32;

        fn frames(&self, item: &Vec<u32>) -> usize {
            item.len()
        }

        fn can_share(_: &Vec<u32>, _: &Vec<u32>) -> bool {
            true
        }

        fn fitting_items(&self, _: usize) -> usize {
            4
        }

        fn start(&self, items: Vec<Vec<u32>>) -> Result<Pending<ItemResults<u32>>, CodecError> {
            self.0.send(items.len()).unwrap();
            drop(self.1.lock());
            let device = Device::Flex;
            match items.concat() {
                values if values.contains(&0) => return Err(failed(device, &"zero")),
                values => assert!(!values.contains(&13), "thirteen"),
            }
            Ok(Pending::deferred(move || Ok(items.iter().map(|item| Ok(item.iter().sum())).collect())))
        }
    }

    #[test]
    fn waiting_requests_are_computed_together() {
        let (sizes, started) = mpsc::channel();
        let lock = Arc::<Mutex<()>>::default();
        let batches = SharedBatches::new(Device::Flex, Sums(sizes, Arc::clone(&lock))).unwrap();
        let blocked = lock.lock().unwrap();
        let first = batches.start(vec![1, 2]);
        assert_eq!(started.recv(), Ok(1));
        let others: Vec<_> = (0..6).map(|n| batches.start(vec![n + 1, 1])).collect();
        drop(blocked);
        assert_eq!(first.wait().unwrap(), 3);
        let sums: Vec<_> = others.into_iter().map(|pending| pending.wait().unwrap()).collect();
        assert_eq!(sums, [2, 3, 4, 5, 6, 7]);
        assert_eq!(started.try_iter().collect::<Vec<_>>(), [4, 2]);
        let BatchTotals { batches: count, items, busy } = batches.totals();
        assert_eq!((count, items), (3, 7));
        assert!(!busy.is_zero());
    }

    #[test]
    fn errors_and_panics_reach_all_requests_of_a_batch_and_no_others() {
        let (sizes, started) = mpsc::channel();
        let lock = Arc::<Mutex<()>>::default();
        let batches = SharedBatches::new(Device::Flex, Sums(sizes, Arc::clone(&lock))).unwrap();
        for (bad, reason) in [(0, "zero"), (13, "thirteen")] {
            let blocked = lock.lock().unwrap();
            let first = batches.start(vec![1]);
            assert_eq!(started.recv(), Ok(1));
            let pair = [batches.start(vec![bad, 1]), batches.start(vec![1, 1])];
            drop(blocked);
            assert_eq!(first.wait().unwrap(), 1);
            for pending in pair {
                assert_eq!(pending.wait().unwrap_err().to_string(), format!("flex failed: {reason}"));
            }
            assert_eq!(started.recv(), Ok(2));
            assert_eq!(batches.start(vec![7]).wait().unwrap(), 7);
            assert_eq!(started.recv(), Ok(1));
        }
    }
}
