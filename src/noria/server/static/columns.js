// Runs as columns of params and metrics, as /compare/points sends them, and the colours of a column.
// @ts-check
import { chooser, hue, ink, numbers, remember, short } from "./canvas.js";

/**
 * @typedef {{ key: string, label: string, kind: "number" | "category", categories: string[], values: import("./canvas.js").Sent }} SentColumn
 * @typedef {{ total: number, runs: { id: string[], name: string[], status: string[] }, columns: SentColumn[], axes: string[], colour: string }} Data
 * @typedef {{ key: string, label: string, categories: string[] | null, values: Float64Array, sent: import("./canvas.js").Sent, low: number, high: number, log: boolean, missing: boolean }} Column
 *   a category's values are places in `categories`; what a run does not have, or has as NaN or infinity, is not finite
 */

/** @param {Data} data @returns {Map<string, Column>} */
export function read(data) {
  return new Map(data.columns.map((sent) => {
    const values = numbers(sent.values);
    let [low, high, missing] = [Infinity, -Infinity, false];
    for (const one of values) {
      if (!Number.isFinite(one)) { missing = true; continue; }
      if (one < low) low = one;
      if (one > high) high = one;
    }
    const categories = sent.kind === "category" ? sent.categories : null;
    if (categories) [low, high] = [-0.5, categories.length - 0.5];
    const log = !categories && low > 0 && high / low >= 100;
    if (!(high >= low)) [low, high] = [0, 1];
    if (high === low) [low, high] = [low - (Math.abs(low) * 0.1 || 0.5), high + (Math.abs(high) * 0.1 || 0.5)];
    return [sent.key, { key: sent.key, label: sent.label, categories, values, sent: sent.values, low, high, log, missing }];
  }));
}

/** Where a value lies on its axis, from 0 to 1. @param {Column} column @param {number} value */
export const share = ({ low, high, log }, value) => (log ? Math.log(value / low) / Math.log(high / low) : (value - low) / (high - low));

/** The value at a place of the axis. @param {Column} column @param {number} at */
export const unshare = ({ low, high, log }, at) => (log ? low * (high / low) ** at : low + at * (high - low));

/** What a run has there, in words. @param {Column} column @param {number} row */
export function told({ categories, values, sent }, row) {
  if (sent[row] === null) return "–";
  return categories ? categories[values[row]] : short(values[row], 5);
}

const LEVELS = 15;

/** A colour for each row: of its category, or from low to high over three hues. @param {Column | undefined} column @param {number} rows */
export function paint(column, rows) {
  const of = new Uint8Array(rows);
  if (!column) return { of, colours: [ink("plot-1")] };
  // 0 is for a run that has no value.
  if (column.categories) {
    for (let row = 0; row < rows; row++) of[row] = Number.isFinite(column.values[row]) ? 1 + (column.values[row] % 6) : 0;
    return { of, colours: [ink("faint"), ...[0, 1, 2, 3, 4, 5].map(hue)] };
  }
  for (let row = 0; row < rows; row++) {
    const at = share(column, column.values[row]);
    of[row] = at - at === 0 ? 1 + Math.min(LEVELS - 1, Math.floor(at * LEVELS)) : 0;
  }
  return { of, colours: [ink("faint"), ...Array.from({ length: LEVELS }, (_, at) => ramp((at + 0.5) / LEVELS))] };
}

/** @param {number} at  from 0 to 1 */
export function ramp(at) {
  const [low, middle, high] = ["plot-4", "plot-1", "plot-2"].map((name) => Array.from(ink(name).matchAll(/[\da-f]{2}/gi), ([hex]) => parseInt(hex, 16)));
  const [from, to, between] = at < 0.5 ? [low, middle, at * 2] : [middle, high, at * 2 - 1];
  return `rgb(${from.map((part, i) => Math.round(part + (to[i] - part) * between)).join(" ")})`;
}

/** A list of columns to choose from, kept in the address. @param {string} label @param {string} name @param {Map<string, Column>} columns @param {string} chosen @param {boolean} none @param {(key: string) => void} then */
export function pick(label, name, columns, chosen, none, then) {
  /** @type {[string, string][]} */
  const choices = Array.from(columns.values(), ({ key, label: text }) => [key, text]);
  return chooser(label, none ? [["", "nothing"], ...choices] : choices, chosen, (key) => {
    remember({ [name]: key });
    then(key);
  }).field;
}
