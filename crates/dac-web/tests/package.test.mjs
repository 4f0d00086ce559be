// The npm package: under node, as packed, with TypeScript types and in a bundler's build.
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { createServer } from "node:http";
import { mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { extname, join } from "node:path";
import { test } from "node:test";
import { gzipSync } from "node:zlib";
import { build } from "vite";
import { differing, MAX_TIES, MODULES, nativeTokens, openPage, PACKAGE, RECORDING, startBrowser, TEST_DIR } from "./support.mjs";

const MAX_GZIPPED_BYTES = 2_500_000;
const hasThreads = MODULES.some(({ threads }) => threads > 1);

/** Loads the package under node, whose version may lack relaxed SIMD. */
async function tinyModel() {
  const { load, tiny } = await import(join(PACKAGE, "index.js"));
  const codec = await load("simd");
  return { codec, model: codec.Model.load(await tiny(), "tiny") };
}

test("modules are small", () => {
  for (const { name } of MODULES) {
    const bytes = readFileSync(join(PACKAGE, name, "dac_web_bg.wasm"));
    const gzipped = gzipSync(bytes, { level: 9 }).length;
    console.log(`${name}: ${bytes.length} bytes, ${gzipped} gzipped`);
    assert.ok(gzipped <= MAX_GZIPPED_BYTES);
  }
});

test("node encodes, decodes and streams", async () => {
  const { codec, model } = await tinyModel();
  const wav = readFileSync(RECORDING);
  const reports = [];
  const tokens = model.encodeFile(wav, "a.wav", { progress: (samples) => reports.push(samples) });
  assert.ok(reports.length > 0);
  const found = { shape: [...tokens.shape], codes: [...tokens.codes] };
  assert.ok(differing(found, nativeTokens()) <= MAX_TIES);

  const audio = model.decode(tokens);
  assert.equal(audio.sampleRate, model.sampleRate);
  assert.ok(Math.abs(audio.samples / audio.sampleRate - tokens.seconds) < 0.001);
  const atInput = model.decode(tokens, { codebooks: 3, sampleRate: "input" });
  assert.ok(atInput.channels[0].some((sample) => Math.abs(sample) > 0.05));
  assert.throws(() => model.decode(tokens, { codebooks: 10 }), /codebooks/);
  assert.throws(() => model.encode([], 44100), Error);
  assert.throws(() => model.encode([new Float32Array([NaN])], 44100), /NaN/);

  // Samples as a signal, whole and in pieces.
  const [samples] = audio.channels;
  const whole = model.encode([samples], audio.sampleRate);
  const stream = new codec.EncodeStream(model, audio.sampleRate, 1);
  const parts = [];
  for (let at = 0; at < samples.length; at += 10_000) parts.push(stream.push([samples.subarray(at, at + 10_000)]));
  const rest = stream.finish();
  const books = model.codebooks;
  const rows = (codes) => {
    const frames = codes.length / books;
    return Array.from({ length: frames }, (_, t) => Array.from({ length: books }, (_, q) => codes[q * frames + t]));
  };
  assert.deepEqual([...parts, rest.codes].flatMap(rows), rows(whole.codes));

  const decoder = new codec.DecodeStream(model, 1, books);
  const pushed = [...decoder.push(whole.codes)[0], ...decoder.finish()[0]];
  const [expected] = model.decode(whole).channels;
  const worst = expected.reduce((most, sample, n) => Math.max(most, Math.abs(sample - pushed[n])), 0);
  assert.ok(pushed.length >= expected.length && worst < 2e-4, `${pushed.length}, ${expected.length}: ${worst}`);

  for (const format of ["safetensors", "npy", "pt", "dacp"]) {
    assert.deepEqual(codec.Tokens.read(tokens.write(format)).codes, tokens.codes, format);
  }
  assert.throws(() => codec.Tokens.read(new Uint8Array(8)), Error);
  assert.throws(() => codec.Model.load(wav, "a.wav"), /a\.wav/);
  const { load } = await import(join(PACKAGE, "index.js"));
  await assert.rejects(load("simd", { threads: 2 }), /cannot use 2 threads/);
  await assert.rejects(load("simd", { threads: 0 }), /positive whole number/);
});

test("the packed package works in a bundler's build", async (t) => {
  const folder = join(TEST_DIR, "bundler");
  rmSync(folder, { recursive: true, force: true });
  mkdirSync(folder, { recursive: true });
  const packed = JSON.parse(execFileSync("npm", ["pack", "--json", "--pack-destination", folder], { cwd: PACKAGE }));
  const files = packed[0].files.map((file) => file.path);
  const expected = ["index.js", "index.d.ts", "tiny.safetensors", "LICENSE-MIT", "README.md", "modules.js", "simd/dac_web.d.ts"];
  for (const { name, threads } of MODULES) expected.push(`${name}/dac_web_bg.wasm`, ...(threads > 1 ? [`${name}/thread.js`] : []));
  for (const file of expected) assert.ok(files.includes(file), `${file} is not packed: ${files}`);
  writeFileSync(join(folder, "package.json"), JSON.stringify({ name: "app", private: true, type: "module" }));
  execFileSync("npm", ["install", "--no-audit", "--no-fund", "--offline", `./${packed[0].filename}`], { cwd: folder });
  writeFileSync(join(folder, "index.html"), '<!doctype html><script type="module" src="main.js"></script>');
  // One thread in the page, two in its worker.
  writeFileSync(
    join(folder, "codec.js"),
    `import { load, tiny } from "dac-web";
     export async function run(options) {
       const { Model, module } = await load(undefined, options);
       const model = Model.load(await (await tiny()).arrayBuffer(), "tiny");
       const tone = Float32Array.from({ length: 44100 }, (_, n) => 0.3 * Math.sin(n / 15));
       const tokens = model.encode([tone], 44100);
       return { module, codes: tokens.codes.join(), samples: model.decode(tokens).samples };
     }`,
  );
  writeFileSync(
    join(folder, "worker.js"),
    `import { run } from "./codec.js";
     run(${JSON.stringify(hasThreads ? { threads: 2 } : {})}).then((found) => self.postMessage(found));`,
  );
  writeFileSync(
    join(folder, "main.js"),
    `import { run } from "./codec.js";
     const worker = new Worker(new URL("worker.js", import.meta.url), { type: "module" });
     worker.onmessage = async ({ data: inWorker }) => {
       window.found = { inPage: await run(), inWorker };
       document.body.dataset.state = "done";
     };`,
  );
  await build({ root: folder, logLevel: "warn", build: { target: "esnext" }, worker: { format: "es" } });
  const types = { ".html": "text/html", ".js": "text/javascript", ".wasm": "application/wasm" };
  const server = createServer((request, response) => {
    const path = request.url === "/" ? "/index.html" : request.url;
    try {
      const bytes = readFileSync(join(folder, "dist", path));
      response.writeHead(200, {
        "Content-Type": types[extname(path)] ?? "application/octet-stream",
        "Cross-Origin-Opener-Policy": "same-origin",
        "Cross-Origin-Embedder-Policy": "require-corp",
      }).end(bytes);
    } catch {
      response.writeHead(path === "/favicon.ico" ? 204 : 404).end();
    }
  });
  await new Promise((done) => server.listen(0, done));
  t.after(() => server.close());
  const browser = await startBrowser({ test: t });
  const { page, problems } = await openPage(browser.context, `http://localhost:${server.address().port}/`);
  const { inPage, inWorker } = await page.evaluate(() => window.found);
  assert.equal(inPage.samples, 44100);
  assert.ok(inPage.codes.length > 1000);
  assert.ok(!inPage.module.endsWith("-threads"));
  assert.deepEqual(inWorker, { ...inPage, module: hasThreads ? `${inPage.module}-threads` : inPage.module });
  assert.deepEqual(problems, []);
});
