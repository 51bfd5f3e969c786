// Keeps the parts marked data-live up to date: the server says when something changed, the page is asked for again,
// and only the parts that differ are exchanged. The stream is closed while nobody looks.
// @ts-check
import { addCopyButtons } from "./keys.js";

/** @type {EventSource | null} */
let stream = null;
let seen = document.body.dataset.state ?? "";
let busy = false;

async function refresh() {
  if (busy) return;
  busy = true;
  try {
    const answer = await fetch(location.href, { headers: { accept: "text/html" } });
    if (!answer.ok) return;
    const fresh = new DOMParser().parseFromString(await answer.text(), "text/html");
    for (const part of document.querySelectorAll("[data-live]")) {
      const found = fresh.getElementById(part.id);
      const next = found && document.importNode(found, true);
      // Never under somebody's hands: a part with focus, or something chosen or folded open, waits for the next change.
      if (!next || part.contains(document.activeElement) || part.querySelector("details[open], input:checked")) continue;
      // A drawing that somebody may have zoomed into stays, and asks for its data anew.
      for (const figure of next.querySelectorAll("figure[data-src][id]")) {
        const standing = document.getElementById(figure.id);
        if (standing && part.contains(standing)) figure.replaceWith(standing);
      }
      part.replaceChildren(...next.childNodes);
      addCopyButtons(part);
    }
    document.dispatchEvent(new Event("noria:changed"));
  } finally {
    busy = false;
  }
}

function open() {
  const source = document.body.dataset.events;
  if (stream || !source) return;
  stream = new EventSource(source);
  stream.addEventListener("changed", (event) => {
    if (seen !== event.data) refresh();
    seen = event.data;
  });
}

function close() {
  stream?.close();
  stream = null;
}

document.addEventListener("visibilitychange", () => (document.hidden ? close() : open()));
addEventListener("pagehide", close);
addEventListener("pageshow", open);
open();
