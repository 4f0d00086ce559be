// Loads the fastest module that the browser supports.
import { modules } from "./modules.js";

// A function with i8x16.splat, and one with i8x16.relaxed_swizzle: a browser validates instructions that it has.
const SIMD = [0, 97, 115, 109, 1, 0, 0, 0, 1, 5, 1, 96, 0, 1, 123, 3, 2, 1, 0, 10, 8, 1, 6, 0, 65, 1, 253, 15, 11];
const RELAXED = [
  0, 97, 115, 109, 1, 0, 0, 0, 1, 5, 1, 96, 0, 1, 123, 3, 2, 1, 0, 10, 15, 1, 13, 0, 65, 1, 253, 15, 65, 2, 253, 15,
  253, 128, 2, 11,
];
const supports = (module) => WebAssembly.validate(new Uint8Array(module));

/** Most threads without a request; further cores help little. */
const MOST_THREADS = 8;
/** Time after which a worker that does not start counts as failed. */
const START_MS = 20_000;

/** The module that {@link load} takes: `"relaxed"`, `"simd"`, or undefined if the browser supports neither. */
export const supported = modules.relaxed && supports(RELAXED) ? "relaxed" : supports(SIMD) ? "simd" : undefined;

/** Why threads are not available; undefined if they are. A thread that waits must not be the page's own. */
function noThreads(module) {
  if (!modules[`${module}-threads`]) return "this package was built without threads";
  if (typeof WorkerGlobalScope === "undefined") return "threads need a Web Worker that calls load()";
  if (!globalThis.crossOriginIsolated) {
    return "threads need a page with the headers Cross-Origin-Opener-Policy: same-origin and Cross-Origin-Embedder-Policy: require-corp";
  }
  return typeof Worker === "undefined" ? "this browser cannot start a worker in a worker" : undefined;
}

const loaded = {};

/** Loads the codec, once per module and number of threads. */
export async function load(module = supported, { threads } = {}) {
  if (!module) throw new Error("this browser does not support WebAssembly SIMD");
  if (!modules[module]) throw new Error(`no module ${module}`);
  if (threads !== undefined && !(Number.isInteger(threads) && threads > 0)) {
    throw new Error(`threads must be a positive whole number, not ${threads}`);
  }
  if (threads === undefined) return (loaded[module] ??= loadFastest(module));
  const reason = noThreads(module);
  if (threads > 1 && reason) throw new Error(`cannot use ${threads} threads: ${reason}`);
  return (loaded[`${module} ${threads}`] ??= loadModule(module, threads));
}

async function loadFastest(module) {
  const threads = noThreads(module) ? 1 : Math.min(navigator.hardwareConcurrency ?? 1, MOST_THREADS);
  try {
    return await loadModule(module, threads);
  } catch (error) {
    // Small devices may refuse the address space of a shared memory, and a page's policy its workers.
    if (threads > 1) return loadModule(module, 1);
    throw error;
  }
}

async function loadModule(base, threads) {
  const name = threads > 1 ? `${base}-threads` : base;
  const { code, url, thread } = modules[name];
  const module = await code();
  const { memory } = await module.default({ module_or_path: await source(url()) });
  if (threads > 1) await startThreads(module, thread, threads);
  return { ...module, memory: memory ?? module.threadMemory(), module: name, threads };
}

/** Starts workers for all threads but this one, and the pool that they form once all are ready. */
async function startThreads(module, thread, threads) {
  const shared = { module: module.threadModule(), memory: module.threadMemory() };
  const workers = Array.from({ length: threads - 1 }, thread);
  try {
    await Promise.all(workers.map((worker) => isReady(worker, shared)));
    module.buildThreadPool(threads);
  } catch (error) {
    for (const worker of workers) worker.terminate();
    throw error;
  }
  // Some browsers end workers that nothing refers to.
  module.threadModule.workers = workers;
}

function isReady(worker, shared) {
  return new Promise((resolve, reject) => {
    const fail = (event) => reject(new Error(`cannot start a thread: ${event.data?.error ?? event.message ?? "no answer"}`));
    const timer = setTimeout(fail, START_MS, {});
    worker.addEventListener("error", fail, { once: true });
    worker.addEventListener("message", (event) => {
      clearTimeout(timer);
      if (event.data.error === undefined) resolve();
      else fail(event);
    });
    worker.postMessage(shared);
  });
}

// Node cannot fetch its own files.
async function source(url) {
  if (url.protocol !== "file:") return url;
  const { readFile } = await import(/* @vite-ignore */ /* webpackIgnore: true */ "node:fs/promises");
  return readFile(url);
}

/** Downloads the weights of the tiny model, which are part of this package. */
export async function tiny(progress) {
  const url = new URL("./tiny.safetensors", import.meta.url);
  return url.protocol === "file:" ? new Uint8Array(await source(url)) : download(url, progress);
}

/** Downloads a file as a `Blob`, which browsers may keep on disk; workers load models from it in pieces. */
export async function download(url, progress = () => {}) {
  const response = await fetch(url);
  if (!response.ok) throw new Error(`cannot download ${url}: ${response.status} ${response.statusText}`);
  const total = Number(response.headers.get("Content-Length")) || undefined;
  const parts = [];
  let bytes = 0;
  for (const reader = response.body.getReader(); ; ) {
    const { done, value } = await reader.read();
    if (done) return new Blob(parts);
    parts.push(new Blob([value]));
    progress((bytes += value.length), total);
  }
}
