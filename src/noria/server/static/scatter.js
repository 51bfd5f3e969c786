// One param or metric against another, a point a run, coloured by a third.
// @ts-check
import { Sheet, beside, frame, ink, logTicks, make, mount, place, recalled, short, ticks, written } from "./canvas.js";
import { paint, pick, ramp, read, share, told } from "./columns.js";

/**
 * @typedef {import("./columns.js").Data} Data
 * @typedef {import("./columns.js").Column} Column
 */

/** @param {HTMLElement} figure @param {Data} first */
function build(figure, first) {
  let data = first;
  let columns = read(data);
  const said = recalled();
  const kind = (/** @type {boolean} */ category) => data.axes.find((key) => !!columns.get(key)?.categories === category);
  // Numbers for the two directions and a category for the colour, where there are any.
  const usual = { sx: kind(false) ?? data.axes[0], sy: data.axes[data.axes.length - 1], sc: kind(true) ?? "" };
  /** @param {"sx" | "sy" | "sc"} name */
  const wanted = (name) => {
    const key = said.get(name) ?? usual[name];
    return columns.has(key) || (name === "sc" && !key) ? key : usual[name];
  };
  const keys = { x: wanted("sx"), y: wanted("sy"), colour: wanted("sc") };
  const box = make("div", { class: "chart tall" });
  const note = make("div", { class: "note-box", hidden: "" });
  const sheet = new Sheet(box, draw);
  box.append(note);
  /** @type {Float32Array} */
  let xs = new Float32Array(0);
  /** @type {Float32Array} */
  let ys = new Float32Array(0);
  let hovered = -1;

  /** Six parts in a hundred are left free at each end. @param {Column} column @param {number} value @param {number} from @param {number} to */
  const at = (column, value, from, to) => from + (0.06 + share(column, value) * 0.88) * (to - from);
  /** @param {Column} column @param {number} count */
  function marks({ categories, log, low, high }, count) {
    if (categories) return categories.map((text, value) => ({ value, text: text.length > 14 ? `${text.slice(0, 13)}…` : text }));
    return written(log ? logTicks(low, high, count) : ticks(low, high, count));
  }

  function draw() {
    const [one, two] = [columns.get(keys.x), columns.get(keys.y)];
    const pen = sheet.pen(sheet.canvas);
    if (!one || !two) return;
    const up = marks(two, Math.round(sheet.height / 60));
    const inner = { left: Math.max(...up.map(({ text }) => pen.measureText(text).width)) + 14, top: 12, right: sheet.width - 12, bottom: sheet.height - 26 };
    const px = (/** @type {number} */ value) => at(one, value, inner.left, inner.right);
    const py = (/** @type {number} */ value) => at(two, value, inner.bottom, inner.top);
    frame(pen, inner, marks(one, Math.round(sheet.width / 110)), up, px, py);
    [xs, ys] = [Float32Array.from(one.values, px), Float32Array.from(two.values, py)];
    const by = columns.get(keys.colour);
    const { of, colours } = paint(by, xs.length);
    const size = xs.length > 1000 ? 2.2 : 4;
    pen.globalAlpha = xs.length > 300 ? 0.6 : 0.85;
    let drawn = 0;
    for (let row = 0; row < xs.length; row++) {
      if (!Number.isFinite(xs[row] + ys[row])) continue;
      pen.fillStyle = colours[of[row]];
      pen.beginPath();
      pen.arc(xs[row], ys[row], size, 0, 7);
      pen.fill();
      drawn++;
    }
    pen.globalAlpha = 1;
    scale.replaceChildren(...legend(by));
    const without = xs.length - drawn;
    left.textContent = without ? `${without.toLocaleString("en")} without both values` : "";
    Object.assign(figure.dataset, { drawn, x: keys.x, y: keys.y });
    over();
  }

  const scale = make("span", { class: "keys" });
  const left = make("span", { class: "hint" });
  /** @param {Column | undefined} by */
  function legend(by) {
    const dot = (/** @type {string} */ colour) => {
      const made = make("i", { class: "dot" });
      made.style.background = colour;
      return made;
    };
    if (!by) return [];
    if (by.categories) return by.categories.slice(0, 12).map((text, place) => make("span", { class: "key" }, dot(ink(`plot-${(place % 6) + 1}`)), text));
    return [short(by.low, 4), ...[0, 0.25, 0.5, 0.75, 1].map((place) => dot(ramp(place))), short(by.high, 4)].map((one) => (typeof one === "string" ? document.createTextNode(one) : one));
  }

  function over() {
    const pen = sheet.pen(sheet.over);
    figure.dataset.hovered = hovered < 0 ? "" : data.runs.id[hovered];
    box.classList.toggle("link", hovered >= 0);
    if (hovered < 0) return;
    pen.lineWidth = 2;
    pen.strokeStyle = ink("ink");
    pen.beginPath();
    pen.arc(xs[hovered], ys[hovered], 6, 0, 7);
    pen.stroke();
  }
  box.addEventListener("pointermove", (event) => {
    const { x: right, y: down } = place(box, event);
    let far = 15 ** 2;
    hovered = -1;
    for (let row = 0; row < xs.length; row++) {
      const away = (xs[row] - right) ** 2 + (ys[row] - down) ** 2;
      if (away < far) [hovered, far] = [row, away];
    }
    over();
    note.hidden = hovered < 0;
    if (hovered < 0) return;
    note.replaceChildren(make("b", {}, `${data.runs.name[hovered]} ${data.runs.id[hovered].slice(0, 8)}`), ...[...new Set(Object.values(keys))].flatMap((key) => {
      const column = columns.get(key);
      return column ? [make("div", { class: "key" }, make("span", {}, column.label), make("span", { class: "n" }, told(column, hovered)))] : [];
    }));
    beside(note, box, right, down);
  });
  box.addEventListener("pointerleave", () => { hovered = -1; note.hidden = true; over(); });
  box.addEventListener("click", () => { if (hovered >= 0) location.assign(`/runs/${data.runs.id[hovered]}`); });

  const bar = make("div", { class: "tools" });
  /** @param {string} label @param {string} name @param {"x" | "y" | "colour"} role */
  const choose = (label, name, role) => pick(label, name, columns, keys[role], role === "colour", (key) => { keys[role] = key; sheet.redraw(); });
  const equip = () => bar.replaceChildren(choose("across", "sx", "x"), choose("up", "sy", "y"), choose("colour by", "sc", "colour"), scale, left);
  equip();
  figure.querySelector(".plot")?.remove();
  figure.prepend(bar, box);
  return (/** @type {Data} */ fresh) => {
    data = fresh;
    columns = read(data);
    equip();
    sheet.redraw();
  };
}

mount("figure.scatter", build);
