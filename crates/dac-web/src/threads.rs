//! The thread pool, in modules whose memory is shared.
//!
//! WebAssembly cannot start threads: JavaScript starts workers (`js/index.js`), each with its own instance of
//! this module in the same memory. They run the threads of rayon's pool, which the engine uses.

use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{LazyLock, Mutex, PoisonError};

use rayon::{ThreadBuilder, ThreadPoolBuilder};
use wasm_bindgen::prelude::*;

use crate::js_error;

/// Threads of the pool, from the one that builds it to the workers that run them.
static THREADS: LazyLock<(Sender<ThreadBuilder>, Mutex<Receiver<ThreadBuilder>>)> = LazyLock::new(|| {
    let (sender, receiver) = channel();
    (sender, Mutex::new(receiver))
});

/// What another worker needs to run a thread: the compiled module.
#[wasm_bindgen(js_name = threadModule)]
pub fn thread_module() -> JsValue {
    wasm_bindgen::module()
}

/// What another worker needs to run a thread: the memory.
#[wasm_bindgen(js_name = threadMemory)]
pub fn thread_memory() -> JsValue {
    wasm_bindgen::memory()
}

/// Builds the pool of the calling worker and `threads − 1` others, and blocks until those run: they must call
/// `runThread` without waiting for an answer.
#[wasm_bindgen(js_name = buildThreadPool)]
pub fn build_thread_pool(threads: usize) -> Result<(), JsError> {
    let pool = ThreadPoolBuilder::new().num_threads(threads).use_current_thread();
    let closed = |_| std::io::ErrorKind::BrokenPipe.into();
    let pool = pool.spawn_handler(|thread| THREADS.0.send(thread).map_err(closed));
    pool.build_global().map_err(js_error)
}

/// Runs a thread of the pool. Does not return; the worker ends when it is terminated.
#[wasm_bindgen(js_name = runThread)]
pub fn run_thread() {
    let thread = THREADS.1.lock().unwrap_or_else(PoisonError::into_inner).recv();
    if let Ok(thread) = thread {
        thread.run();
    }
}
