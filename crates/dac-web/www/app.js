// The page: requests to the worker, and what it answers.
const at = (id) => document.getElementById(id);
const query = new URLSearchParams(location.search);

let worker;
let nextId = 0;
/** Requests that the worker has not finished, by id. */
const pending = new Map();
let name = "recording";
let seconds = 0;
let urls = [];
let weights = { name: "tiny" };
/** The loaded model and module. */
let engine;
let ready = startWorker();

/** Starts a worker, which loads the model; an earlier one ends with all its requests. */
function startWorker() {
  worker?.terminate();
  failAll(new DOMException("replaced", "AbortError"));
  worker = new Worker("worker.js", { type: "module" });
  worker.addEventListener("error", (event) => failAll(new Error(event.message ?? "the worker cannot start")));
  worker.addEventListener("message", ({ data }) => {
    const request = pending.get(data.id);
    if (data.error !== undefined) request?.reject(new Error(data.error));
    else if (data.done) request?.resolve(data);
    else request?.handle(data);
  });
  const module = query.get("module") ?? undefined;
  const threads = query.has("threads") ? Number(query.get("threads")) : undefined;
  const loaded = ask({ request: "load", module, threads, ...weights }, showProgress).then(({ model }) => {
    engine = model;
    at("model-name").textContent = weights.name === model.name ? model.name : `${weights.name} (${model.name})`;
    at("engine").textContent =
      `Model ${model.name}: ${model.codebooks} codebooks, ${model.sampleRate} Hz. WebAssembly with ${model.isa}, ` +
      `${model.threads === 1 ? "one thread" : `${model.threads} threads`}. ` +
      "The page works offline once it has loaded.";
  });
  // The task that waits for the model shows the error.
  loaded.catch(() => {});
  return loaded;
}

function failAll(error) {
  for (const request of [...pending.values()]) request.reject(error);
}

/** Sends a request; `handle` takes the messages before the last. The worker answers in order. */
function ask(message, handle = () => {}) {
  const id = nextId++;
  return new Promise((resolve, reject) => {
    pending.set(id, { resolve, reject, handle });
    worker.postMessage({ id, ...message });
  }).finally(() => pending.delete(id));
}

function showProgress({ status, progress }) {
  if (status) {
    at("status").textContent = status;
    at("progress").removeAttribute("value");
  }
  if (progress !== undefined) at("progress").value = progress;
}

function showError(error) {
  at("status").textContent = "";
  at("error").textContent = error.message;
  at("error").hidden = false;
}

/** Runs a task with its progress shown, and shows its error. */
async function run(task) {
  at("error").hidden = true;
  at("progress").removeAttribute("value");
  at("progress-row").hidden = false;
  document.body.dataset.state = "busy";
  try {
    await task();
    document.body.dataset.state = "done";
  } catch (error) {
    if (error.name === "AbortError") return;
    document.body.dataset.state = "failed";
    showError(error);
  }
  at("progress-row").hidden = true;
}

const size = (bytes) => (bytes < 10_000 ? `${bytes} bytes` : `${(bytes / 1000).toFixed(0)} kB`);

function showFacts({ description, bytes, channels, codebooks, frames, encodeSeconds, kbps }) {
  const tokenBytes = (kbps * 1000 * seconds) / 8;
  const original = encodeSeconds === undefined ? undefined : `${size(bytes)}, ${((bytes * 8) / seconds / 1000).toFixed(1)} kbit/s`;
  const facts = [
    ["Input", description],
    ["Length", `${seconds.toFixed(2)} s`],
    ["Original", original],
    ["Tokens", `${channels > 1 ? `${channels} × ` : ""}${codebooks} codebooks × ${frames} frames, ${kbps.toFixed(2)} kbit/s, ${size(Math.round(tokenBytes))}`],
    ["Smaller by a factor of", original && (bytes / tokenBytes).toFixed(1)],
    ["Encoded in", original && `${encodeSeconds.toFixed(2)} s, ${(seconds / encodeSeconds).toFixed(1)} × real time`],
  ];
  at("facts").replaceChildren(
    ...facts.filter(([, value]) => value).map(([label, value]) => {
      const row = document.createElement("div");
      const [term, detail] = [document.createElement("dt"), document.createElement("dd")];
      [term.textContent, detail.textContent] = [label, value];
      row.append(term, detail);
      return row;
    }),
  );
}

function clearResult() {
  for (const player of document.querySelectorAll("audio")) player.pause();
  for (const id of ["versions", "switch-place", "token-pictures", "figures-table"]) at(id).replaceChildren();
  urls.forEach((url) => URL.revokeObjectURL(url));
  urls = [];
  at("result").hidden = true;
}

/** Takes the parts of a result as they arrive. */
function showResult(data) {
  showProgress(data);
  if (data.result) {
    clearResult();
    seconds = data.result.seconds;
    at("result-name").textContent = name;
    showFacts(data.result);
    at("switch-place").innerHTML = data.switchHtml;
    for (const choice of at("switch-place").querySelectorAll(".choices button")) choice.disabled = true;
    at("token-pictures").innerHTML = data.tokensHtml;
    at("result").hidden = false;
  }
  if (data.version) addVersion(data);
}

function addVersion({ version, html, wav, figuresHtml }) {
  const holder = document.createElement("div");
  holder.innerHTML = html;
  const card = holder.firstElementChild;
  const url = URL.createObjectURL(new Blob([wav], { type: "audio/wav" }));
  urls.push(url);
  card.querySelector("audio").src = url;
  // In the order of the choices: the original, then ascending numbers of codebooks.
  const order = (id) => (id === "original" ? 0 : Number(id));
  const next = [...at("versions").children].find((other) => order(other.dataset.version) > order(version));
  at("versions").insertBefore(card, next ?? null);
  at("switch-place").querySelector(`[data-version="${version}"]`).disabled = false;
  if (figuresHtml) at("figures-table").innerHTML = figuresHtml;
}

