// Small conveniences. Every page is complete without them.
// @ts-check

// Other clients print addresses of another page layout; they mean the same runs.
const elsewhere = /^#\/experiments\/(\d+)(?:\/runs\/([0-9a-f]{32}))?/.exec(location.hash);
if (elsewhere && location.pathname === "/") {
  location.replace(elsewhere[2] ? `/runs/${elsewhere[2]}` : `/runs?experiment=${elsewhere[1]}`);
}

const search = /** @type {HTMLInputElement | null} */ (document.querySelector("#search"));

document.addEventListener("keydown", (event) => {
  const target = /** @type {HTMLElement} */ (event.target);
  const typing = target.closest("input, textarea, select, [contenteditable]");
  if (event.key === "/" && !typing && !event.ctrlKey && !event.metaKey && !event.altKey) {
    event.preventDefault();
    search?.focus();
    search?.select();
  } else if (event.key === "Escape" && typing) {
    target.blur();
  }
});

/** Give every command a button that copies it. @param {ParentNode} root */
export function addCopyButtons(root) {
  if (!navigator.clipboard) return;
  for (const command of root.querySelectorAll(".command:not([data-ready])")) {
    command.setAttribute("data-ready", "");
    const text = command.textContent ?? "";
    const button = document.createElement("button");
    button.type = "button";
    button.textContent = "copy";
    button.setAttribute("aria-label", `copy ${text.trim()}`);
    button.addEventListener("click", async () => {
      await navigator.clipboard.writeText(text.trim());
      button.textContent = "copied";
      setTimeout(() => { button.textContent = "copy"; }, 1500);
    });
    command.append(button);
  }
}
addCopyButtons(document);

const theme = document.querySelector("#theme");
if (theme instanceof HTMLButtonElement) {
  theme.hidden = false;
  theme.addEventListener("click", () => {
    const root = document.documentElement;
    const dark = root.dataset.theme ? root.dataset.theme === "dark" : matchMedia("(prefers-color-scheme: dark)").matches;
    root.dataset.theme = dark ? "light" : "dark";
    document.cookie = `noria-theme=${root.dataset.theme}; path=/; max-age=31536000; samesite=strict`;
  });
}
