// One player plays at a time; starting another continues at the same position.
(() => {
  "use strict";
  const players = [...document.querySelectorAll("audio")];
  const root = document.documentElement;
  const at = (id) => document.getElementById(id);
  const [bar, play, seek, clock, repeat] = ["switch", "play", "seek", "clock", "repeat"].map(at);
  const choices = [...bar.querySelectorAll("[data-version]")];
  const versionOf = (node) => node.closest("[data-version]").dataset.version;
  const playerOf = (version) => players.find((player) => versionOf(player) === version);
  let current = players[0];

  const time = (seconds) => `${Math.floor(seconds / 60)}:${String(Math.floor(seconds % 60)).padStart(2, "0")}`;

  function show() {
    const length = current.duration || 1;
    seek.max = length;
    seek.value = current.currentTime;
    clock.textContent = `${time(current.currentTime)} / ${time(length)}`;
    root.style.setProperty("--at", `${(100 * current.currentTime) / length}%`);
    play.textContent = current.paused ? "▶" : "❚❚";
    play.setAttribute("aria-label", current.paused ? "Play" : "Pause");
    for (const choice of choices) choice.setAttribute("aria-pressed", String(versionOf(choice) === versionOf(current)));
    for (const player of players) player.closest(".version").classList.toggle("current", player === current);
  }

  function follow() {
    show();
    if (!current.paused) requestAnimationFrame(follow);
  }

  // A pause before playback starts rejects the promise of play(), which is no error.
  const start = (player) => player.play().catch(() => {});

  // Makes another player the current one, at the position of the last.
  function makeCurrent(player) {
    const last = current;
    if (player === last) return;
    current = player;
    player.currentTime = last.ended ? 0 : last.currentTime;
    last.pause();
    show();
  }

  function choose(player) {
    const wasPlaying = !current.paused;
    makeCurrent(player);
    if (wasPlaying) start(player);
  }

  for (const player of players) {
    player.addEventListener("play", () => {
      makeCurrent(player);
      follow();
    });
    // Moving the position of another player makes it the current one.
    player.addEventListener("seeking", () => {
      if (player === current) return show();
      current.pause();
      current = player;
      show();
    });
    for (const name of ["pause", "ended", "loadedmetadata", "timeupdate"]) {
      player.addEventListener(name, () => player === current && show());
    }
  }
  for (const choice of choices) choice.addEventListener("click", () => choose(playerOf(versionOf(choice))));
  play.addEventListener("click", () => (current.paused ? start(current) : current.pause()));
  seek.addEventListener("input", () => (current.currentTime = seek.value));
  repeat.addEventListener("change", () => players.forEach((player) => (player.loop = repeat.checked)));
  for (const plot of document.querySelectorAll(".plot")) {
    plot.addEventListener("click", (event) => {
      const box = plot.getBoundingClientRect();
      const card = plot.closest("[data-version]");
      if (card) makeCurrent(playerOf(card.dataset.version));
      current.currentTime = ((event.clientX - box.left) / box.width) * current.duration;
      start(current);
    });
  }
  bar.hidden = false;
  show();
})();
