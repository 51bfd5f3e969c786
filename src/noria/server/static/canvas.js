// What the interactive drawings share: a canvas that follows its box and the theme, axes with round ticks, numbers
// written short, data fetched from our own server, state kept in the address.
// @ts-check

/**
 * @typedef {{ value: number, text: string }} Tick
 * @typedef {{ left: number, top: number, right: number, bottom: number }} Box
 * @typedef {(number | string | null)[]} Sent  numbers; "NaN", "Infinity", "-Infinity" as texts; null for nothing
 */

/** Make an element. @param {string} name @param {Record<string, string>} [attributes] @param {...(Node | string)} inside */
export function make(name, attributes = {}, ...inside) {
  const made = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
  made.append(...inside);
  return made;
}

/** A colour of the style sheet, light or dark. @param {string} name */
export const ink = (name) => getComputedStyle(document.documentElement).getPropertyValue(`--${name}`).trim() || "#888";

/** @param {number} at  from 0 */
export const hue = (at) => ink(`plot-${(at % 6) + 1}`);

/** The same numbers the server sent, with the three that JSON has no word for. @param {Sent} sent */
export const numbers = (sent) => Float64Array.from(sent, (one) => (one === null ? NaN : Number(one)));

/** Round values inside a range, about so many. @param {number} low @param {number} high @param {number} count */
export function ticks(low, high, count) {
  if (!(high > low)) return [low];
  const raw = (high - low) / Math.max(count, 1);
  const power = 10 ** Math.floor(Math.log10(raw));
  const step = [1, 2, 5, 10].map((nice) => nice * power).find((one) => one >= raw * 0.99) ?? raw;
  const first = Math.ceil(low / step - 1e-9);
  const more = Math.floor(high / step + 1e-9) - first;
  // Where numbers are too large to be told apart there is no next one to go to.
  if (!(more < 100)) return [low, high];
  return Array.from({ length: more + 1 }, (_, at) => Number(((first + at) * step).toPrecision(12)));
}

/** Powers of ten, with 2 and 5 between where there is room. @param {number} low @param {number} high @param {number} count */
export function logTicks(low, high, count) {
  const [first, last] = [Math.floor(Math.log10(low)), Math.ceil(Math.log10(high))];
  const stride = Math.max(1, Math.ceil((last - first) / count));
  const between = last - first <= count / 3 ? [1, 2, 5] : [1];
  const found = [];
  for (let power = first; power <= last; power += stride)
    for (const times of between) {
      const value = Number(`${times}e${power}`);
      if (value >= low * 0.999 && value <= high * 1.001) found.push(value);
    }
  return found.length > 1 ? found : ticks(low, high, count);
}

/** A number, short. @param {number} value @param {number} [digits] */
export function short(value, digits = 5) {
  if (Number.isNaN(value)) return "NaN";
  if (!Number.isFinite(value)) return value > 0 ? "∞" : "−∞";
  const size = Math.abs(value);
  if (size && (size < 1e-4 || size >= 1e9)) return value.toExponential(digits > 4 ? 3 : 1).replace(/\.?0+e\+?/, "e");
  return Number(value.toPrecision(Math.max(digits, size >= 1 ? Math.floor(Math.log10(size)) + 1 : 0)))
    .toLocaleString("en", { maximumFractionDigits: 9 });
}

const STEPS = [1, 2, 5, 10, 20, 50, 100, 200, 500, 1e3, 2e3, 5e3, 1e4, 15e3, 3e4, 6e4, 12e4, 3e5, 6e5, 9e5, 18e5, 36e5, 72e5, 108e5,
  216e5, 432e5, 864e5, 1728e5, 6048e5, 12096e5, 2592e6, 7776e6, 31536e6];

/** Ticks of time in ms: of the clock, or of a duration. @param {number} low @param {number} high @param {number} count @param {boolean} clock @returns {Tick[]} */
export function timeTicks(low, high, count, clock) {
  const step = STEPS.find((one) => (high - low) / one <= count) ?? (high - low) / count;
  const found = [];
  for (let at = Math.ceil(low / step) * step; at <= high && found.length < 50; at += step)
    found.push({ value: at, text: clock ? moment(at, step) : duration(at) });
  return found;
}

/** A moment in UTC, as exact as the step asks. @param {number} at @param {number} step */
export function moment(at, step) {
  if (!(Math.abs(at) < 8.64e15)) return short(at);
  const iso = new Date(at).toISOString();
  if (step >= 864e5) return iso.slice(0, 10);
  if (step >= 6e4) return at % 864e5 ? iso.slice(11, 16) : iso.slice(5, 10);
  return step >= 1e3 ? iso.slice(11, 19) : iso.slice(11, 23);
}

