// Speed in Chromium: full-size weights and tiny, with all modules of the package, the native program and
// onnxruntime-web.
//
// `cargo xtask web --bench` runs it. DAC_ONNX names a directory with weights.pth and its export encode.onnx and
// decode.onnx (xtask/peers/export.py DIR DIR); without it, the weights are random, and onnxruntime-web is left out.
// Each implementation has its own page and worker. They take turns, and each round begins with another one, so
// that a busy machine slows down all alike. CPU seconds are those of all processes of the browser. Results so far
// are printed after each round. DAC_BENCH_MODULES=relaxed,relaxed-threads limits the modules.
import { createReadStream, existsSync } from "node:fs";
import { createServer } from "node:http";
import { join } from "node:path";
import { MODULES, native, openPage, PACKAGE, SITE, startBrowser } from "../support.mjs";

/** Seconds of audio by model. */
const AUDIO_SECONDS = { "44khz": 5, tiny: 20 };
const ROUNDS = Number(process.env.DAC_BENCH_ROUNDS ?? 5);
const { DAC_ONNX, DAC_BENCH_MODULES } = process.env;
const measured = MODULES.filter(({ name }) => !DAC_BENCH_MODULES || DAC_BENCH_MODULES.split(",").includes(name));
const FOLDERS = { "dac-web": PACKAGE, ort: "node_modules/onnxruntime-web/dist", networks: DAC_ONNX, bench: "tests/bench" };
const ISOLATION = {
  "Cross-Origin-Opener-Policy": "same-origin",
  "Cross-Origin-Embedder-Policy": "require-corp",
};
const MEDIA_TYPES = { js: "text/javascript", mjs: "text/javascript", wasm: "application/wasm" };

function median(values) {
  const sorted = [...values].sort((a, b) => a - b);
  return (sorted[Math.floor(sorted.length / 2)] + sorted[Math.floor((sorted.length - 1) / 2)]) / 2;
}

// An empty page and the files of all implementations, from one origin. Networks are too large for routes.
const server = createServer((request, response) => {
  const [, prefix, ...path] = request.url.split("/");
  const file = join(FOLDERS[prefix] ?? "", ...path);
  const type = MEDIA_TYPES[file.split(".").pop()] ?? "application/octet-stream";
  if (prefix === "") {
    response.writeHead(200, { ...ISOLATION, "Content-Type": "text/html" }).end('<!doctype html><body data-state="done">');
  } else if (FOLDERS[prefix] && existsSync(file)) {
    response.writeHead(200, { ...ISOLATION, "Content-Type": type });
    createReadStream(file).pipe(response);
  } else {
    response.writeHead(404).end();
  }
});
await new Promise((done) => server.listen(0, "127.0.0.1", done));
const BENCH = `http://127.0.0.1:${server.address().port}/`;

const browser = await startBrowser();
console.log(`Chromium ${browser.context.browser()?.version() ?? ""}`);

/** Starts an implementation in a page of its own; returns a function that measures a part. */
async function inBrowser(implementation, options) {
  const { page } = await openPage(browser.context, BENCH);
  await page.evaluate(async () => {
    const worker = new Worker("/bench/worker.mjs", { type: "module" });
    const answer = () =>
      new Promise((resolve, reject) => {
        worker.onmessage = ({ data }) => (data.error ? reject(new Error(data.error)) : resolve(data.result));
        worker.onerror = (event) => reject(new Error(event.message ?? "the worker cannot start"));
      });
    await answer();
    window.ask = (message) => (worker.postMessage(message), answer());
  });
  const ask = (message) => page.evaluate((message) => window.ask(message), message);
  await ask({ request: "prepare", implementation, options });
  const measure = async (part) => {
    const before = browser.cpuSeconds();
    const wall = await ask({ request: part });
    return { wall, cpu: browser.cpuSeconds() - before };
  };
  return { measure, codes: () => page.evaluate(async () => [...(await window.ask({ request: "codes" }))]) };
}

