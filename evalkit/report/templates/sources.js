"use strict";
// Where cases come from.
function held() {
  const data = JSON.parse(document.getElementById("data").textContent);
  const texts = [];
  const text = (at) => {
    const one = data.cases[at], parts = [data.rows[at][0], one.target ?? ""];
    for (const [, turns] of one.prompts) for (const [, said] of turns) parts.push(data.texts[said]);
    for (const answer of one.answers) parts.push(answer[1] ?? "", answer[2] ?? "", answer[3] ?? "");
    return parts.join("\n").toLowerCase();
  };
  return {
    meta: data.meta,
    index: async () => data.index,
    rows: async (places) => places.map((at) => data.rows[at]),
    one: async (at) => data.cases[at],
    find: async (id) => data.rows.findIndex((row) => row[0] === id),
    search: async (words) => {
      const wanted = words.toLowerCase().split(/\s+/).filter(Boolean), found = [];
      for (let at = 0; at < data.meta.n; at += 1) {
        texts[at] ??= text(at);
        if (wanted.every((word) => texts[at].includes(word))) found.push(at);
      }
      return found;
    },
    text: (said) => (typeof said === "number" ? data.texts[said] : said),
  };
}

function fetched(base) {
  const ask = async (path, given = {}) => {
    const response = await fetch(`${base}${path}?${new URLSearchParams(given)}`);
    if (!response.ok) throw new Error(`${response.status} ${await response.text()}`);
    return response.json();
  };
  return {
    meta: JSON.parse(document.getElementById("data").textContent).meta,
    index: () => ask("index"),
    rows: (places) => ask("rows", { at: places.join(",") }),
    one: (at) => ask("case", { at }),
    find: async (id) => (await ask("find", { id })).at,
    search: async (words) => (await ask("search", { q: words })).at,
    text: (said) => said,
  };
}

function unpacked(text, kind) {
  const bytes = Uint8Array.from(atob(text), (sign) => sign.charCodeAt(0));
  return new kind(bytes.buffer);
}