/** A duration as people say it: 350 ms, 12 s, 1:40, 5 min, 2:30 h. @param {number} ms */
export function duration(ms) {
  const size = Math.abs(ms);
  if (size < 6e4) return size === 0 ? "0" : size < 1e3 ? `${short(ms, 3)} ms` : `${short(ms / 1e3, 4)} s`;
  const [unit, word, part] = size < 36e5 ? [6e4, "min", 1e3] : size < 1728e5 ? [36e5, "h", 6e4] : [864e5, "d", 0];
  const rest = part ? Math.floor((size % unit) / part) : 0;
  if (!rest) return `${part ? Math.trunc(ms / unit) : short(ms / unit, 3)} ${word}`;
  return `${Math.trunc(ms / unit)}:${String(rest).padStart(2, "0")}${word === "h" ? " h" : ""}`;
}

/** Texts for plain ticks. @param {number[]} values @returns {Tick[]} */
export function written(values) {
  const largest = Math.max(...values.map(Math.abs), 0);
  const unit = largest >= 1e9 ? 0 : largest >= 1e6 ? 1e6 : largest >= 1e4 ? 1e3 : 1;
  const mark = unit === 1e6 ? "M" : unit === 1e3 ? "k" : "";
  return values.map((value) => ({ value, text: value && unit > 1 ? short(value / unit, 5) + mark : short(value, 4) }));
}

/** A canvas over a box that is redrawn when the box or the theme changes. */
export class Sheet {
  /** @param {HTMLElement} box @param {() => void} draw */
  constructor(box, draw) {
    this.canvas = /** @type {HTMLCanvasElement} */ (make("canvas", { "aria-hidden": "true" }));
    this.over = /** @type {HTMLCanvasElement} */ (make("canvas", { "aria-hidden": "true" }));
    box.append(this.canvas, this.over);
    this.box = box;
    this.width = this.height = 0;
    this.waiting = 0;
    /** Draw with the next frame, once. */
    this.redraw = () => {
      this.waiting ||= requestAnimationFrame(() => {
        this.waiting = 0;
        if (this.width) draw();
      });
    };
    const fit = () => {
      const [width, height, ratio] = [box.clientWidth, box.clientHeight, devicePixelRatio || 1];
      if (!width) return;
      [this.width, this.height] = [width, height];
      for (const one of [this.canvas, this.over]) {
        one.width = Math.round(width * ratio);
        one.height = Math.round(height * ratio);
        /** @type {CanvasRenderingContext2D} */ (one.getContext("2d")).setTransform(ratio, 0, 0, ratio, 0, 0);
      }
      this.redraw();
    };
    new ResizeObserver(fit).observe(box);
    matchMedia("(prefers-color-scheme: dark)").addEventListener("change", this.redraw);
    new MutationObserver(this.redraw).observe(document.documentElement, { attributeFilter: ["data-theme"] });
  }

  /** Clear a layer and give its pen. @param {HTMLCanvasElement} layer */
  pen(layer) {
    const pen = /** @type {CanvasRenderingContext2D} */ (layer.getContext("2d"));
    pen.clearRect(0, 0, this.width, this.height);
    pen.font = "11px ui-sans-serif, system-ui, sans-serif";
    pen.lineJoin = "bevel";
    return pen;
  }
}

/**
 * Draw a frame: lines across at the ticks of y, marks at those of x, and what they say.
 * @param {CanvasRenderingContext2D} pen @param {Box} box @param {Tick[]} x @param {Tick[]} y
 * @param {(value: number) => number} px @param {(value: number) => number} py
 */
