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

/** The classes of the codec, and its memory. */
export type Codec = Omit<typeof Api, "default" | "initSync"> & { readonly memory: WebAssembly.Memory };

/** The module that {@link load} takes: `"relaxed"`, `"simd"`, or undefined if the browser supports neither. */
export const supported: "relaxed" | "simd" | undefined;

/** Loads the codec, once per module. */
export function load(module?: "relaxed" | "simd"): Promise<Codec>;

/**
 * Downloads the weights of the tiny model, which are part of this package. In node, reads them.
 * `progress` receives the bytes received and, if known, their total number.
 */
export function tiny(progress?: (bytes: number, total?: number) => void): Promise<Blob | Uint8Array>;

/** Downloads a file as a `Blob`, which browsers may keep on disk; workers load models from it in pieces. */
export function download(url: string | URL, progress?: (bytes: number, total?: number) => void): Promise<Blob>;
