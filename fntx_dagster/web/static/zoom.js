// Drawing across a chart of sessions opens the page of returns over those days alone. The dates are those of the table
// that the charts are drawn from; without this script the page's form asks for the same range. A page that follows the
// stream changes its charts, so the whole document is listened to.
"use strict";
(() => {
  const NARROWEST = 8; // pixels: less is a click
  const band = document.body.appendChild(document.createElement("div"));
  band.className = "band";
  band.hidden = true;
  let plot = null, start = 0;

  function part(event) {
    const box = plot.getBoundingClientRect();
    return Math.min(Math.max((event.clientX - box.left) / box.width, 0), 1);
  }

  function show(end) {
    const box = plot.getBoundingClientRect();
    band.style.left = `${box.left + Math.min(start, end) * box.width}px`;
    band.style.width = `${Math.abs(end - start) * box.width}px`;
    band.style.top = `${box.top}px`;
    band.style.height = `${box.height}px`;
    band.hidden = false;
  }

  function giveUp() {
    plot = null;
    band.hidden = true;
  }

  function open(end) {
    const [left, right] = [start, end].sort((first, second) => first - second);
    if ((right - left) * plot.getBoundingClientRect().width < NARROWEST) return;
    const cells = document.querySelectorAll("figure[data-zoom] tbody tr > :first-child");
    const dates = [...cells].map((cell) => cell.textContent);
    const first = dates[Math.min(Math.floor(left * dates.length), dates.length - 1)];
    const last = dates[Math.max(Math.ceil(right * dates.length) - 1, 0)];
    location.assign(`${plot.closest("figure").dataset.zoom}?from=${first}&to=${last}`);
  }

  document.addEventListener("pointerdown", (event) => {
    const drawing = event.target.closest("figure[data-zoom] .drawing");
    if (!drawing || event.button !== 0 || !event.isPrimary) return;
    event.preventDefault();
    drawing.setPointerCapture(event.pointerId);
    plot = drawing.querySelector(".plot");
    start = part(event);
  });
  document.addEventListener("pointermove", (event) => plot && show(part(event)));
  document.addEventListener("pointercancel", giveUp);
  document.addEventListener("keydown", (event) => event.key === "Escape" && giveUp());
  document.addEventListener("pointerup", (event) => {
    if (!plot) return;
    open(part(event));
    giveUp();
  });
})();
