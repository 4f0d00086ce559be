import type * as Api from "./simd/dac_web.js";

export type {
  Audio,
  Bytes,
  Comparison,
  DecodeOptions,
  DecodeStream,
  EncodeOptions,
  EncodeStream,
  Model,
  Tokens,
  Version,
} from "./simd/dac_web.js";

/** The classes of the codec, its memory, and the module with its number of threads. */
export type Codec = Omit<typeof Api, "default" | "initSync"> & {
  readonly memory: WebAssembly.Memory;
  readonly module: "relaxed" | "simd" | "relaxed-threads" | "simd-threads";
  readonly threads: number;
};

/** The module that {@link load} takes: `"relaxed"`, `"simd"`, or undefined if the browser supports neither. */
export const supported: "relaxed" | "simd" | undefined;

/**
 * Loads the codec, once per module and number of threads.
 *
 * Without `threads`, takes one for each processor, at most 8, where threads are available: in a Web Worker of a
 * page with the headers `Cross-Origin-Opener-Policy: same-origin` and
 * `Cross-Origin-Embedder-Policy: require-corp`. Elsewhere takes one. A greater number where threads are not
 * available is an error. The threads end with the worker.
 */
export function load(module?: "relaxed" | "simd", options?: { threads?: number }): Promise<Codec>;

/**
 * Downloads the weights of the tiny model, which are part of this package. In node, reads them.
 * `progress` receives the bytes received and, if known, their total number.
 */
export function tiny(progress?: (bytes: number, total?: number) => void): Promise<Blob | Uint8Array>;

/** Downloads a file as a `Blob`, which browsers may keep on disk; workers load models from it in pieces. */
export function download(url: string | URL, progress?: (bytes: number, total?: number) => void): Promise<Blob>;