/** Measures both parts with the native program on one thread. */
function nativeRun(preset) {
  const weights = preset === "tiny" ? [] : DAC_ONNX ? ["--weights", join(DAC_ONNX, "weights.pth")] : ["--random-weights"];
  const args = ["bench", "--model", preset, "--threads", "1", "--seconds", String(AUDIO_SECONDS[preset]), "--runs", "1"];
  let record;
  const measure = (part) => {
    // One run of the program measures both.
    if (part === "encode") record = JSON.parse(native([...args, ...weights, "--json"]));
    return { wall: record[part].wall_seconds_median, cpu: record[part].cpu_seconds_median };
  };
  return { measure };
}

const runs = [];
const add = (preset, name, run) => runs.push({ preset, name, ...run, encode: [], decode: [] });
for (const [preset, audioSeconds] of Object.entries(AUDIO_SECONDS)) {
  for (const { name, arithmetic: module, threads } of measured) {
    const options = { module, threads, preset, audioSeconds, weights: DAC_ONNX && "/networks/weights.pth" };
    add(preset, `dac-web, ${name}, threads: ${threads}`, await inBrowser("dac-web", options));
  }
  add(preset, "native, threads: 1", nativeRun(preset));
  if (preset === "44khz" && DAC_ONNX && existsSync(FOLDERS.ort)) {
    for (const threads of [1, 2]) {
      const run = await inBrowser("onnxruntime-web", { threads, audioSeconds });
      add(preset, `onnxruntime-web, threads: ${threads}`, run);
    }
  }
}

/** Time of a visit until the page is ready, and from the click on the sample until its decode can be played. */
async function firstSound() {
  const { page } = await openPage(browser.context, `${SITE}index.html`);
  const ready = await page.evaluate(() => performance.now() / 1000);
  const begin = performance.now();
  await page.click("#sample");
  await page.waitForSelector("#version-9", { state: "attached", timeout: 120_000 });
  const sound = (performance.now() - begin) / 1000;
  await page.close();
  return { ready, sound };
}

const figures = (run, part) => {
  const [wall, cpu] = ["wall", "cpu"].map((kind) => median(run[part].map((found) => found[kind])));
  return `${wall.toFixed(2)} | ${cpu.toFixed(2)} | ${(AUDIO_SECONDS[run.preset] / wall).toFixed(1)}`;
};

function print(round) {
  console.log(`\nmedians of ${round} rounds`);
  for (const [preset, audioSeconds] of Object.entries(AUDIO_SECONDS)) {
    console.log(`\n| ${preset}, ${audioSeconds} s | encode s | CPU s | × real time | decode s | CPU s | × real time |`);
    console.log("|---|---|---|---|---|---|---|");
    for (const run of runs.filter((run) => run.preset === preset)) {
      console.log(`| ${run.name} | ${figures(run, "encode")} | ${figures(run, "decode")} |`);
    }
  }
  const visit = (kind) => median(visits.map((found) => found[kind])).toFixed(2);
  console.log(`\npage: ready ${visit("ready")} s after the request, first sound ${visit("sound")} s after the click`);
}

const visits = [];
for (let round = 0; round < ROUNDS; round++) {
  for (let turn = 0; turn < runs.length; turn++) {
    const run = runs[(round + turn) % runs.length];
    for (const part of ["encode", "decode"]) run[part].push(await run.measure(part));
  }
  visits.push(await firstSound());
  print(round + 1);
}

// All implementations encoded the same samples with the same weights.
for (const preset of Object.keys(AUDIO_SECONDS)) {
  const [first, ...others] = runs.filter((run) => run.preset === preset && run.codes && (DAC_ONNX || preset === "tiny"));
  const expected = await first.codes();
  for (const run of others) {
    const codes = await run.codes();
    const equal = codes.filter((code, n) => code === expected[n]).length / expected.length;
    console.log(`${preset}, ${run.name}: ${(100 * equal).toFixed(2)} % of the codes equal those of ${first.name}`);
  }
}
server.close();
await browser.close();
