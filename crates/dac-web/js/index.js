// Loads the fastest module that the browser supports.

// A function with i8x16.splat, and one with i8x16.relaxed_swizzle: a browser validates instructions that it has.
const SIMD = [0, 97, 115, 109, 1, 0, 0, 0, 1, 5, 1, 96, 0, 1, 123, 3, 2, 1, 0, 10, 8, 1, 6, 0, 65, 1, 253, 15, 11];
const RELAXED = [
  0, 97, 115, 109, 1, 0, 0, 0, 1, 5, 1, 96, 0, 1, 123, 3, 2, 1, 0, 10, 15, 1, 13, 0, 65, 1, 253, 15, 65, 2, 253, 15,
  253, 128, 2, 11,
];
const supports = (module) => WebAssembly.validate(new Uint8Array(module));

/** The module that {@link load} takes: `"relaxed"`, `"simd"`, or undefined if the browser supports neither. */
export const supported = supports(RELAXED) ? "relaxed" : supports(SIMD) ? "simd" : undefined;

const loaded = {};

async function loadModule(name) {
  const relaxed = name === "relaxed";
  const module = await (relaxed ? import("./relaxed/dac_web.js") : import("./simd/dac_web.js"));
  const url = relaxed
    ? new URL("./relaxed/dac_web_bg.wasm", import.meta.url)
    : new URL("./simd/dac_web_bg.wasm", import.meta.url);
  const { memory } = await module.default({ module_or_path: await source(url) });
  return { ...module, memory };
}

// Node cannot fetch its own files.
async function source(url) {
  if (url.protocol !== "file:") return url;
  const { readFile } = await import(/* @vite-ignore */ /* webpackIgnore: true */ "node:fs/promises");
  return readFile(url);
}

/** Loads the codec, once per module. */
export function load(module = supported) {
  if (!module) return Promise.reject(new Error("this browser does not support WebAssembly SIMD"));
  return (loaded[module] ??= loadModule(module));
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
