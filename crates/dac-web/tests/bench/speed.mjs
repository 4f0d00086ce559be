// Speed in Chromium: full-size random weights and tiny, our modules, the native program with one thread and,
// if DAC_ONNX names a directory with encode.onnx and decode.onnx (xtask/peers/export.py), onnxruntime-web.
//
// `cargo xtask web --bench` runs it. Implementations take turns, so that a busy machine slows down all alike;
// the best of the rounds counts.
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { native, openPage, SITE, startBrowser } from "../support.mjs";

const SECONDS = Number(process.env.DAC_BENCH_SECONDS ?? 5);
const ROUNDS = Number(process.env.DAC_BENCH_ROUNDS ?? 3);
const ORT = "node_modules/onnxruntime-web/dist";

/** Prepares a codec in the page as `window.bench`, with functions that return seconds. */
async function prepare(page, module, preset) {
  await page.evaluate(
    async ({ module, preset, seconds }) => {
      const { load, tiny } = await import("./dac-web/index.js");
      const { Model } = await load(module);
      const model = preset === "tiny" ? Model.load(await (await tiny()).arrayBuffer(), "tiny") : Model.random(preset, 1);
      const samples = Float32Array.from({ length: seconds * model.sampleRate }, () => 0.2 * Math.random() - 0.1);
      let tokens = model.encode([samples.subarray(0, 5000)], model.sampleRate);
      const time = (work) => {
        const begin = performance.now();
        work();
        return (performance.now() - begin) / 1000;
      };
      window.bench = {
        encode: () => time(() => (tokens = model.encode([samples], model.sampleRate))),
        decode: () => time(() => model.decode(tokens).free()),
      };
    },
    { module, preset, seconds: SECONDS },
  );
}

/** Prepares onnxruntime-web in the same way. */
async function prepareOrt(page, threads) {
  await page.evaluate(
    async ({ threads, seconds }) => {
      const ort = await import("./ort/ort.wasm.min.mjs");
      ort.env.wasm.numThreads = threads;
      ort.env.wasm.wasmPaths = new URL("./ort/", location.href).href;
      const encode = await ort.InferenceSession.create("./onnx/encode.onnx");
      const decode = await ort.InferenceSession.create("./onnx/decode.onnx");
      const length = Math.ceil((seconds * 44100) / 512) * 512;
      const samples = Float32Array.from({ length }, () => 0.2 * Math.random() - 0.1);
      const codes = BigInt64Array.from({ length: (9 * length) / 512 }, () => BigInt(Math.floor(1024 * Math.random())));
      const time = async (session, tensor) => {
        const begin = performance.now();
        await session.run({ i: tensor });
        return (performance.now() - begin) / 1000;
      };
      window.bench = {
        encode: () => time(encode, new ort.Tensor("float32", samples, [1, 1, length])),
        decode: () => time(decode, new ort.Tensor("int64", codes, [1, 9, length / 512])),
      };
    },
    { threads, seconds: SECONDS },
  );
}

const browser = await startBrowser();
console.log(`Chromium ${browser.context.browser()?.version() ?? ""}, ${SECONDS} s of audio, best of ${ROUNDS} rounds`);
// A page without its own policy and worker: only the files of the package.
await browser.context.route(`${SITE}bench.html`, (route) =>
  route.fulfill({
    contentType: "text/html",
    headers: { "Cross-Origin-Opener-Policy": "same-origin", "Cross-Origin-Embedder-Policy": "require-corp" },
    body: '<!doctype html><body data-state="done">',
  }),
);
for (const [prefix, folder] of [["ort", ORT], ["onnx", process.env.DAC_ONNX]]) {
  await browser.context.route(`${SITE}${prefix}/**`, (route) => {
    const file = join(folder, new URL(route.request().url()).pathname.slice(prefix.length + 2));
    const headers = { "Cross-Origin-Embedder-Policy": "require-corp", "Cross-Origin-Resource-Policy": "same-origin" };
    const contentType = file.endsWith("js") ? "text/javascript" : file.endsWith("wasm") ? "application/wasm" : undefined;
    return route.fulfill({ body: readFileSync(file), headers, contentType });
  });
}

const runs = [];
for (const preset of ["44khz", "tiny"]) {
  for (const module of ["simd", "relaxed"]) {
    const { page } = await openPage(browser.context, `${SITE}bench.html`);
    await prepare(page, module, preset);
    const measure = (part) => page.evaluate((part) => window.bench[part](), part);
    runs.push({ name: `${preset}, dac-web ${module}`, measure, best: {} });
  }
  runs.push({ name: `${preset}, native, one thread`, preset, best: {} });
}
if (process.env.DAC_ONNX && existsSync(ORT)) {
  for (const threads of [1, 2]) {
    const { page } = await openPage(browser.context, `${SITE}bench.html`);
    await prepareOrt(page, threads);
    const measure = (part) => page.evaluate((part) => window.bench[part](), part);
    runs.push({ name: `44khz, onnxruntime-web, ${threads} thread${threads > 1 ? "s" : ""}`, measure, best: {} });
  }
}

/** Measures both parts with the native program. */
function nativeSeconds(preset) {
  const args = ["bench", "--model", preset, "--threads", "1", "--seconds", String(SECONDS), "--runs", "1", "--json"];
  const record = JSON.parse(native(preset === "tiny" ? args : [...args, "--random-weights"]));
  return { encode: record.encode.wall_seconds_median, decode: record.decode.wall_seconds_median };
}

for (let round = 0; round < ROUNDS; round++) {
  for (const run of runs) {
    const found = run.measure
      ? { encode: await run.measure("encode"), decode: await run.measure("decode") }
      : nativeSeconds(run.preset);
    for (const part of ["encode", "decode"]) run.best[part] = Math.min(run.best[part] ?? Infinity, found[part]);
  }
}
console.log("| | encode, s | decode, s |\n|---|---|---|");
for (const { name, best } of runs) console.log(`| ${name} | ${best.encode.toFixed(2)} | ${best.decode.toFixed(2)} |`);

// Time from opening the page until the sample's decode with all codebooks can be played.
const { page } = await openPage(browser.context);
const begin = performance.now();
await page.click("#sample");
await page.waitForSelector("#version-9", { state: "attached", timeout: 120_000 });
console.log(`first sound of the sample: ${((performance.now() - begin) / 1000).toFixed(2)} s after the click`);
await browser.close();
