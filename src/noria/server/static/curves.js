// The curves of one metric for several runs, on one canvas: zoom, pan, smoothing, values at the pointer.
// However many points a run has, a pixel column is drawn by its first, least, greatest and last value.
// @ts-check
import { Sheet, beside, chooser, duration, frame, hue, ink, logTicks, make, moment, mount, numbers, place, recalled, remember, short, ticks, timeTicks, written } from "./canvas.js";

/**
 * @typedef {import("./canvas.js").Sent} Sent
 * @typedef {import("./canvas.js").Box} Box
 * @typedef {{ id: string, name: string, total: number, nan: number, infinite: number, points: { step: Sent, time: Sent, value: Sent } }} SentRun
 * @typedef {{ metric: string, runs: SentRun[] }} Data
 * @typedef {{ id: string, name: string, at: number, total: number, step: Float64Array, time: Float64Array, value: Float64Array, gaps: string }} Run
 * @typedef {{ xs: Float64Array, ys: Float64Array, smooth: Float64Array | null }} Line  along one horizontal axis, upwards
 */

const DASHES = [[], [7, 4], [2, 3], [9, 3, 2, 3]];
/** @type {[string, string][]} */
const ALONG = [["step", "step"], ["time", "wall time"], ["relative", "relative time"]];

/** @param {Data} data @returns {Run[]} */
function read(data) {
  return data.runs.map((run, at) => {
    const gaps = [run.nan && `${run.nan.toLocaleString("en")} NaN`, run.infinite && `${run.infinite.toLocaleString("en")} ∞`].filter(Boolean).join(", ");
    // Runs of one name are told apart by their ids.
    const name = data.runs.filter((one) => one.name === run.name).length > 1 ? `${run.name} ${run.id.slice(0, 8)}` : run.name || run.id.slice(0, 8);
    return { id: run.id, name, at, total: run.total, step: numbers(run.points.step), time: numbers(run.points.time), value: numbers(run.points.value), gaps };
  });
}

/** Order a run's points along an axis. @param {Run} run @param {string} along @param {number} weight @returns {Line} */
function arrange(run, along, weight) {
  let xs = along === "step" ? run.step : run.time;
  let ys = run.value;
  if (along === "relative") {
    const start = xs.reduce((least, one) => Math.min(least, one), Infinity);
    xs = xs.map((one) => one - start);
  }
  for (let i = 1; i < xs.length; i++) {
    if (xs[i] >= xs[i - 1]) continue;
    const order = Array.from(xs.keys()).sort((a, b) => xs[a] - xs[b]);
    [xs, ys] = [Float64Array.from(order, (at) => xs[at]), Float64Array.from(order, (at) => ys[at])];
    break;
  }
  if (!weight) return { xs, ys, smooth: null };
  // An exponential moving average, corrected for its beginning; what is not finite leaves a gap and no trace.
  const smooth = new Float64Array(ys.length);
  let [last, left] = [0, 1];
  for (let i = 0; i < ys.length; i++) {
    if (!Number.isFinite(ys[i])) { smooth[i] = NaN; continue; }
    last = last * weight + (1 - weight) * ys[i];
    left *= weight;
    smooth[i] = last / (1 - left);
  }
  return { xs, ys, smooth };
}

/** The first place whose value is not below. @param {Float64Array} xs @param {number} value */
function lower(xs, value) {
  let [low, high] = [0, xs.length];
  while (low < high) {
    const middle = (low + high) >> 1;
    if (xs[middle] < value) low = middle + 1;
    else high = middle;
  }
  return low;
}

