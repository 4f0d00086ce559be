// A thread of the pool: a worker with its own instance of the module in the shared memory.
import init, { runThread } from "./dac_web.js";

const start = async ({ data: { module, memory } }) => {
  try {
    await init({ module_or_path: module, memory });
  } catch (error) {
    self.postMessage({ error: String(error) });
    return;
  }
  self.postMessage({});
  // Returns only when the worker is terminated.
  runThread();
};
self.addEventListener("message", start, { once: true });
