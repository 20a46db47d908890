addEventListener("DOMContentLoaded", () => {
  const pictures = JSON.parse(document.getElementById("pictures").textContent);
  for (const image of $$("img[data-picture]")) image.src = pictures[image.dataset.picture];
  for (const viewer of $$(".viewer")) watch(viewer, pictures);
  for (const table of $$("table.sortable")) sortable(table);
  const dialog = document.getElementById("closer");
  for (const link of $$("[data-worst]")) link.addEventListener("click", () => {
    const [result, truth] = link.dataset.worst.split(" ");
    show(dialog.querySelector(".stage"), pictures[truth], "truth", pictures[result], link.dataset.name);
    dialog.querySelector(".said").textContent = link.dataset.said;
    dialog.showModal();
  });
  dialog.querySelector(".close").addEventListener("click", () => dialog.close());
});
function show(stage, left, leftName, right, rightName) {
  const [under, over] = $$("img", stage);
  under.src = left; over.src = right;
  stage.querySelector(".tagline.l").textContent = leftName;
  stage.querySelector(".tagline.r").textContent = rightName;
  under.onload = () => { stage.style.setProperty("--w", under.naturalWidth); stage.style.setProperty("--h", under.naturalHeight); };
}
function watch(viewer, pictures) {
  const cases = JSON.parse(viewer.querySelector("script").textContent);
  const [left, right] = $$("select", viewer);
  const buttons = $$(".tabs button", viewer);
  const origin = viewer.querySelector(".origin");
  const range = viewer.querySelector("input[type=range]");
  let current = 0;
  const paint = () => {
    const shown = cases[current].pictures;
    const pick = (select) => shown.find((one) => one.name === select.value) || shown[0];
    const [a, b] = [pick(left), pick(right)];
    show(viewer.querySelector(".stage"), pictures[a.key], a.label, pictures[b.key], b.label);
    origin.setAttribute("aria-pressed", right.value.endsWith(" origin"));
    origin.disabled = !shown.some((one) => one.name === right.value.replace(/ origin$/, "") + " origin");
  };
  const choose = (index) => {
    current = index;
    buttons.forEach((button, place) => button.setAttribute("aria-pressed", place === index));
    for (const select of [left, right]) {
      const before = select.value || select.dataset.first;
      select.replaceChildren(...cases[index].pictures.map((one) => new Option(one.label, one.name)));
      const names = cases[index].pictures.map((one) => one.name);
      select.value = names.includes(before) ? before : names[0];
    }
    range.value = cases[index].across;
    range.dispatchEvent(new Event("input"));
    $$(".slices", viewer).forEach((slices, place) => { slices.hidden = place !== index; });
    paint();
  };
  buttons.forEach((button, index) => button.addEventListener("click", () => choose(index)));
  for (const select of [left, right]) select.addEventListener("change", paint);
  origin.addEventListener("click", () => {
    right.value = right.value.endsWith(" origin") ? right.value.replace(/ origin$/, "") : right.value + " origin";
    paint();
  });
  choose(0);
}
function sortable(table) {
  const heads = $$("thead th", table);
  heads.forEach((head, column) => head.querySelector("button")?.addEventListener("click", () => {
    const first = head.dataset.first || "ascending";
    const other = first === "ascending" ? "descending" : "ascending";
    const order = head.getAttribute("aria-sort") === first ? other : first;
    heads.forEach((each) => each.removeAttribute("aria-sort"));
    head.setAttribute("aria-sort", order);
    const key = (row) => { const cell = row.children[column].dataset; return cell.value === undefined ? null : cell.value === "" ? null : isNaN(cell.value) ? cell.value : Number(cell.value); };
    const rows = $$("tbody tr", table).sort((one, two) => {
      const [a, b] = [key(one), key(two)];
      if (a === null || b === null) return (a === null) - (b === null);
      const ahead = typeof a === "number" && typeof b === "number" ? a - b : String(a).localeCompare(String(b));
      return order === "ascending" ? ahead : -ahead;
    });
    table.tBodies[0].append(...rows);
  }));
}