/** @param {HTMLElement} figure @param {Data} first */
function build(figure, first) {
  const small = "small" in figure.dataset;
  const kept = "remember" in figure.dataset;
  const said = kept ? recalled() : new URLSearchParams();
  /** @type {Run[]} */
  let runs = [];
  /** @type {Line[]} */
  let lines = [];
  let along = ALONG.some(([one]) => one === said.get("x")) ? String(said.get("x")) : "step";
  let log = said.get("log") === "1";
  let weight = Math.min(0.99, Math.max(0, Number(said.get("smooth")) || 0));
  const hidden = new Set(said.getAll("hide"));
  /** @type {[number, number]} */
  let whole = [0, 1];
  /** @type {[number, number] | null} what is shown, when not everything */
  let view = null;
  if (said.has("from") && Number(said.get("from")) < Number(said.get("to"))) view = [Number(said.get("from")), Number(said.get("to"))];
  /** @type {{ from: number, to: number, pan: [number, number] | null } | null} */
  let drag = null;
  /** @type {{ x: number, y: number } | null} */
  let pointer = null;

  const box = make("div", { class: "chart", tabindex: "0", role: "application", "aria-label":
    `${first.metric}: arrows move, plus and minus zoom, 0 shows everything` });
  const note = make("div", { class: "note-box", hidden: "" });
  const legend = make("div", { class: "keys" });
  const bar = make("div", { class: "tools" });
  const sheet = new Sheet(box, draw);
  box.append(note);

  /** @type {Box} */
  let inner = { left: 0, top: 0, right: 1, bottom: 1 };
  let [low, high] = [0, 1];
  const span = () => view ?? whole;
  /** @param {number} x */
  const px = (x) => inner.left + ((x - span()[0]) / (span()[1] - span()[0])) * (inner.right - inner.left);
  /** @param {number} at */
  const back = (at) => span()[0] + ((at - inner.left) / (inner.right - inner.left)) * (span()[1] - span()[0]);
  /** @param {number} y */
  const py = (y) => {
    const share = log ? (Math.log(y) - Math.log(low)) / (Math.log(high) - Math.log(low)) : (y - low) / (high - low);
    return inner.bottom - share * (inner.bottom - inner.top);
  };
  const shown = () => runs.filter((run) => !hidden.has(run.id));

  function arrangeAll() {
    lines = runs.map((run) => arrange(run, along, weight));
    let [least, most] = [Infinity, -Infinity];
    for (const run of shown()) {
      const { xs } = lines[run.at];
      if (xs.length) [least, most] = [Math.min(least, xs[0]), Math.max(most, xs[xs.length - 1])];
    }
    const half = Math.max(0.5, Math.abs(least) * 1e-9);
    whole = most > least ? [least, most] : Number.isFinite(least) ? [least - half, least + half] : [0, 1];
  }

  function scale() {
    let [least, most] = [Infinity, -Infinity];
    let count = 0;
    for (const run of shown()) {
      const { xs, ys, smooth } = lines[run.at];
      // One beyond each edge: the line goes on to it.
      const [begin, end] = [Math.max(0, lower(xs, span()[0]) - 1), Math.min(xs.length, lower(xs, span()[1]) + 1)];
      for (const values of smooth ? [ys, smooth] : [ys])
        for (let i = begin; i < end; i++) {
          const y = values[i];
          if (y - y === 0 && (!log || y > 0)) {
            if (y < least) least = y;
            if (y > most) most = y;
          }
        }
      count += end - begin;
    }
    if (!(most >= least)) [least, most] = log ? [0.1, 10] : [0, 1];
    if (log) {
      const room = Math.max(most / least, 1.2) ** 0.05;
      [low, high] = [least / room, most * room];
    } else {
      const room = (most - least) * 0.06 || Math.abs(most) * 0.1 || 0.5;
      [low, high] = [least - room, most + room];
      if (least >= 0 && least < 0.1 * (most - least)) low = 0;
    }
    return count;
  }

  /** @param {CanvasRenderingContext2D} pen @param {Float64Array} xs @param {Float64Array} ys */
  function trace(pen, xs, ys) {
    const [x0, x1] = span();
    const begin = Math.max(0, lower(xs, x0) - 1);
    const end = Math.min(xs.length, lower(xs, x1 * (1 + 1e-12)) + 1);
    const across = (inner.right - inner.left) / (x1 - x0);
    const [lift, slope] = log
      ? [Math.log(low), (inner.bottom - inner.top) / (Math.log(high) - Math.log(low))]
      : [low, (inner.bottom - inner.top) / (high - low)];
    const least = log ? 0 : -Infinity;
    pen.beginPath();
    if (end - begin <= 2 * (inner.right - inner.left)) {
      const dots = end - begin <= 60;
      let down = false;
      for (let i = begin; i < end; i++) {
        const y = ys[i];
        if (!(y - y === 0 && y > least)) { down = false; continue; }
        const at = inner.left + (xs[i] - x0) * across;
        const up = inner.bottom - ((log ? Math.log(y) : y) - lift) * slope;
        if (down) pen.lineTo(at, up);
        else pen.moveTo(at, up);
        const next = ys[i + 1];
        if (dots || (!down && !(next - next === 0 && next > least))) {
          pen.moveTo(at + 1.2, up);
          pen.arc(at, up, 1.2, 0, 7);
          pen.moveTo(at, up);
        }
        down = true;
      }
    } else {
      // The least and the greatest of each pixel column, in the order they came.
      let [column, bottom, top, low, high] = [-1e9, 0, 0, 0, 0];
      let down = false;
      const emit = () => {
        if (low < 0) return;
        const at = inner.left + column + 0.5;
        const [one, two] = (low < high ? [bottom, top] : [top, bottom]).map((y) => inner.bottom - ((log ? Math.log(y) : y) - lift) * slope);
        if (down) pen.lineTo(at, one);
        else pen.moveTo(at, one);
        if (one !== two || !down) pen.lineTo(at, one === two ? two + 0.5 : two);
        down = true;
        low = -1;
      };
      low = -1;
      for (let i = begin; i < end; i++) {
        const y = ys[i];
        const here = Math.floor((xs[i] - x0) * across);
        if (here !== column) { emit(); column = here; }
        if (!(y - y === 0 && y > least)) { emit(); down = false; continue; }
        if (low < 0) { low = high = i; bottom = top = y; }
        else if (y < bottom) { bottom = y; low = i; }
        else if (y > top) { top = y; high = i; }
      }
      emit();
    }
    pen.stroke();
  }

  function draw() {
    const pen = sheet.pen(sheet.canvas);
    const count = scale();
    const rows = Math.max(2, Math.round(sheet.height / 45));
    const y = written(log ? logTicks(low, high, rows) : ticks(low, high, rows));
    const wide = Math.max(...y.map(({ text }) => pen.measureText(text).width));
    inner = { left: Math.ceil(wide) + 12, top: 10, right: sheet.width - 12, bottom: sheet.height - 26 };
    const marks = Math.max(2, Math.round((inner.right - inner.left) / 80));
    const x = along === "step" ? written(ticks(span()[0], span()[1], marks)) : timeTicks(span()[0], span()[1], marks, along === "time");
    frame(pen, inner, x, y, px, py);
    pen.save();
    pen.beginPath();
    pen.rect(inner.left, inner.top - 4, inner.right - inner.left, inner.bottom - inner.top + 5);
    pen.clip();
    for (const run of shown()) {
      const { xs, ys, smooth } = lines[run.at];
      pen.strokeStyle = hue(run.at);
      pen.setLineDash(DASHES[Math.floor(run.at / 6) % 4]);
      // A line of one pixel is drawn as such; a wider one as an outline that is filled, at three times the cost.
      pen.lineWidth = smooth || count > 8000 ? 1 : 1.5;
      pen.globalAlpha = smooth ? 0.28 : 1;
      trace(pen, xs, ys);
      pen.globalAlpha = 1;
      pen.lineWidth = count > 8000 ? 1 : 1.8;
      if (smooth) trace(pen, xs, smooth);
    }
    pen.restore();
    Object.assign(figure.dataset, { from: span()[0], to: span()[1], low, high, along, points: count, zoomed: view ? "yes" : "no",
      frames: Number(figure.dataset.frames ?? 0) + 1 });
    if (reset instanceof HTMLButtonElement) reset.disabled = !view;
    point();
  }

  /** What lies over the curves: the part being chosen, or the values at the pointer. */
  function point() {
    const pen = sheet.pen(sheet.over);
    note.hidden = true;
    if (drag && !drag.pan) {
      const [a, b] = [drag.from, drag.to].sort((one, two) => one - two);
      pen.fillStyle = ink("accent");
      pen.globalAlpha = 0.16;
      pen.fillRect(a, inner.top, b - a, inner.bottom - inner.top);
      return;
    }
    if (!pointer || drag || pointer.x < inner.left - 4 || pointer.x > inner.right + 4) return;
    const at = back(pointer.x);
    /** @type {{ run: Run, x: number, y: number, smooth: number | null }[]} */
    const found = [];
    for (const run of shown()) {
      const { xs, ys, smooth } = lines[run.at];
      if (!xs.length) continue;
      let i = Math.min(lower(xs, at), xs.length - 1);
      if (i > 0 && at - xs[i - 1] < xs[i] - at) i--;
      if (xs[i] < span()[0] || xs[i] > span()[1]) continue;
      found.push({ run, x: xs[i], y: ys[i], smooth: smooth ? smooth[i] : null });
    }
    if (!found.length) return;
    const near = found.reduce((one, two) => (Math.abs(two.x - at) < Math.abs(one.x - at) ? two : one)).x;
    pen.strokeStyle = ink("faint");
    pen.setLineDash([3, 3]);
    pen.beginPath();
    pen.moveTo(Math.round(px(near)) + 0.5, inner.top);
    pen.lineTo(Math.round(px(near)) + 0.5, inner.bottom);
    pen.stroke();
    pen.setLineDash([]);
    for (const { run, x, y, smooth } of found) {
      const drawn = smooth ?? y;
      if (!Number.isFinite(drawn) || (log && drawn <= 0)) continue;
      pen.fillStyle = hue(run.at);
      pen.strokeStyle = ink("surface");
      pen.lineWidth = 1.5;
      pen.beginPath();
      pen.arc(px(x), py(drawn), 4, 0, 7);
      pen.fill();
      pen.stroke();
    }
    note.replaceChildren(
      make("b", {}, along === "step" ? `step ${near.toLocaleString("en")}` : along === "time" ? `${moment(near, 864e5)} ${moment(near, 1)}` : duration(near)),
      ...found.map(({ run, y, smooth }) => make("div", { class: "key" }, swatch(run.at), make("span", {}, run.name),
        make("span", { class: "n" }, smooth === null ? short(y, 6) : `${short(smooth, 6)} (${short(y, 4)})`))),
    );
    beside(note, box, pointer.x, pointer.y);
  }

  /** @param {[number, number] | null} next */
  function look(next) {
    if (next) {
      const finest = (whole[1] - whole[0]) * 1e-7 || 1e-9;
      let [a, b] = next;
      if (b - a < finest) [a, b] = [(a + b - finest) / 2, (a + b + finest) / 2];
      // Never out of sight of the data, and everything means everything.
      if (b - a >= whole[1] - whole[0]) view = null;
      else {
        const shift = Math.max(0, whole[0] - a) - Math.max(0, b - whole[1]);
        view = [a + shift, b + shift];
      }
    } else view = null;
    if (kept) remember({ from: view && String(view[0]), to: view && String(view[1]) });
    sheet.redraw();
  }

  /** @param {number} times @param {number} at  what stays where it is */
  const zoom = (times, at) => look([at - (at - span()[0]) * times, at + (span()[1] - at) * times]);
  /** @param {number} share */
  const pan = (share) => {
    const by = share * (span()[1] - span()[0]);
    if (view) look([span()[0] + by, span()[1] + by]);
  };

  box.addEventListener("pointerdown", (event) => {
    if (event.button || !event.isPrimary) return;
    box.setPointerCapture(event.pointerId);
    const { x } = place(box, event);
    drag = { from: x, to: x, pan: event.shiftKey ? [...span()] : null };
  });
  box.addEventListener("pointermove", (event) => {
    pointer = place(box, event);
    if (drag) {
      drag.to = Math.min(inner.right, Math.max(inner.left, pointer.x));
      if (drag.pan) {
        const by = ((drag.from - pointer.x) / (inner.right - inner.left)) * (drag.pan[1] - drag.pan[0]);
        if (view) look([drag.pan[0] + by, drag.pan[1] + by]);
        return;
      }
    }
    point();
  });
  box.addEventListener("pointerup", () => {
    const done = drag;
    drag = null;
    if (done && !done.pan && Math.abs(done.to - done.from) > 4) {
      const [a, b] = [back(done.from), back(done.to)].sort((one, two) => one - two);
      look([Math.max(a, span()[0]), Math.min(b, span()[1])]);
    } else point();
  });
  const away = () => { drag = pointer = null; point(); };
  box.addEventListener("pointercancel", away);
  box.addEventListener("pointerleave", () => { if (!drag) away(); });
  box.addEventListener("dblclick", () => look(null));
  // The page scrolls as always; the wheel zooms where somebody has clicked, or with Ctrl.
  box.addEventListener("wheel", (event) => {
    if (!event.ctrlKey && document.activeElement !== box) return;
    event.preventDefault();
    zoom(event.deltaY > 0 ? 1.25 : 0.8, back(place(box, event).x));
  }, { passive: false });
  box.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    const middle = (span()[0] + span()[1]) / 2;
    /** @type {Record<string, () => void>} */
    const keys = { ArrowLeft: () => pan(-0.2), ArrowRight: () => pan(0.2), "+": () => zoom(0.6, middle), "=": () => zoom(0.6, middle),
      "-": () => zoom(1 / 0.6, middle), 0: () => look(null), Escape: () => (drag ? away() : look(null)) };
    if (!keys[event.key]) return;
    event.preventDefault();
    keys[event.key]();
  });

  function again() {
    arrangeAll();
    if (kept) remember({ x: along === "step" ? null : along, log: log ? "1" : null, smooth: weight ? String(weight) : null, hide: [...hidden] });
    sheet.redraw();
  }

  const reset = make("button", { type: "button", class: "button small" }, "Whole range");
  reset.addEventListener("click", () => look(null));
  if (!small) {
    const { field } = chooser("along", ALONG, along, (chosen) => { along = chosen; look(null); again(); });
    const check = /** @type {HTMLInputElement} */ (make("input", { type: "checkbox" }));
    check.checked = log;
    check.addEventListener("change", () => { log = check.checked; again(); });
    const slider = /** @type {HTMLInputElement} */ (make("input", { type: "range", min: "0", max: "0.99", step: "0.01" }));
    slider.value = String(weight);
    const amount = make("output", {}, String(weight));
    slider.addEventListener("input", () => { weight = Number(slider.value); amount.textContent = slider.value; again(); });
    bar.append(field, make("label", {}, check, " log scale"), make("label", {}, "smooth ", slider, " ", amount), reset,
      make("span", { class: "hint" }, "drag to zoom · shift-drag to move · double-click for everything"));
  }

  function name() {
    legend.replaceChildren(...runs.map((run) => {
      const button = make("button", { type: "button", class: "key", "aria-pressed": String(!hidden.has(run.id)), title: run.id },
        swatch(run.at), make("span", {}, run.name));
      const thinned = run.total > run.value.length ? `${short(run.value.length)} of ${run.total.toLocaleString("en")} points` : "";
      const told = [run.value.length ? thinned : "not recorded", run.gaps].filter(Boolean).join(", ");
      if (told) button.append(make("small", {}, told));
      button.addEventListener("click", () => {
        if (!hidden.delete(run.id)) hidden.add(run.id);
        button.setAttribute("aria-pressed", String(!hidden.has(run.id)));
        again();
      });
      return button;
    }));
    legend.hidden = small && runs.every((run) => !run.gaps);
  }

  /** @param {Data} data */
  function take(data) {
    runs = read(data);
    name();
    arrangeAll();
    sheet.redraw();
  }

  take(first);
  figure.querySelector(".plot")?.remove();
  figure.append(...(small ? [] : [bar]), box, legend);
  return take;
}

/** The line of a run in the legend. @param {number} at */
function swatch(at) {
  const space = "http://www.w3.org/2000/svg";
  const svg = document.createElementNS(space, "svg");
  const line = document.createElementNS(space, "line");
  for (const [key, value] of Object.entries({ class: "np", width: "18", height: "8", "aria-hidden": "true" })) svg.setAttribute(key, value);
  for (const [key, value] of Object.entries({ class: `np-s${(at % 6) + 1}`, x1: "1", x2: "17", y1: "4", y2: "4", "stroke-width": "2.5",
    "stroke-dasharray": DASHES[Math.floor(at / 6) % 4].join(" ") })) line.setAttribute(key, value);
  svg.append(line);
  return svg;
}

mount("figure.curves", build);

// Without scripts the list of metrics has a button; with them choosing is enough, and the rest of the address stays.
const metric = document.querySelector("select[name=metric]");
if (metric instanceof HTMLSelectElement)
  metric.addEventListener("change", () => {
    const url = new URL(location.href);
    for (const key of ["from", "to"]) url.searchParams.delete(key);
    url.searchParams.set("metric", metric.value);
    location.assign(url);
  });
