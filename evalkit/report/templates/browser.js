// The case browser. It reads cases from the page itself or, page by page, from `evalkit view`.
// Foreign text only ever becomes text: nothing here writes markup.
(() => {
  const root = document.getElementById("browser");
  if (!root) return;
  const $ = (id) => document.getElementById(id);
  const FLIP = 0.5, MOST_PIXELS = 8e6, MOST_CELLS = 12;
  const FAULTS = new Set(["truncated", "refused", "no_text", "model_error", "infra_error", "unscored"]);
  const PAIRED = new Set(["flips", "wins", "losses"]);
  const KINDS = ["flips", "wins", "losses", "wrong", "failures"];

  const source = root.dataset.base ? fetched(root.dataset.base) : held();
  const { meta } = source;
  const V = meta.variants.length, K = meta.samples, S = V * K;
  const words = $("words"), list = $("list"), rows = $("rows"), detail = $("detail"), count = $("count");
  const state = { show: "", tag: -1, one: meta.baseline, other: -1, q: "", at: -1, id: null };
  let index = null, means = null, shown = Array.from({ length: meta.n }, (_, at) => at), found = null;

  // Filtering.
  function read(given) {
    index = {
      outcome: unpacked(given.outcome, Uint8Array),
      score: unpacked(given.score, Float32Array),
      tagStart: unpacked(given.tagStart, Uint32Array),
      tag: unpacked(given.tag, Uint32Array),
    };
    means = new Float32Array(meta.n * V);
    for (let place = 0; place < meta.n * V; place += 1) {
      let sum = 0, known = 0;
      for (let k = 0; k < K; k += 1) {
        const score = index.score[place * K + k];
        if (!Number.isNaN(score)) { sum += score; known += 1; }
      }
      means[place] = known ? sum / known : NaN;
    }
  }

  const isFault = meta.outcomes.map(([name]) => FAULTS.has(name));
  const isWrong = meta.outcomes.map(([name]) => name === "wrong" || name === "partial");

  function kindsOf(at) {
    const base = means[at * V + state.one], kinds = new Set();
    for (let v = 0; v < V; v += 1) {
      const isAsked = state.other < 0 || v === state.other || v === state.one;
      if (!isAsked) continue;
      const gap = means[at * V + v] - base;
      if (Math.abs(gap) >= FLIP) kinds.add("flips");
      if (gap > 0) kinds.add("wins");
      if (gap < 0) kinds.add("losses");
      for (let k = 0; k < K; k += 1) {
        const code = index.outcome[at * S + v * K + k];
        if (code === NO_OUTCOME) continue;
        if (isWrong[code]) kinds.add("wrong");
        if (isFault[code]) kinds.add("failures");
      }
    }
    return kinds;
  }

  function hasTag(at) {
    for (let place = index.tagStart[at]; place < index.tagStart[at + 1]; place += 1) {
      if (index.tag[place] === state.tag) return true;
    }
    return false;
  }

  function refilter() {
    if (!index) return;
    const counts = Object.fromEntries(KINDS.map((kind) => [kind, 0]));
    let all = 0;
    shown = [];
    for (let at = 0; at < meta.n; at += 1) {
      if ((found && !found.has(at)) || (state.tag >= 0 && !hasTag(at))) continue;
      const kinds = kindsOf(at);
      all += 1;
      for (const kind of kinds) counts[kind] += 1;
      if (!state.show || kinds.has(state.show)) shown.push(at);
    }
    for (const radio of root.querySelectorAll("input[name=show]")) {
      const number = radio.value ? counts[radio.value] : all;
      radio.parentElement.querySelector("small").textContent = number.toLocaleString("en");
    }
    const total = `${meta.n.toLocaleString("en")} case${meta.n === 1 ? "" : "s"}`;
    count.textContent = shown.length === meta.n ? total : `${shown.length.toLocaleString("en")} of ${total}`;
    list.scrollTop = 0;
    draw();
  }

  async function search() {
    const asked = state.q;
    if (!asked.trim()) {
      found = null;
    } else {
      count.textContent = "searching …";
      const hits = new Set(await source.search(asked));
      if (asked !== state.q) return;
      found = hits;
    }
    refilter();
  }

  // The list: only the rows in sight exist.
  const known = new Map();
  let drawn = 0, asking = 0;
  const rowHeight = () => (matchMedia("(max-width: 40rem)").matches ? 76 : 60);

  function draw() {
    drawn = 0;
    const height = rowHeight(), whole = shown.length * height;
    const pixels = Math.min(whole, MOST_PIXELS);
    rows.style.height = `${pixels}px`;
    const view = list.clientHeight || 400; // the list is as tall as its rows, up to a limit
    // Where the list is taller than a browser can make it, the way scrolled is taken as a share.
    const share = pixels < whole ? list.scrollTop / Math.max(1, pixels - view) : 0;
    const offset = pixels < whole ? share * (whole - view) : list.scrollTop;
    const first = Math.max(0, Math.floor(offset / height) - 4);
    const last = Math.min(shown.length, Math.ceil((offset + view) / height) + 4);
    const missing = [], elements = [];
    for (let place = first; place < last; place += 1) {
      const at = shown[place];
      if (!known.has(at)) missing.push(at);
      const element = rowOf(at, place);
      element.style.top = `${place * height - offset + list.scrollTop}px`;
      elements.push(element);
    }
    rows.replaceChildren(...elements);
    const active = shown.includes(state.at) && $(`row-${state.at}`) ? `row-${state.at}` : null;
    if (active) list.setAttribute("aria-activedescendant", active);
    else list.removeAttribute("aria-activedescendant");
    if (missing.length) ask(missing);
  }

  function ask(missing) {
    clearTimeout(asking);
    asking = setTimeout(async () => {
      const got = await source.rows(missing);
      if (known.size > 20000) known.clear();
      missing.forEach((at, place) => known.set(at, got[place]));
      draw();
    }, root.dataset.base ? 40 : 0);
  }

  function schedule() {
    if (!drawn) drawn = requestAnimationFrame(draw);
  }

  function rowOf(at, place) {
    const [id, question] = known.get(at) ?? ["…", ""];
    const strip = make("span", { class: "strip" });
    const told = [];
    if (index) {
      for (let slot = 0; slot < Math.min(S, MOST_CELLS); slot += 1) {
        const code = index.outcome[at * S + slot];
        strip.append(cell(meta, code));
        if (code !== NO_OUTCOME) told.push(`${meta.variants[Math.floor(slot / K)].name} ${meta.outcomes[code][2]}`);
      }
    }
    if (S > MOST_CELLS) strip.append(make("span", { class: "of", "aria-hidden": "true", text: "…" }));
    return make(
      "div",
      {
        id: `row-${at}`, role: "option", class: "row", "aria-selected": String(at === state.at),
        "aria-posinset": place + 1, "aria-setsize": shown.length, "data-at": at,
      },
      make("span", { class: "case-id key", text: id }),
      strip,
      make("span", { class: "question", text: question }),
      make("span", { class: "sr", text: told.join(", ") }),
    );
  }

  function reveal(place) {
    const height = rowHeight(), whole = shown.length * height, view = list.clientHeight;
    if (whole > MOST_PIXELS) list.scrollTop = (place / shown.length) * (MOST_PIXELS - view);
    else if (place * height < list.scrollTop) list.scrollTop = place * height;
    else if ((place + 1) * height > list.scrollTop + view) list.scrollTop = (place + 1) * height - view;
    draw();
  }

  // One case.
  const shownCase = caseView(source, detail, () => ({ index, means, state }));
  let opening = 0;
  async function open(at, { scroll = false, isAsked = true } = {}) {
    state.at = at;
    draw();
    const mine = (opening += 1);
    const [one, [row]] = await Promise.all([source.one(at), source.rows([at])]);
    if (mine !== opening) return;
    state.id = isAsked ? row[0] : null;
    if (isAsked) remember();
    shownCase.show(at, one, row[0]);
    if (scroll) detail.scrollIntoView({ block: "nearest" });
  }

  // What is chosen stands in the address, so that it can be sent to others.
  function remember() {
    const given = {};
    if (state.show) given.show = state.show;
    if (state.tag >= 0) given.tag = meta.tags[state.tag];
    if (state.one !== meta.baseline) given.baseline = meta.variants[state.one].key;
    if (state.other >= 0) given.against = meta.variants[state.other].key;
    if (state.q.trim()) given.q = state.q;
    if (state.id !== null) given.case = state.id;
    const text = new URLSearchParams(given).toString();
    if (text || location.hash.includes("=")) history.replaceState(null, "", `#${text}`);
  }

  function openFirst() {
    return shown.length && state.at < 0 ? open(shown[0], { isAsked: false }) : undefined;
  }

  async function recall() {
    const hash = location.hash.slice(1);
    if (!hash.includes("=")) {
      refilter();
      return openFirst();
    }
    const given = new URLSearchParams(hash);
    const variant = (key, otherwise) => {
      const at = meta.variants.findIndex((one) => one.key === key);
      return at < 0 ? otherwise : at;
    };
    state.show = KINDS.includes(given.get("show")) ? given.get("show") : "";
    state.tag = given.has("tag") ? meta.tags.indexOf(given.get("tag")) : -1;
    state.one = variant(given.get("baseline"), meta.baseline);
    state.other = variant(given.get("against"), -1);
    state.q = given.get("q") ?? "";
    show();
    await search();
    if (!given.has("case")) return openFirst();
    const id = asShown(given.get("case"));
    const at = await source.find(id);
    if (at < 0) {
      detail.replaceChildren(make("p", { class: "note", text: `This page has no case ${id}.` }));
      return undefined;
    }
    let place = shown.indexOf(at);
    if (place < 0) { // the case is there, but the filter hides it
      Object.assign(state, { show: "", tag: -1, q: "" });
      found = null;
      show();
      refilter();
      place = at;
    }
    root.scrollIntoView();
    reveal(place);
    return open(at, { scroll: true });
  }

  function show() {
    words.value = state.q;
    for (const radio of root.querySelectorAll("input[name=show]")) radio.checked = radio.value === state.show;
    $("tag").value = String(state.tag);
    $("one").value = String(state.one);
    $("other").value = String(state.other);
  }

  function fill(select, options) {
    select.replaceChildren(...options.map(([value, text]) => make("option", { value, text })));
  }

  function move(step) {
    const place = shown.indexOf(state.at);
    const next = place < 0 ? 0 : Math.min(shown.length - 1, Math.max(0, place + step));
    if (!shown.length) return;
    reveal(next);
    open(shown[next]);
  }

  const KEYS = { ArrowDown: 1, ArrowUp: -1, PageDown: 8, PageUp: -8, Home: -Infinity, End: Infinity, j: 1, k: -1 };
  list.addEventListener("keydown", (event) => {
    if (event.key === "Enter") detail.focus();
    else if (event.key in KEYS && !event.ctrlKey && !event.metaKey && !event.altKey) move(KEYS[event.key]);
    else return;
    event.preventDefault();
  });
  list.addEventListener("scroll", schedule, { passive: true });
  list.addEventListener("click", (event) => {
    const row = event.target.closest(".row");
    if (row) open(Number(row.dataset.at), { scroll: true });
  });
  let typing = 0;
  $("filter").addEventListener("input", () => {
    state.show = root.querySelector("input[name=show]:checked").value;
    state.tag = Number($("tag").value);
    state.one = Number($("one").value);
    state.other = Number($("other").value);
    const isNew = state.q !== words.value;
    state.q = words.value;
    remember();
    clearTimeout(typing);
    if (isNew) typing = setTimeout(search, root.dataset.base ? 250 : 80);
    else refilter();
    if (index) shownCase.again();
  });
  $("filter").addEventListener("submit", (event) => event.preventDefault());
  addEventListener("hashchange", recall);
  addEventListener("unhandledrejection", (event) => { // evalkit view has ended, or the run is damaged
    count.textContent = `Not to be had: ${event.reason?.message ?? "no answer"}`;
    event.preventDefault();
  });
  addEventListener("resize", schedule);

  fill($("tag"), [[-1, "every tag"], ...meta.tags.map((tag, at) => [at, tag])]);
  fill($("one"), meta.variants.map(({ name }, at) => [at, name]));
  fill($("other"), [[-1, "any variant"], ...meta.variants.map(({ name }, at) => [at, name])]);
  $("tag-pick").hidden = !meta.tags.length;
  for (const label of root.querySelectorAll(".pair")) label.hidden = V < 2;
  for (const radio of root.querySelectorAll("input[name=show]")) {
    radio.parentElement.hidden = V < 2 && PAIRED.has(radio.value);
  }
  $("filter").hidden = false;
  root.querySelector(".panes").hidden = false;
  show();
  if (root.dataset.base) {
    count.textContent = `reading ${meta.n.toLocaleString("en")} cases …`;
    draw();
  }
  source.index().then((given) => {
    read(given);
    root.dataset.ready = "";
    return recall();
  }).catch((error) => {
    count.textContent = `The cases could not be read: ${error.message}`;
  });
})();
