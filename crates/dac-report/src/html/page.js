// One player plays at a time; starting another continues at the same position. Players may be added and
// removed at any time.
(() => {
  "use strict";
  const root = document.documentElement;
  const at = (id) => document.getElementById(id);
  const players = () => [...document.querySelectorAll("audio")];
  const versionOf = (node) => node.closest("[data-version]").dataset.version;
  const playerOf = (version) => players().find((player) => versionOf(player) === version);
  let current = null;

  const time = (seconds) => `${Math.floor(seconds / 60)}:${String(Math.floor(seconds % 60)).padStart(2, "0")}`;

  function show() {
    const bar = at("switch");
    if (!current?.isConnected) current = players()[0];
    if (!bar || !current) return;
    const length = current.duration || 1;
    at("seek").max = length;
    at("seek").value = current.currentTime;
    at("clock").textContent = `${time(current.currentTime)} / ${time(length)}`;
    root.style.setProperty("--at", `${(100 * current.currentTime) / length}%`);
    at("play").textContent = current.paused ? "▶" : "❚❚";
    at("play").setAttribute("aria-label", current.paused ? "Play" : "Pause");
    for (const choice of bar.querySelectorAll("[data-version]")) {
      choice.setAttribute("aria-pressed", String(versionOf(choice) === versionOf(current)));
    }
    for (const player of players()) player.closest(".version").classList.toggle("current", player === current);
    bar.hidden = false;
  }

  function follow() {
    show();
    if (current && !current.paused) requestAnimationFrame(follow);
  }

  // A pause before playback starts rejects the promise of play(), which is no error.
  const start = (player) => player.play().catch(() => {});

  // Makes another player the current one, at the position of the last.
  function makeCurrent(player) {
    const last = current;
    if (player === last) return;
    current = player;
    player.loop = at("repeat").checked;
    player.currentTime = last.ended ? 0 : last.currentTime;
    last.pause();
    show();
  }

  function choose(player) {
    const wasPlaying = !current.paused;
    makeCurrent(player);
    if (wasPlaying) start(player);
  }

  // Events of players do not bubble, but they can be captured.
  const onPlayer = (name, handle) =>
    document.addEventListener(name, (event) => event.target.matches("audio") && handle(event.target), true);
  onPlayer("play", (player) => {
    makeCurrent(player);
    follow();
  });
  // Moving the position of another player makes it the current one.
  onPlayer("seeking", (player) => {
    if (player !== current) {
      current.pause();
      current = player;
    }
    show();
  });
  for (const name of ["pause", "ended", "loadedmetadata", "timeupdate"]) {
    onPlayer(name, (player) => (player === current || !current?.isConnected) && show());
  }

  document.addEventListener("click", (event) => {
    const choice = event.target.closest(".choices [data-version]");
    const plot = event.target.closest(".plot");
    if (choice) choose(playerOf(versionOf(choice)));
    else if (event.target.closest("#play")) current.paused ? start(current) : current.pause();
    else if (plot && current) {
      const box = plot.getBoundingClientRect();
      if (plot.closest("[data-version]")) makeCurrent(playerOf(versionOf(plot)));
      current.currentTime = ((event.clientX - box.left) / box.width) * current.duration;
      start(current);
    }
  });
  document.addEventListener("input", (event) => {
    if (event.target.id === "seek") current.currentTime = event.target.value;
  });
  document.addEventListener("change", (event) => {
    if (event.target.id === "repeat") for (const player of players()) player.loop = event.target.checked;
  });
  show();
})();