async function open(request, label) {
  await run(async () => {
    await ready;
    // A request that is still running is abandoned with its worker.
    if (pending.size > 0) await (ready = startWorker());
    name = label;
    await ask(request, showResult);
    at("status").textContent = "Ready. Switch between the original and numbers of codebooks while it plays.";
    at("result-name").focus({ preventScroll: true });
  });
}

const openFile = (file) => file && open({ request: "open", file }, file.name);

function changeModel(next) {
  const before = weights;
  return run(async () => {
    weights = next;
    clearResult();
    ready = startWorker();
    try {
      await ready;
    } catch (error) {
      weights = before;
      ready = startWorker();
      await ready;
      throw error;
    }
    at("status").textContent = "The model is loaded. Choose a recording.";
  });
}

function save(bytes, fileName) {
  const link = document.createElement("a");
  link.href = bytes instanceof Uint8Array ? URL.createObjectURL(new Blob([bytes])) : bytes;
  link.download = fileName;
  link.click();
  if (bytes instanceof Uint8Array) setTimeout(() => URL.revokeObjectURL(link.href), 1000);
}

const stem = () => name.replace(/\.[^.]*$/, "");

let recording = null;

async function startRecording() {
  const constraints = { echoCancellation: false, noiseSuppression: false, autoGainControl: false, channelCount: 1 };
  const stream = await navigator.mediaDevices.getUserMedia({ audio: constraints });
  const context = new AudioContext();
  await context.audioWorklet.addModule("recorder.js");
  const node = new AudioWorkletNode(context, "recorder", { numberOfOutputs: 0 });
  const parts = [];
  node.port.onmessage = ({ data }) => {
    parts.push(data);
    const done = (parts.length * data.length) / context.sampleRate;
    at("status").textContent = `Recording: ${done.toFixed(0)} s`;
    if (done >= 60) stopRecording();
  };
  context.createMediaStreamSource(stream).connect(node);
  recording = { stream, context, parts };
  at("record").setAttribute("aria-pressed", "true");
  at("record").textContent = "Stop";
}

async function stopRecording() {
  const { stream, context, parts } = recording;
  recording = null;
  at("record").setAttribute("aria-pressed", "false");
  at("record").textContent = "Record";
  for (const track of stream.getTracks()) track.stop();
  const { sampleRate } = context;
  await context.close();
  const samples = new Float32Array(parts.reduce((sum, part) => sum + part.length, 0));
  parts.reduce((position, part) => (samples.set(part, position), position + part.length), 0);
  await open({ request: "record", samples, sampleRate }, "recording");
}

at("file").addEventListener("change", ({ target }) => {
  openFile(target.files[0]);
  // The same file can be chosen again.
  target.value = "";
});
at("sample").addEventListener("click", async () => {
  try {
    openFile(new File([await (await fetch("sample.wav")).blob()], "sample.wav"));
  } catch (error) {
    showError(error);
  }
});
at("record").addEventListener("click", () => {
  if (recording) return stopRecording();
  startRecording().catch((error) => showError(new Error(`cannot record: ${error.message}`)));
});
at("cancel").addEventListener("click", () => {
  ready = startWorker();
  at("progress-row").hidden = true;
  at("status").textContent = "Cancelled";
  document.body.dataset.state = "cancelled";
});
at("weights").addEventListener("change", ({ target }) => {
  const [file] = target.files;
  if (file) changeModel({ weights: file, name: file.name });
  target.value = "";
});
at("tiny").addEventListener("click", () => changeModel({ name: "tiny" }));
at("address-form").addEventListener("submit", (event) => {
  event.preventDefault();
  const url = new URL(at("address").value);
  changeModel({ url: url.href, name: url.pathname.split("/").pop() || url.host });
});
at("save-tokens").addEventListener("click", () =>
  run(async () => {
    const format = at("format").value;
    const { bytes } = await ask({ request: "save", format });
    save(bytes, `${stem()}.${format}`);
  }),
);
at("save-wav").addEventListener("click", () => {
  const card = document.querySelector(".version.current") ?? document.querySelector(".version");
  save(card.querySelector("audio").src, `${stem()}.${card.dataset.version}.wav`);
});

for (const type of ["dragenter", "dragover"]) {
  document.addEventListener(type, (event) => {
    event.preventDefault();
    at("drop").classList.add("over");
  });
}
for (const type of ["dragleave", "drop"]) {
  document.addEventListener(type, (event) => {
    event.preventDefault();
    at("drop").classList.remove("over");
    if (type === "drop") openFile(event.dataTransfer.files[0]);
  });
}

run(async () => {
  await ready;
  at("status").textContent = "";
  keepForOffline();
});

/** Registers the service worker, which then keeps the module that this browser uses. */
async function keepForOffline() {
  if (!("serviceWorker" in navigator)) return;
  try {
    await navigator.serviceWorker.register("sw.js");
    await navigator.serviceWorker.ready;
    const { controller } = navigator.serviceWorker;
    if (!controller) await new Promise((done) => navigator.serviceWorker.addEventListener("controllerchange", done));
    await (await fetch(`dac-web/${engine.module}/dac_web_bg.wasm`)).arrayBuffer();
    document.body.dataset.offline = "ready";
  } catch {
    // Without it, the page needs the network.
  }
}

// For tests.
export { ask };
