// One implementation in a worker: `prepare` once, then `encode` and `decode`, which answer with wall seconds.
const seconds = async (work) => {
  const begin = performance.now();
  await work();
  return (performance.now() - begin) / 1000;
};

/** Noise that is the same in all implementations, as many samples as fill whole frames. */
function noise(samples) {
  let state = 1;
  return Float32Array.from({ length: samples }, () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return 0.4 * (state / 2 ** 32 - 0.5);
  });
}

const implementations = {
  async "dac-web"({ module, threads, preset, weights, audioSeconds }) {
    const { load, tiny, download } = await import("/dac-web/index.js");
    const { Model } = await load(module, { threads });
    const model =
      preset === "tiny" ? Model.load(await tiny(), "tiny")
      : weights ? Model.load(await download(new URL(weights, location.href)), "weights.pth")
      : Model.random(preset, 1);
    const rate = model.sampleRate;
    const samples = noise(Math.ceil((audioSeconds * rate) / model.hopSamples) * model.hopSamples);
    let tokens = model.encode([samples.subarray(0, 5000)], rate);
    return {
      encode: () => seconds(() => (tokens = model.encode([samples], rate))),
      decode: () => seconds(() => model.decode(tokens).free()),
      codes: () => tokens.codes,
    };
  },

  async "onnxruntime-web"({ threads, audioSeconds }) {
    const ort = await import("/ort/ort.wasm.min.mjs");
    ort.env.wasm.numThreads = threads;
    ort.env.wasm.wasmPaths = new URL("/ort/", location.href).href;
    const [encoder, decoder] = [
      await ort.InferenceSession.create("/networks/encode.onnx"),
      await ort.InferenceSession.create("/networks/decode.onnx"),
    ];
    const frames = Math.ceil((audioSeconds * 44100) / 512);
    const input = new ort.Tensor("float32", noise(frames * 512), [1, 1, frames * 512]);
    let codes;
    return {
      encode: () => seconds(async () => ({ o: codes } = await encoder.run({ i: input }))),
      decode: () => seconds(() => decoder.run({ i: codes })),
      codes: () => Uint16Array.from(codes.data, Number),
    };
  },
};

let prepared;
self.addEventListener("message", async ({ data: { request, implementation, options } }) => {
  try {
    if (request === "prepare") {
      prepared = await implementations[implementation](options);
      self.postMessage({});
    } else {
      self.postMessage({ result: await prepared[request]() });
    }
  } catch (error) {
    self.postMessage({ error: String(error) });
  }
});
self.postMessage({});
