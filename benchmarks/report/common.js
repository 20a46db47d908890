"use strict";
const $$ = (selector, root = document) => [...root.querySelectorAll(selector)];
const remembered = () => { try { return localStorage.getItem("vinpaint-theme"); } catch { return null; } };
const theme = (name) => { document.documentElement.dataset.theme = name; };
theme(remembered() || (matchMedia("(prefers-color-scheme: dark)").matches ? "dark" : "light"));
matchMedia("(prefers-color-scheme: dark)").addEventListener("change", (event) => {
  if (!remembered()) theme(event.matches ? "dark" : "light");
});
addEventListener("DOMContentLoaded", () => {
  for (const button of $$(".theme")) button.addEventListener("click", () => {
    const next = document.documentElement.dataset.theme === "dark" ? "light" : "dark";
    theme(next);
    try { localStorage.setItem("vinpaint-theme", next); } catch { /* private window: not remembered */ }
  });
  for (const stage of $$(".stage")) wire(stage);
});
// The range that lies over a picture moves the border between the two; keys and screen readers get it for free.
function wire(stage) {
  const range = stage.querySelector("input[type=range]");
  if (!range) return;
  const move = () => stage.style.setProperty("--x", range.value + "%");
  const follow = (event) => {
    const box = stage.getBoundingClientRect();
    range.value = Math.min(100, Math.max(0, 100 * (event.clientX - box.left) / box.width));
    move();
  };
  range.addEventListener("input", move);
  range.addEventListener("pointerdown", follow);
  range.addEventListener("pointermove", (event) => { if (event.buttons || event.pointerType === "mouse" && stage.dataset.hover) follow(event); });
  move();
}
