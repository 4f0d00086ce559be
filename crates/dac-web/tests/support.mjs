// What the tests share: Chromium, token files, the native program.
import { execFileSync } from "node:child_process";
import { mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { chromium } from "playwright-core";

export const SITE = process.env.DAC_SITE;
export const RECORDING = process.env.DAC_RECORDING;
export const PACKAGE = process.env.DAC_PACKAGE;
export const TEST_DIR = process.env.DAC_TEST_DIR;

const { modules } = await import(join(PACKAGE, "modules.js"));
/** The modules of the package, those without threads first, with the number of threads to test. */
export const MODULES = Object.keys(modules).map((name) => {
  const [arithmetic, threads] = name.split("-");
  return { name, arithmetic, threads: threads ? 2 : 1 };
});
/** Largest share of codes that may differ because two entries of a codebook are equally near. */
export const MAX_TIES = 0.002;

const FLAGS = [
  "--no-sandbox",
  "--disable-gpu",
  "--disable-quic",
  "--no-first-run",
  "--disable-background-networking",
  "--disable-component-update",
  "--disable-sync",
  "--autoplay-policy=no-user-gesture-required",
  "--use-fake-device-for-media-stream",
  "--use-fake-ui-for-media-stream",
];

/**
 * Starts Chromium with a fresh profile; `close` ends it and removes the profile, and so does the end of `test`,
 * the context of a test. `workerThreads` counts the running workers, `memoryBytes` and `cpuSeconds` add up memory
 * and CPU time of all its processes.
 */
export async function startBrowser({ test, ...options } = {}) {
  const profile = mkdtempSync(join(tmpdir(), "dac-web-"));
  const context = await chromium.launchPersistentContext(profile, {
    executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium",
    headless: true,
    args: FLAGS,
    acceptDownloads: true,
    permissions: ["microphone"],
    ...options,
  });
  const close = async () => {
    await context.close();
    rmSync(profile, { recursive: true, force: true });
  };
  // A browser that is left running keeps node from ending.
  test?.after(close);
  const workerThreads = () =>
    processesOf(profile).flatMap((pid) =>
      readdirSync(`/proc/${pid}/task`).filter((thread) => read(`/proc/${pid}/task/${thread}/comm`) === "DedicatedWorker\n"),
    ).length;
  const memoryBytes = () =>
    processesOf(profile).reduce((sum, pid) => sum + 1024 * Number(/VmRSS:\s*(\d+)/.exec(read(`/proc/${pid}/status`))?.[1] ?? 0), 0);
  const cpuSeconds = () =>
    processesOf(profile).reduce((sum, pid) => {
      // User and system time in hundredths of a second; the name before them may contain spaces.
      const fields = read(`/proc/${pid}/stat`).split(") ").pop().split(" ");
      return sum + (Number(fields[11] ?? 0) + Number(fields[12] ?? 0)) / 100;
    }, 0);
  return { context, close, workerThreads, memoryBytes, cpuSeconds };
}

/** Reads a file of a process, which may have ended. */
function read(path) {
  try {
    return readFileSync(path, "utf8");
  } catch {
    return "";
  }
}

/** The processes of the browser with a profile: those that name it, and all that descend from them. */
function processesOf(profile) {
  const all = readdirSync("/proc").filter((name) => /^\d+$/.test(name));
  const parents = new Map(all.map((pid) => [pid, /PPid:\s*(\d+)/.exec(read(`/proc/${pid}/status`))?.[1]]));
  const found = new Set(all.filter((pid) => read(`/proc/${pid}/cmdline`).includes(profile)));
  for (let size = 0; size < found.size; ) {
    size = found.size;
    for (const [pid, parent] of parents) if (found.has(parent)) found.add(pid);
  }
  return [...found];
}

/** Opens the page and collects its errors in `problems`. */
export async function openPage(context, address = SITE) {
  const page = await context.newPage();
  const problems = [];
  page.on("console", (message) => ["error", "warning"].includes(message.type()) && problems.push(message.text()));
  page.on("pageerror", (error) => problems.push(String(error)));
  await page.goto(address);
  await waitForState(page, "done");
  return { page, problems };
}

/** Waits until the page has finished its task in this way. */
export async function waitForState(page, state, timeout = 120_000) {
  await page.waitForFunction((wanted) => document.body.dataset.state === wanted, state, { timeout });
}

/** Opens a file in the page and waits for its result. */
export async function openFile(page, file, state = "done") {
  await page.evaluate(() => (document.body.dataset.state = "waiting"));
  await page.setInputFiles("#file", file);
  await waitForState(page, state);
}

/** Runs the native program. */
export function native(args, environment = {}) {
  return execFileSync(process.env.DAC_BINARY, args, {
    env: { ...process.env, ...environment },
    stdio: ["ignore", "pipe", "inherit"],
  });
}

/** Reads the codes of a safetensors file. */
export function codesOf(bytes) {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const headerBytes = Number(view.getBigUint64(0, true));
  const header = JSON.parse(new TextDecoder().decode(bytes.subarray(8, 8 + headerBytes)));
  const { dtype, shape, data_offsets: [start, end] } = header.codes;
  const width = { I64: 8, I32: 4, I16: 2, U16: 2 }[dtype];
  const codes = [];
  for (let at = 8 + headerBytes + start; at < 8 + headerBytes + end; at += width) codes.push(view.getUint16(at, true));
  return { shape, codes };
}

/** Encodes the recording with the native program. */
export function nativeTokens(isa) {
  const folder = mkdtempSync(join(TEST_DIR, "native-"));
  const environment = isa ? { DAC_CPU: isa } : {};
  native(["encode", RECORDING, "--model", "tiny", "--output", folder, "--format", "safetensors"], environment);
  const bytes = readFileSync(join(folder, "librivox_austen.safetensors"));
  rmSync(folder, { recursive: true });
  return codesOf(bytes);
}

/** Share of codes that differ. */
export function differing(found, expected) {
  if (String(found.shape) !== String(expected.shape)) throw new Error(`shape ${found.shape}, not ${expected.shape}`);
  return found.codes.filter((code, n) => code !== expected.codes[n]).length / expected.codes.length;
}
