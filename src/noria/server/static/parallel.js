// Runs as lines across axes of params and metrics. A range drawn on an axis keeps the runs inside it; several ranges
// keep those inside all of them. Ranges, axes and colour live in the address.
// @ts-check
import { Sheet, beside, ink, logTicks, make, mount, place, recalled, remember, short, ticks } from "./canvas.js";
import { paint, pick, ramp, read, share, told, unshare } from "./columns.js";

/**
 * @typedef {import("./columns.js").Data} Data
 * @typedef {import("./columns.js").Column} Column
 * @typedef {[number, number]} Range  values, both ends inside; of a category, places in its list
 */

const TOP = 44;
const BOTTOM = 14;
const NONE = 26;

/** @param {HTMLElement} figure @param {Data} first */
function build(figure, first) {
  let data = first;
  let columns = read(data);
  const said = recalled();
  let axes = said.getAll("axis").filter((key) => columns.has(key));
  if (axes.length < 2) axes = data.axes.filter((key) => columns.has(key));
  let colour = said.get("colour") ?? data.colour;
  /** @type {Map<string, Range>} */
  const brushes = new Map();
  for (const text of said.getAll("brush")) {
    try {
      const [key, low, high] = JSON.parse(text);
      const column = columns.get(key);
      if (!column) continue;
      const range = column.categories ? [column.categories.indexOf(low), column.categories.indexOf(high)] : [Number(low), Number(high)];
      if (range[0] <= range[1] && !(column.categories && range[0] < 0)) brushes.set(key, /** @type {Range} */ (range));
    } catch { /* somebody else's word in the address */ }
  }

  const scroll = make("div", { class: "wide-chart" });
  const box = make("div", { class: "chart tall" });
  const note = make("div", { class: "note-box", hidden: "" });
  const count = make("output", { class: "count", "aria-live": "polite" });
  const clear = /** @type {HTMLButtonElement} */ (make("button", { type: "button", class: "button small" }, "Clear ranges"));
  const onward = /** @type {HTMLAnchorElement} */ (make("a", { class: "button small", hidden: "" }));
  const bar = make("div", { class: "tools" });
  scroll.append(box);
  const sheet = new Sheet(box, draw);
  box.append(note);
  /** Lines that are out, drawn once for as long as nothing moves. */
  const faint = document.createElement("canvas");
  /** @type {Float32Array[]} height of each run on each axis */
  let heights = [];
  let selected = new Uint8Array(0);
  let inside = 0;
  let stale = true;
  /** @type {HTMLElement[]} */
  let handles = [];
  let hovered = -1;

  const rows = () => data.runs.id.length;
  const left = () => Math.min(70, sheet.width * 0.09);
  /** @param {number} at */
  const px = (at) => left() + (at * (sheet.width - 2 * left())) / Math.max(axes.length - 1, 1);
  /** @param {Column} column */
  const floor = (column) => sheet.height - BOTTOM - (column.missing ? NONE : 0);
  /** @param {Column} column @param {number} value */
  const py = (column, value) => {
    const at = share(column, value);
    return at - at === 0 ? floor(column) - at * (floor(column) - TOP) : sheet.height - BOTTOM;
  };
  /** @param {Column} column @param {number} y */
  const back = (column, y) => unshare(column, Math.min(1, Math.max(0, (floor(column) - y) / (floor(column) - TOP))));
  /** @param {string} key */
  const column = (key) => /** @type {Column} */ (columns.get(key));

  function select() {
    selected = new Uint8Array(rows()).fill(1);
    for (const [key, [low, high]] of brushes) {
      const { values } = column(key);
      for (let row = 0; row < selected.length; row++) if (!(values[row] >= low && values[row] <= high)) selected[row] = 0;
    }
    inside = selected.reduce((sum, one) => sum + one, 0);
    count.textContent = `${inside.toLocaleString("en")} of ${rows().toLocaleString("en")}`;
    clear.disabled = !brushes.size;
    onward.hidden = inside < 2 || inside > 100 || inside === rows();
    onward.textContent = `Compare these ${inside}`;
    const ids = data.runs.id.filter((_, row) => selected[row]);
    if (!onward.hidden) onward.href = `/compare?${new URLSearchParams(ids.map((id) => ["run", id]))}`;
    Object.assign(figure.dataset, { selected: inside, total: rows(), axes: JSON.stringify(axes), brushes: JSON.stringify([...brushes]) });
    handles.forEach((handle, at) => handle.setAttribute("aria-label", spoken(axes[at])));
    sheet.redraw();
  }

  /** @param {string} key */
  function spoken(key) {
    const one = column(key);
    const range = brushes.get(key);
    const word = (/** @type {number} */ value) => (one.categories ? one.categories[value] : short(value));
    return `${one.label}: ${range ? `${word(range[0])} to ${word(range[1])}` : "every value"}`;
  }

  /** @param {string} key @param {Range | null} range */
  function brush(key, range) {
    if (range) brushes.set(key, range);
    else brushes.delete(key);
    select();
  }
  function keep() {
    const written = Array.from(brushes, ([key, range]) => JSON.stringify([key, ...range.map((value) => column(key).categories?.[value] ?? value)]));
    const same = axes.join("\n") === data.axes.join("\n");
    remember({ brush: written, axis: same ? null : axes });
  }

  /** A range of an axis from two heights. @param {Column} one @param {number} a @param {number} b @returns {Range | null} */
  function between(one, a, b) {
    const [low, high] = [back(one, Math.max(a, b)), back(one, Math.min(a, b))];
    if (one.categories) return Math.ceil(low) <= Math.floor(high) ? [Math.ceil(low), Math.floor(high)] : null;
    return [Number(low.toPrecision(6)), Number(high.toPrecision(6))];
  }

  /** @param {CanvasRenderingContext2D} pen @param {(row: number) => boolean} wanted @param {Uint8Array} of @param {string[]} colours */
  function strokes(pen, wanted, of, colours) {
    const x = axes.map((_, at) => px(at));
    for (let bucket = 0; bucket < colours.length; bucket++) {
      pen.strokeStyle = colours[bucket];
      let [held, open] = [0, false];
      for (let row = 0; row < of.length; row++) {
        if (of[row] !== bucket || !wanted(row)) continue;
        if (!open) pen.beginPath();
        open = true;
        pen.moveTo(x[0], heights[0][row]);
        for (let at = 1; at < x.length; at++) pen.lineTo(x[at], heights[at][row]);
        // Short paths: one of thousands of crossing lines costs far more than its parts.
        if (++held % 16 === 0) { pen.stroke(); open = false; }
      }
      if (open) pen.stroke();
    }
  }

  function settle() {
    heights = axes.map((key) => Float32Array.from(column(key).values, (value) => py(column(key), value)));
    handles.forEach((handle, at) => {
      const wide = axes.length > 1 ? px(1) - px(0) : sheet.width;
      handle.style.left = `${px(at)}px`;
      /** @type {HTMLElement} */ (handle.firstElementChild).style.maxWidth = `${Math.max(40, wide - 10)}px`;
    });
    faint.width = sheet.canvas.width;
    faint.height = sheet.canvas.height;
    const pen = /** @type {CanvasRenderingContext2D} */ (faint.getContext("2d"));
    pen.scale(faint.width / sheet.width, faint.height / sheet.height);
    pen.globalAlpha = Math.max(0.12, Math.min(0.6, 8 / Math.sqrt(rows())));
    strokes(pen, () => true, new Uint8Array(rows()), [ink("line-strong")]);
    stale = false;
  }

  let [wide, tall, theme] = [0, 0, ""];
  function draw() {
    if (wide !== sheet.width || tall !== sheet.height || theme !== ink("surface")) stale = true;
    [wide, tall, theme] = [sheet.width, sheet.height, ink("surface")];
    if (stale) settle();
    const pen = sheet.pen(sheet.canvas);
    if (brushes.size) pen.drawImage(faint, 0, 0, sheet.width, sheet.height);
    pen.globalAlpha = Math.max(0.16, Math.min(0.9, 14 / Math.sqrt(inside)));
    pen.lineWidth = inside < 200 ? 1.6 : 1;
    const { of, colours } = paint(columns.get(colour), rows());
    strokes(pen, (row) => selected[row] === 1, of, colours);
    pen.globalAlpha = 1;
    axes.forEach((key, at) => axis(pen, column(key), px(at), at === axes.length - 1));
    figure.dataset.frames = String(Number(figure.dataset.frames ?? 0) + 1);
    over();
  }

  /** @param {CanvasRenderingContext2D} pen @param {Column} one @param {number} x @param {boolean} last */
  function axis(pen, one, x, last) {
    if (one.key === colour && !one.categories) {
      const gradient = pen.createLinearGradient(0, floor(one), 0, TOP);
      for (const at of [0, 0.25, 0.5, 0.75, 1]) gradient.addColorStop(at, ramp(at));
      pen.fillStyle = gradient;
      pen.fillRect(x - 2.5, TOP, 5, floor(one) - TOP);
    }
    pen.strokeStyle = ink("faint");
    pen.lineWidth = 1;
    pen.beginPath();
    pen.moveTo(Math.round(x) + 0.5, TOP);
    pen.lineTo(Math.round(x) + 0.5, floor(one));
    pen.stroke();
    const range = brushes.get(one.key);
    if (range) {
      const [a, b] = one.categories ? [py(one, range[1] + 0.45), py(one, range[0] - 0.45)] : [py(one, range[1]), py(one, range[0])];
      pen.fillStyle = ink("accent");
      pen.globalAlpha = 0.22;
      pen.fillRect(x - 9, a, 18, Math.max(b - a, 2));
      pen.globalAlpha = 1;
      pen.strokeStyle = ink("accent");
      pen.strokeRect(x - 9, a, 18, Math.max(b - a, 2));
    }
    // Words stand on the lines, so each carries a rim of the ground.
    pen.fillStyle = ink("ink");
    pen.strokeStyle = ink("surface");
    pen.lineWidth = 3.5;
    pen.textBaseline = "middle";
    pen.textAlign = last ? "right" : "left";
    const shift = last ? -11 : 11;
    const rows = Math.round((floor(one) - TOP) / 60);
    const crowd = one.categories ? Math.ceil((one.categories.length * 15) / (floor(one) - TOP)) : 1;
    const marks = one.categories ? [...one.categories.keys()].filter((at) => at % crowd === 0) : one.log ? logTicks(one.low, one.high, rows) : ticks(one.low, one.high, rows);
    for (const value of marks) {
      const text = one.categories ? clip(one.categories[value]) : short(value, 4);
      pen.strokeText(text, x + shift, py(one, value));
      pen.fillText(text, x + shift, py(one, value));
    }
    if (one.missing) {
      pen.strokeText("none", x + shift, sheet.height - BOTTOM);
      pen.fillStyle = ink("muted");
      pen.fillText("none", x + shift, sheet.height - BOTTOM);
    }
  }

  /** @param {string} text */
  const clip = (text) => (text.length > 16 ? `${text.slice(0, 15)}…` : text);

  /** The line under the pointer. */
  function over() {
    const pen = sheet.pen(sheet.over);
    figure.dataset.hovered = hovered < 0 ? "" : data.runs.id[hovered];
    box.classList.toggle("link", hovered >= 0);
    if (hovered < 0) return;
    pen.lineWidth = 5;
    pen.strokeStyle = ink("surface");
    pen.beginPath();
    axes.forEach((_, at) => pen.lineTo(px(at), heights[at][hovered]));
    pen.stroke();
    pen.lineWidth = 2.4;
    pen.strokeStyle = ink("ink");
    pen.stroke();
  }

  /** @param {number} x @param {number} y */
  function nearest(x, y) {
    let at = 0;
    while (at < axes.length - 2 && x > px(at + 1)) at++;
    if (axes.length < 2 || x < px(0) - 8 || x > px(axes.length - 1) + 8) return -1;
    const part = Math.min(1, Math.max(0, (x - px(at)) / (px(at + 1) - px(at))));
    let [best, far] = [-1, 14];
    for (let row = 0; row < selected.length; row++) {
      if (!selected[row]) continue;
      const [a, b] = [heights[at][row], heights[at + 1][row]];
      const away = Math.abs(a + (b - a) * part - y);
      if (away < far) [best, far] = [row, away];
    }
    return best;
  }

  box.addEventListener("pointermove", (event) => {
    const { x, y } = place(box, event);
    hovered = event.target instanceof Element && event.target.closest(".axis-title") ? -1 : nearest(x, y);
    over();
    note.hidden = hovered < 0;
    if (hovered < 0) return;
    const shown = [...new Set([...axes, colour])].filter((key) => columns.has(key));
    note.replaceChildren(make("b", {}, `${data.runs.name[hovered]} ${data.runs.id[hovered].slice(0, 8)}`),
      ...shown.map((key) => make("div", { class: "key" }, make("span", {}, column(key).label), make("span", { class: "n" }, told(column(key), hovered)))));
    beside(note, box, x, y);
  });
  const away = () => { hovered = -1; note.hidden = true; over(); };
  box.addEventListener("pointerleave", away);
  box.addEventListener("click", (event) => {
    if (hovered >= 0 && event.target instanceof Element && !event.target.closest(".axis")) location.assign(`/runs/${data.runs.id[hovered]}`);
  });

  /** @param {string} key @param {number} to */
  function move(key, to) {
    const from = axes.indexOf(key);
    if (to < 0 || to >= axes.length || to === from) return;
    axes.splice(to, 0, ...axes.splice(from, 1));
    stale = true;
    // Handles are moved, not made anew: the one that is held keeps the pointer and the focus.
    handles.splice(to, 0, ...handles.splice(from, 1));
    select();
  }

  /** @param {string} key */
  function handle(key) {
    const one = column(key);
    const title = make("span", { class: "axis-title", title: `${one.label}: drag to reorder` }, one.label);
    const made = make("div", { class: "axis", tabindex: "0", role: "group" }, title);
    /** @type {number | null} */
    let from = null;
    let moving = false;
    made.addEventListener("pointerdown", (event) => {
      if (event.button) return;
      made.setPointerCapture(event.pointerId);
      moving = event.target === title;
      from = place(box, event).y;
    });
    made.addEventListener("pointermove", (event) => {
      if (from === null) return;
      const { x, y } = place(box, event);
      if (moving) move(key, Math.round(((x - px(0)) / (px(axes.length - 1) - px(0))) * (axes.length - 1)));
      else if (Math.abs(y - from) > 3) brush(key, between(one, from, y));
    });
    made.addEventListener("pointerup", (event) => {
      if (from !== null && !moving && Math.abs(place(box, event).y - from) <= 3) brush(key, null);
      from = null;
      keep();
    });
    made.addEventListener("pointercancel", () => { from = null; });
    made.addEventListener("keydown", (event) => {
      const up = event.key === "ArrowUp" ? 1 : event.key === "ArrowDown" ? -1 : 0;
      if (up) {
        const range = brushes.get(key);
        const length = floor(one) - TOP;
        const by = up * (one.categories ? length / one.categories.length : length / 20);
        // Without a range the first press takes the fifth at that end; Shift moves only the upper edge.
        let [a, b] = range ? [py(one, range[0]), py(one, range[1])] : up > 0 ? [TOP + length / 5, TOP] : [floor(one), floor(one) - length / 5];
        if (range) {
          if (!event.shiftKey && a - by <= floor(one) + 0.5 && b - by >= TOP - 0.5) a -= by;
          if (event.shiftKey || a !== py(one, range[0])) b = Math.max(TOP, b - by);
        } else if (one.categories) [a, b] = up > 0 ? [TOP + length / one.categories.length, TOP] : [floor(one), floor(one) - length / one.categories.length];
        if (a >= b) brush(key, between(one, a, b) ?? range ?? null);
      } else if (event.key === "Escape" || event.key === "Delete") brush(key, null);
      else if (event.key === "ArrowLeft" || event.key === "ArrowRight") {
        move(key, axes.indexOf(key) + (event.key === "ArrowLeft" ? -1 : 1));
        made.focus();
      } else return;
      event.preventDefault();
      keep();
    });
    return made;
  }

  function arrange() {
    for (const old of handles) old.remove();
    handles = axes.map(handle);
    box.append(...handles);
    box.style.minWidth = `${axes.length * 84}px`;
    stale = true;
    select();
  }

  function equip() {
    const list = make("div", { class: "choices" }, ...Array.from(columns.values(), ({ key, label }) => {
      const check = /** @type {HTMLInputElement} */ (make("input", { type: "checkbox" }));
      check.checked = axes.includes(key);
      check.addEventListener("change", () => {
        axes = check.checked ? [...axes, key] : axes.filter((one) => one !== key);
        if (!check.checked) brushes.delete(key);
        arrange();
        keep();
      });
      return make("label", {}, check, ` ${label}`);
    }));
    bar.replaceChildren(count, clear, onward, pick("colour by", "colour", columns, columns.has(colour) ? colour : "", true, (key) => { colour = key; sheet.redraw(); }),
      make("details", {}, make("summary", {}, "Axes"), list), make("span", { class: "hint" }, "drag on an axis to keep a range · drag a title to reorder"));
  }
  clear.addEventListener("click", () => { brushes.clear(); select(); keep(); });

  equip();
  arrange();
  figure.querySelector(".plot")?.remove();
  figure.prepend(bar, scroll);
  return (/** @type {Data} */ fresh) => {
    data = fresh;
    columns = read(data);
    axes = axes.filter((key) => columns.has(key));
    for (const key of brushes.keys()) if (!columns.has(key)) brushes.delete(key);
    equip();
    arrange();
  };
}

mount("figure.parallel", build);
