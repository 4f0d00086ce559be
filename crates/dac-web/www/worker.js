// The codec. Each request has an id; answers are messages {id, …} of which the last has `done` or `error`.
import { download, load, tiny } from "./dac-web/index.js";

/** At most this much of a recording is compared; the page holds the audio of all versions. */
const MAX_SECONDS = 60;
/** Bytes from the start of a file that tell token files from others. */
const SNIFF_BYTES = 256;

let codec;
let model;
let comparison;

const requests = {
  async load({ module, threads, weights, name, url }, post) {
    codec = await load(module, { threads });
    post({ status: "Loading the model" });
    const onBytes = (bytes, total) => post({ progress: total ? bytes / total : undefined });
    const bytes = weights ?? (url ? await download(url, onBytes) : await tiny(onBytes));
    const next = codec.Model.load(bytes, name);
    model?.free();
    model = next;
    const { sampleRate, codebooks, isa, weightsSha256 } = model;
    const { module: loaded, threads: started } = codec;
    return { model: { name: model.name, sampleRate, codebooks, isa, weightsSha256, module: loaded, threads: started } };
  },

  async open({ file }, post) {
    const start = new Uint8Array(await file.slice(0, SNIFF_BYTES).arrayBuffer());
    if (codec.Tokens.isTokenFile(start)) {
      const tokens = codec.Tokens.read(file);
      post({ status: "Decoding" });
      replace(codec.Comparison.ofTokens(model, tokens));
      tokens.free();
      return show(post, { bytes: file.size, encodeSeconds: undefined });
    }
    return encode(post, file.size, (options) => codec.Comparison.ofFile(model, file, file.name, MAX_SECONDS, options));
  },

  async record({ samples, sampleRate }, post) {
    const bytes = 2 * samples.length;
    return encode(post, bytes, (options) => codec.Comparison.ofSamples(model, [samples], sampleRate, options));
  },

  async save({ format }) {
    const tokens = comparison.tokens;
    try {
      return { bytes: tokens.write(format) };
    } finally {
      tokens.free();
    }
  },

  async memory() {
    return { bytes: codec.memory.buffer.byteLength };
  },
};

function replace(next) {
  comparison?.free();
  comparison = next;
}

function encode(post, bytes, start) {
  post({ status: "Encoding" });
  const begin = performance.now();
  const progress = (samples, total) => post({ progress: total && samples / total });
  // A .dac file records the loudness.
  replace(start({ progress, measureLoudness: true }));
  return show(post, { bytes, encodeSeconds: (performance.now() - begin) / 1000 });
}

// Sends the parts of the page as they are ready: the decode with all codebooks is heard first.
function show(post, { bytes, encodeSeconds }) {
  const tokens = comparison.tokens;
  const [channels, codebooks, frames] = tokens.shape;
  tokens.free();
  const original = comparison.takeOriginal();
  const counts = Array.from({ length: codebooks }, (_, n) => n + 1);
  const { seconds, description } = comparison;
  const kbps = channels * model.bitrateKbps(codebooks);
  post({
    result: { seconds, description, channels, codebooks, frames, bytes, encodeSeconds, kbps },
    switchHtml: codec.Comparison.switchHtml(Boolean(original), counts),
    tokensHtml: comparison.tokensHtml(),
  });
  if (original) sendVersion(post, "original", original);
  for (const count of [codebooks, ...counts.slice(0, -1)]) {
    post({ status: `Decoding with ${count} of ${codebooks} codebooks` });
    const begin = performance.now();
    const version = comparison.decode(count);
    const decodeSeconds = (performance.now() - begin) / 1000;
    sendVersion(post, String(count), version, { figuresHtml: comparison.figuresHtml(), decodeSeconds });
  }
  return {};
}

function sendVersion(post, id, version, more = {}) {
  const wav = version.takeWav();
  post({ version: id, html: version.html, wav, ...more }, [wav.buffer]);
  version.free();
}

self.addEventListener("message", async ({ data }) => {
  const { id, request, ...parameters } = data;
  const post = (message, transfer = []) => self.postMessage({ id, ...message }, transfer);
  try {
    post({ ...(await requests[request](parameters, post)), done: true });
  } catch (error) {
    post({ error: error instanceof Error ? error.message : String(error) });
  }
});