export function frame(pen, box, x, y, px, py) {
  pen.lineWidth = 1;
  pen.strokeStyle = ink("line");
  pen.fillStyle = ink("muted");
  pen.textBaseline = "middle";
  pen.textAlign = "right";
  pen.beginPath();
  for (const { value, text } of y) {
    const at = Math.round(py(value)) + 0.5;
    if (at < box.top - 1 || at > box.bottom + 1) continue;
    pen.moveTo(box.left, at);
    pen.lineTo(box.right, at);
    pen.fillText(text, box.left - 7, at);
  }
  pen.stroke();
  pen.strokeStyle = ink("faint");
  pen.textAlign = "center";
  pen.textBaseline = "top";
  pen.beginPath();
  pen.moveTo(box.left, box.bottom + 0.5);
  pen.lineTo(box.right, box.bottom + 0.5);
  let free = -Infinity;
  for (const { value, text } of x) {
    const at = Math.round(px(value)) + 0.5;
    if (at < box.left - 1 || at > box.right + 1) continue;
    pen.moveTo(at, box.bottom);
    pen.lineTo(at, box.bottom + 4);
    const half = pen.measureText(text).width / 2;
    if (at - half < free) continue;
    pen.fillText(text, Math.min(at, box.right + 14 - half), box.bottom + 7);
    free = at + half + 8;
  }
  pen.stroke();
}

/** Give the pens' place inside a box. @param {HTMLElement} box @param {MouseEvent} event */
export function place(box, event) {
  const { left, top } = box.getBoundingClientRect();
  return { x: event.clientX - left, y: event.clientY - top };
}

/** Put a note beside the pointer, inside the box. @param {HTMLElement} note @param {HTMLElement} box @param {number} x @param {number} y */
export function beside(note, box, x, y) {
  note.hidden = false;
  const right = x + 16 + note.offsetWidth < box.clientWidth ? x + 16 : Math.max(0, x - 16 - note.offsetWidth);
  const down = Math.max(0, Math.min(y - 12, box.clientHeight - note.offsetHeight));
  note.style.transform = `translate(${Math.round(right)}px, ${Math.round(down)}px)`;
}

/** Change the address without going anywhere. @param {Record<string, string | string[] | null>} changes */
export function remember(changes) {
  const url = new URL(location.href);
  for (const [key, value] of Object.entries(changes)) {
    url.searchParams.delete(key);
    for (const one of value === null ? [] : [value].flat()) url.searchParams.append(key, one);
  }
  history.replaceState(history.state, "", url);
}

/** What the address says. */
export const recalled = () => new URL(location.href).searchParams;

/** A list to choose from. @param {string} label @param {[string, string][]} choices @param {string} chosen @param {(value: string) => void} then */
export function chooser(label, choices, chosen, then) {
  const list = /** @type {HTMLSelectElement} */ (make("select", {}, ...choices.map(([value, text]) => make("option", { value }, text))));
  list.value = chosen;
  list.addEventListener("change", () => then(list.value));
  return { list, field: make("label", {}, `${label} `, list) };
}

/** @type {Map<string, Promise<any>>} */
const asked = new Map();

/** Fetch JSON; two figures over the same data ask once. @param {string} url */
function ask(url) {
  const get = async () => {
    const answer = await fetch(url);
    const body = await answer.json();
    if (!answer.ok) throw new Error(body.error?.what ?? answer.statusText);
    return body;
  };
  const found = asked.get(url) ?? get().finally(() => setTimeout(() => asked.delete(url), 500));
  asked.set(url, found);
  return found;
}

/**
 * Replace a figure's drawing by an interactive one as soon as it comes into view, and ask again when the page's stream says
 * that something changed. When the data cannot be had the server's drawing stays.
 * @param {string} selector @param {(figure: HTMLElement, data: any) => ((data: any) => void)} build  gives what takes newer data
 */
export function mount(selector, build) {
  /** @type {WeakMap<Element, (data: any) => void>} */
  const taking = new WeakMap();
  /** @type {Set<Element>} */
  const seen = new Set();
  /** @param {HTMLElement} figure */
  const load = async (figure) => {
    try {
      const data = await ask(figure.dataset.src ?? "");
      const take = taking.get(figure);
      if (take) take(data);
      else taking.set(figure, build(figure, data));
      figure.dataset.mounted = "yes";
    } catch (error) {
      figure.dataset.mounted ??= "no";
      figure.dataset.problem = String(error);
    }
  };
  const watch = new IntersectionObserver((entries) => {
    for (const { target, isIntersecting } of entries) {
      if (isIntersecting && !taking.has(target)) load(/** @type {HTMLElement} */ (target));
      if (isIntersecting) seen.add(target);
      else seen.delete(target);
    }
  }, { rootMargin: "200px" });
  const look = () => document.querySelectorAll(selector).forEach((figure) => watch.observe(figure));
  document.addEventListener("noria:changed", () => {
    look();
    for (const figure of seen)
      if (!figure.isConnected) seen.delete(figure);
      else if (taking.has(figure)) load(/** @type {HTMLElement} */ (figure));
  });
  look();
}
