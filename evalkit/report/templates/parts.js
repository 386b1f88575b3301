"use strict";
const NO_OUTCOME = 255;

function make(tag, given = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(given)) {
    if (name === "text") element.textContent = value;
    else if (value !== null && value !== false) element.setAttribute(name, value);
  }
  element.append(...children.filter((child) => child !== null));
  return element;
}

function cell(meta, code) {
  const [name, sign] = code === NO_OUTCOME ? ["unscored", "·"] : meta.outcomes[code];
  return make("span", { class: `cell o-${name}`, "aria-hidden": "true", text: sign });
}

// An id as pages show it: on one line, with signs that hide or reorder text made visible.
const HIDDEN = /[\x00-\x08\x0b-\x1f\x7f-\x9f\u00ad\u061c\u180e\u200b\u200e\u200f\u2028-\u202e\u2060-\u206f\ud800-\udfff\ufeff\ufff9-\ufffb\ufffe\uffff\u{e0000}-\u{e007f}]/gu;
function asShown(text) {
  const code = (sign) => sign.codePointAt(0).toString(16).toUpperCase().padStart(4, "0");
  const plain = text.replace(/\r\n?/g, "\n").replace(HIDDEN, (sign) => `⟨U+${code(sign)}⟩`);
  return plain.split(/\s+/).filter(Boolean).join(" ");
}
