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
