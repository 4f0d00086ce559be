// The page in Chromium.
import assert from "node:assert/strict";
import { readFileSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { after, before, test } from "node:test";
import {
  codesOf, differing, MAX_TIES, MODULES, nativeTokens, openFile, openPage, RECORDING, SITE, startBrowser, TEST_DIR,
  waitForState,
} from "./support.mjs";

const ISAS = { simd: "simd128", relaxed: "relaxed-simd" };
const hasThreads = MODULES.some(({ threads }) => threads > 1);

let browser;
/** Codes of the recording with one thread, by arithmetic. */
const codesOfOneThread = {};
before(async () => (browser = await startBrowser()));
after(() => browser.close());

/** Saves the tokens in a format and returns the file's path. */
async function saveTokens(page, format) {
  await page.selectOption("#format", format);
  const download = page.waitForEvent("download");
  await page.click("#save-tokens");
  const path = join(TEST_DIR, (await download).suggestedFilename());
  await (await download).saveAs(path);
  await waitForState(page, "done");
  return path;
}

/** Writes the first second of the recording, a WAV file of one channel with 16 bits at 16 kHz. */
function firstSecond() {
  const [headerBytes, dataBytes] = [44, 32_000];
  const bytes = Buffer.from(readFileSync(RECORDING).subarray(0, headerBytes + dataBytes));
  bytes.writeUInt32LE(headerBytes - 8 + dataBytes, 4);
  bytes.writeUInt32LE(dataBytes, 40);
  const path = join(TEST_DIR, "second.wav");
  writeFileSync(path, bytes);
  return path;
}

for (const { name, arithmetic, threads } of MODULES) {
  test(`codes of the module ${name} equal those of the native engine`, async () => {
    const { page, problems } = await openPage(browser.context, `${SITE}?module=${arithmetic}&threads=${threads}`);
    const engine = `WebAssembly with ${ISAS[arithmetic]}, ${threads === 1 ? "one thread" : `${threads} threads`}\\.`;
    assert.match(await page.textContent("#engine"), new RegExp(engine));
    await openFile(page, RECORDING);
    const found = codesOf(readFileSync(await saveTokens(page, "safetensors")));
    assert.equal(found.shape.length, 3);
    assert.ok(new Set(found.codes).size > 100);
    const share = differing(found, nativeTokens());
    console.log(`${name}: ${(100 * share).toFixed(3)} % of the codes differ from the native engine's`);
    assert.ok(share <= MAX_TIES, `${share} of the codes differ`);
    // Without fused multiply-adds, the arithmetic is that of the portable kernels.
    if (arithmetic === "simd") assert.equal(differing(found, nativeTokens("portable")), 0);
    // The number of threads does not change the arithmetic.
    codesOfOneThread[arithmetic] ??= found;
    assert.deepEqual(found, codesOfOneThread[arithmetic]);
    assert.deepEqual(problems, []);
    await page.close();
  });
}

test("the page takes a thread for each processor if it is isolated, otherwise one", { skip: !hasThreads }, async (t) => {
  const { page } = await openPage(browser.context);
  const processors = await page.evaluate(() => navigator.hardwareConcurrency);
  const expected = processors === 1 ? "one thread" : `${Math.min(processors, 8)} threads`;
  assert.match(await page.textContent("#engine"), new RegExp(`, ${expected}\\.`));
  await page.close();
  const own = await startBrowser({ serviceWorkers: "block", test: t });
  await own.context.route("**/*", async (route) => {
    const response = await route.fetch();
    const headers = response.headers();
    for (const name of Object.keys(headers).filter((name) => name.startsWith("cross-origin-"))) delete headers[name];
    await route.fulfill({ response, headers });
  });
  const { page: plain, problems } = await openPage(own.context);
  assert.match(await plain.textContent("#engine"), /, one thread\./);
  await openFile(plain, firstSecond());
  assert.deepEqual(problems.filter((text) => !text.includes("registration blocked by Playwright")), []);
  await plain.goto(`${SITE}?threads=2`);
  await waitForState(plain, "failed");
  assert.match(await plain.textContent("#error"), /cannot use 2 threads: .*Cross-Origin-Opener-Policy/);
});

test("cancelled workers end with their threads and free their memory", { skip: !hasThreads }, async (t) => {
  const own = await startBrowser({ test: t });
  const { page, problems } = await openPage(own.context, `${SITE}?threads=2`);
  await openFile(page, firstSecond());
  const count = own.workerThreads();
  assert.ok(count >= 2, `${count} threads`);
  const cancel = async () => {
    await page.evaluate(() => (document.body.dataset.state = "waiting"));
    await page.setInputFiles("#file", RECORDING);
    await page.waitForFunction(() => /^(En|De)coding/.test(document.querySelector("#status").textContent));
    await page.click("#cancel");
  };
  // The browser ends terminated workers, and frees their memory, a moment later.
  const soon = async (condition) => {
    for (let wait = 0; wait < 200 && !condition(); wait++) await page.waitForTimeout(100);
  };
  for (let run = 0; run < 3; run++) await cancel();
  await openFile(page, firstSecond());
  await soon(() => own.workerThreads() <= count);
  const before = own.memoryBytes();
  for (let run = 0; run < 10; run++) await cancel();
  await openFile(page, firstSecond());
  // Half of what ten workers have, more than 100 MB each.
  const mostBytes = before + 500e6;
  await soon(() => own.workerThreads() <= count && own.memoryBytes() < mostBytes);
  const bytes = own.memoryBytes();
  console.log(`${count} workers; memory of the browser: ${before / 1e6} MB after 3 cancelled runs, ${bytes / 1e6} MB after 13`);
  assert.equal(own.workerThreads(), count);
  assert.ok(bytes < mostBytes, `${before} to ${bytes} bytes`);
  assert.deepEqual(problems, []);
});

test("a recording is encoded, played and compared", async () => {
  const { page, problems } = await openPage(browser.context);
  await openFile(page, RECORDING);
  const versions = await page.$$eval("#versions .version", (all) => all.map((card) => card.dataset.version));
  assert.deepEqual(versions, ["original", "1", "2", "3", "4", "5", "6", "7", "8", "9"]);
  await page.waitForFunction(() => [...document.querySelectorAll("audio")].every((player) => player.readyState >= 1));
  const durations = await page.$$eval("audio", (players) => players.map((player) => player.duration));
  assert.ok(durations.every((duration) => Math.abs(duration - durations[0]) < 0.001 && duration > 3), `${durations}`);
  const pictures = await page.$$eval("#result img", (all) => all.map((image) => image.complete && image.naturalWidth));
  assert.equal(pictures.length, 11);
  assert.ok(pictures.every((width) => width > 100), `${pictures}`);
  const facts = await page.textContent("#facts");
  assert.match(facts, /9 codebooks × \d+ frames, \d+\.\d\d kbit\/s/);
  assert.match(facts, /Smaller by a factor of/);

  await page.click("#play");
  await page.waitForFunction(() => document.querySelector("#version-original audio").currentTime > 0.3);
  await page.click('.choices [data-version="3"]');
  await page.waitForFunction(() => document.querySelector("#version-3 audio").currentTime > 0.35);
  const playing = await page.$$eval("audio", (players) => players.filter((player) => !player.paused).length);
  assert.equal(playing, 1);
  assert.equal(await page.getAttribute('.choices [data-version="3"]', "aria-pressed"), "true");
  await page.click("#play");
  await page.click("#version-9 .plot", { position: { x: 5, y: 50 } });
  await page.waitForFunction(() => !document.querySelector("#version-9 audio").paused);

  const download = page.waitForEvent("download");
  await page.click("#save-wav");
  const wav = join(TEST_DIR, "saved.wav");
  await (await download).saveAs(wav);
  assert.equal((await download).suggestedFilename(), "librivox_austen.9.wav");
  assert.equal(readFileSync(wav).subarray(0, 4).toString(), "RIFF");
  assert.ok(statSync(wav).size > 100_000);
  assert.deepEqual(problems, []);
  await page.close();
});

test("token files of every format are saved and opened again", async () => {
  const { page, problems } = await openPage(browser.context);
  await openFile(page, RECORDING);
  const files = [];
  for (const format of ["dacp", "safetensors", "npy", "pt", "dac"]) files.push(await saveTokens(page, format));
  const expected = codesOf(readFileSync(files[1]));
  for (const file of files) {
    await openFile(page, file);
    assert.equal(await page.textContent("#result-name"), file.split("/").pop());
    const versions = await page.$$eval("#versions .version", (all) => all.map((card) => card.dataset.version));
    assert.deepEqual(versions, ["1", "2", "3", "4", "5", "6", "7", "8", "9"], file);
    assert.deepEqual(codesOf(readFileSync(await saveTokens(page, "safetensors"))), expected, file);
  }
  await page.click("#play");
  await page.waitForFunction(() => [...document.querySelectorAll("audio")].some((player) => player.currentTime > 0.1));
  assert.deepEqual(problems, []);
  await page.close();
});

test("invalid files are refused with the reason, and the page goes on", async () => {
  const { page, problems } = await openPage(browser.context);
  const text = join(TEST_DIR, "notes.txt");
  writeFileSync(text, "no audio at all\n".repeat(100));
  await openFile(page, text, "failed");
  assert.match(await page.textContent("#error"), /notes\.txt/);
  const cut = join(TEST_DIR, "cut.npy");
  writeFileSync(cut, Buffer.concat([Buffer.from("\x93NUMPY", "latin1"), Buffer.from([1, 0, 9, 0])]));
  await openFile(page, cut, "failed");
  assert.ok(await page.isVisible("#error"));
  await page.evaluate(() => (document.body.dataset.state = "waiting"));
  await page.setInputFiles("#weights", text);
  await waitForState(page, "failed");
  assert.match(await page.textContent("#error"), /notes\.txt/);
  await openFile(page, RECORDING);
  assert.ok(!(await page.isVisible("#error")));
  assert.deepEqual(problems, []);
  await page.close();
});

test("weights are loaded from a file and from an address", async () => {
  const { page, problems } = await openPage(browser.context);
  const weights = join(process.env.DAC_PACKAGE, "tiny.safetensors");
  await page.evaluate(() => (document.body.dataset.state = "waiting"));
  await page.setInputFiles("#weights", weights);
  await waitForState(page, "done");
  assert.equal(await page.textContent("#model-name"), "tiny.safetensors (tiny)");
  await page.click("summary");
  await page.fill("#address", `${SITE}dac-web/tiny.safetensors`);
  await page.evaluate(() => (document.body.dataset.state = "waiting"));
  await page.click("#address-form button");
  await waitForState(page, "done");
  await openFile(page, RECORDING);
  assert.ok(await page.isVisible("#version-9"));
  assert.deepEqual(problems, []);
  await page.close();
});

test("the microphone is recorded", async () => {
  const { page, problems } = await openPage(browser.context);
  await page.click("#record");
  await page.waitForFunction(() => /Recording: [1-9]/.test(document.querySelector("#status").textContent));
  await page.evaluate(() => (document.body.dataset.state = "waiting"));
  await page.click("#record");
  await waitForState(page, "done");
  assert.match(await page.textContent("#facts"), /microphone/);
  assert.ok(await page.isVisible("#version-original"));
  assert.deepEqual(problems, []);
  await page.close();
});

test("the page works offline once it has loaded", async (t) => {
  const own = await startBrowser({ test: t });
  const { page } = await openPage(own.context);
  await page.waitForFunction(() => document.body.dataset.offline === "ready");
  await own.context.setOffline(true);
  await page.reload();
  await waitForState(page, "done");
  await openFile(page, RECORDING);
  assert.ok(await page.isVisible("#version-9"));
});

// The long tests are for `cargo xtask web --test` by hand; CI has no time for them.
const isQuick = process.env.DAC_WEB_QUICK === "1";

for (const threads of hasThreads ? [1, 2] : [1]) {
  test(`memory stays flat over 20 runs, threads: ${threads}`, { skip: isQuick }, async () => {
    const { page, problems } = await openPage(browser.context, `${SITE}?threads=${threads}`);
    const memory = async () => {
      const { bytes } = await page.evaluate(async () => (await import("./app.js")).ask({ request: "memory" }));
      return bytes;
    };
    const recording = firstSecond();
    for (let run = 0; run < 4; run++) await openFile(page, recording);
    const start = await memory();
    for (let run = 0; run < 20; run++) await openFile(page, recording);
    const end = await memory();
    console.log(`memory of the module: ${start / 1e6} MB after 4 runs, ${end / 1e6} MB after 24`);
    assert.ok(end <= start * 1.02, `${start} to ${end} bytes`);
    assert.deepEqual(problems, []);
    await page.close();
  });
}

test("screenshots in both themes and at the width of a phone", async (t) => {
  for (const [name, colorScheme, width] of [["light", "light", 1000], ["dark", "dark", 1000], ["phone", "light", 360]]) {
    const own = await startBrowser({ colorScheme, viewport: { width, height: 800 }, test: t });
    const { page } = await openPage(own.context);
    await openFile(page, RECORDING);
    const overflow = await page.evaluate(() => document.documentElement.scrollWidth - document.documentElement.clientWidth);
    assert.equal(overflow, 0, `${name}: wider than the window`);
    await page.screenshot({ path: join(TEST_DIR, `${name}.png`), fullPage: true });
    await page.screenshot({ path: join(TEST_DIR, `${name}-top.png`) });
  }
});

test("everything is reached by keyboard and has a name", async () => {
  const { page } = await openPage(browser.context);
  const reached = new Set();
  const pressTab = async (presses) => {
    for (let press = 0; press < presses; press++) {
      await page.keyboard.press("Tab");
      reached.add(await page.evaluate(() => document.activeElement.id || document.activeElement.dataset.version));
    }
  };
  await pressTab(5);
  await openFile(page, RECORDING);
  const unnamed = await page.$$eval("button, input, select, audio, img, progress", (all) =>
    all
      .filter((node) => {
        const label = node.labels?.[0]?.textContent ?? node.textContent;
        return !(node.getAttribute("aria-label") ?? node.getAttribute("alt") ?? label).trim();
      })
      .map((node) => node.outerHTML.slice(0, 80)),
  );
  assert.deepEqual(unnamed, []);
  await pressTab(60);
  for (const id of ["file", "record", "sample", "play", "seek", "repeat", "original", "9"]) {
    assert.ok(reached.has(id), `${id} is not reached: ${[...reached]}`);
  }
  await page.close();
});
