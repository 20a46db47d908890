addEventListener("DOMContentLoaded", () => {
  const data = JSON.parse(document.getElementById("data").textContent);
  const stage = document.querySelector(".stage"), pair = document.querySelector(".pair");
  const [left, right, zoom, frame] = ["left", "right", "zoom", "frame"].map((id) => document.getElementById(id));
  const play = document.getElementById("play"), number = document.getElementById("number");
  for (const [select, first] of [[left, 0], [right, 1]]) {
    select.replaceChildren(...data.names.map((name, index) => new Option(name, index)));
    select.value = first;
  }
  const paint = () => {
    const sides = [left, right].map((select) => [data.pictures[select.value][frame.value], data.names[select.value]]);
    $$("img", stage).forEach((image, side) => { image.src = sides[side][0]; });
    $$(".tagline", stage).forEach((label, side) => { label.textContent = sides[side][1]; });
    $$("figure", pair).forEach((figure, side) => {
      figure.querySelector("img").src = sides[side][0];
      figure.querySelector("figcaption").textContent = sides[side][1];
    });
    number.textContent = "frame " + (data.kept[frame.value] + 1);
  };
  const view = (name) => {
    $$("[data-view]").forEach((button) => button.setAttribute("aria-pressed", button.dataset.view === name));
    stage.hidden = name === "pair"; pair.hidden = name !== "pair";
    stage.classList.toggle("difference", name === "difference");
  };
  $$("[data-view]").forEach((button) => button.addEventListener("click", () => view(button.dataset.view)));
  for (const control of [left, right, frame]) control.addEventListener("input", paint);
  const place = (x, y) => { stage.style.setProperty("--zx", x + "%"); stage.style.setProperty("--zy", y + "%"); };
  zoom.addEventListener("input", () => {
    stage.style.setProperty("--z", zoom.value);
    stage.classList.toggle("zoomed", zoom.value > 1);
  });
  stage.addEventListener("dblclick", (event) => {
    const box = stage.getBoundingClientRect();
    place(100 * (event.clientX - box.left) / box.width, 100 * (event.clientY - box.top) / box.height);
    zoom.value = zoom.value === "1" ? "4" : "1";
    zoom.dispatchEvent(new Event("input"));
  });
  let timer = 0;
  const step = (by) => { frame.value = (Number(frame.value) + by + data.kept.length) % data.kept.length; paint(); };
  const toggle = () => {
    if (timer) clearInterval(timer);
    timer = timer ? 0 : setInterval(() => step(1), data.pause);
    play.textContent = timer ? "Pause" : "Play";
  };
  play.addEventListener("click", toggle);
  document.getElementById("most").addEventListener("click", () => { frame.value = data.first; paint(); });
  addEventListener("keydown", (event) => {
    if (event.target.matches("select, button, input[type=range]")) return;
    if (event.key === "ArrowRight") step(1); else if (event.key === "ArrowLeft") step(-1); else if (event.key === " ") { event.preventDefault(); toggle(); }
  });
  place(data.place[0], data.place[1]);
  paint();
});
