"use strict";
(() => {
  const STEP_SECONDS = 5;
  const data = JSON.parse(document.getElementById("data").textContent);
  const player = document.getElementById("player");
  const picture = document.getElementById("picture");
  const playhead = document.getElementById("playhead");
  const strips = [...document.querySelectorAll(".strip")];
  const clock = (seconds) =>
    `${Math.floor(seconds / 60)}:${String(Math.floor(seconds % 60)).padStart(2, "0")}`;

  function scoresAt(seconds) {
    const next = data.edges.findIndex((edge) => edge > seconds);
    return data.scores[next < 0 ? data.scores.length - 1 : Math.max(0, next - 1)];
  }

  function show() {
    const seconds = Math.min(player.currentTime, data.seconds);
    const scores = scoresAt(seconds);
    const highest = Math.max(...scores);
    playhead.style.left = `${(100 * seconds) / data.seconds}%`;
    picture.setAttribute("aria-valuenow", seconds.toFixed(3));
    picture.setAttribute("aria-valuetext", `${clock(seconds)} of ${clock(data.seconds)}`);
    strips.forEach((strip, number) => {
      strip.querySelector(".now").textContent = scores[number].toFixed(2);
      strip.classList.toggle("strongest", scores[number] === highest);
    });
  }

  function follow() {
    show();
    if (!player.paused) requestAnimationFrame(follow);
  }

  function goTo(seconds) {
    player.currentTime = Math.min(Math.max(seconds, 0), data.seconds);
    show();
  }

  function goToPointer(event) {
    const box = picture.getBoundingClientRect();
    goTo(((event.clientX - box.left) / box.width) * data.seconds);
  }

  const keys = {
    " ": () => (player.paused ? player.play() : player.pause()),
    ArrowLeft: () => goTo(player.currentTime - STEP_SECONDS),
    ArrowRight: () => goTo(player.currentTime + STEP_SECONDS),
    Home: () => goTo(0),
    End: () => goTo(data.seconds),
  };

  picture.addEventListener("pointerdown", (event) => {
    if (event.button !== 0) return;
    picture.setPointerCapture(event.pointerId);
    goToPointer(event);
  });
  picture.addEventListener("pointermove", (event) => {
    if (picture.hasPointerCapture(event.pointerId)) goToPointer(event);
  });
  picture.addEventListener("keydown", (event) => {
    if (!(event.key in keys)) return;
    event.preventDefault();
    keys[event.key]();
  });
  player.addEventListener("play", follow);
  for (const name of ["timeupdate", "seeked", "loadedmetadata"]) player.addEventListener(name, show);
  show();
})();
