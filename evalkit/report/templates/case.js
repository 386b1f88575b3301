"use strict";
// One case: its prompt, the answers of two variants side by side, and a choice of the others.
// `now()` gives the index, the cases' mean scores and what is chosen.
function caseView(source, detail, now) {
  const { meta } = source;
  const V = meta.variants.length, K = meta.samples, S = V * K;
  let current = null;

  function show(at, one, id) {
    current = { at, one, id };
    again();
  }

  function again() {
    if (!current) return;
    pickSides();
    render();
  }

  // Left: the baseline. Right: the variant asked for, else the one whose score is farthest from it.
  function pickSides() {
    const { index, means, state } = now();
    const { at } = current;
    let right = state.other;
    if (right < 0 || right === state.one) {
      let farthest = -1;
      for (let v = 0; v < V; v += 1) {
        const gap = index ? Math.abs(means[at * V + v] - means[at * V + state.one]) || 0 : 0;
        if (v !== state.one && gap > farthest) { farthest = gap; right = v; }
      }
    }
    current.left = state.one * K;
    current.right = V > 1 ? right * K : K > 1 ? state.one * K + 1 : -1;
  }

  function slotName(slot) {
    const name = meta.variants[Math.floor(slot / K)].name;
    return K > 1 ? `${name}, sample ${(slot % K) + 1}` : name;
  }

  function render() {
    const { index } = now();
    const { one, at, id } = current;
    const answers = new Map(one.answers.map((answer) => [answer[0], answer]));
    const facts = make("p", { class: "case-facts" });
    if (one.target !== null) facts.append(make("span", { text: "target " }, make("b", { class: "key", text: one.target })));
    if (index) {
      for (let place = index.tagStart[at]; place < index.tagStart[at + 1]; place += 1) {
        facts.append(make("span", { class: "chip", text: meta.tags[index.tag[place]] }));
      }
    }
    facts.append(make("a", { href: `#${new URLSearchParams({ case: id })}`, text: "link to this case" }));
    const sides = [current.left, current.right].filter((slot) => slot >= 0);
    detail.replaceChildren(
      make("h3", { class: "key", text: id }), facts, prompts(one),
      chips(answers), columns(sides, answers),
    );
  }

  function prompts(one) {
    const side = Math.max(current.right, 0), key = meta.variants[Math.floor(side / K)].key;
    const box = make("div", { class: "prompts" });
    const used = one.prompts.findIndex(([name]) => key.startsWith(`${name}/`));
    one.prompts.forEach(([name, turns], place) => {
      const inside = turns.flatMap(([role, said]) => [
        make("p", { class: "role", text: role }),
        make("pre", { dir: "auto", tabindex: "0", text: source.text(said) }),
      ]);
      box.append(make("details", { open: place === Math.max(used, 0) ? "" : null },
        make("summary", {}, "Prompt ", make("span", { class: "key", text: name }), " as sent"), ...inside));
    });
    return box;
  }

  function readOut(answer) {
    const grade = answer?.[5][0];
    return grade && grade[2] !== null ? grade[2] : "";
  }

  // A button for each answer; the samples of a variant stand together behind its name.
  function chips(answers) {
    const { index } = now();
    const box = make("div", { class: "chips", role: "group", "aria-label": "Choose the answer on the right" });
    for (let v = 0; v < V; v += 1) {
      const slots = Array.from({ length: K }, (_, k) => v * K + k)
        .filter((slot) => answers.has(slot) || (index && index.outcome[current.at * S + slot] !== NO_OUTCOME));
      const buttons = slots.map((slot) => chip(slot, answers.get(slot)));
      if (K === 1) box.append(...buttons);
      else if (slots.length) {
        box.append(make("span", { class: "samples" }, ...buttons, make("span", { class: "key", text: meta.variants[v].name })));
      }
    }
    return box;
  }

  function chip(slot, answer) {
    const { index } = now();
    const code = index ? index.outcome[current.at * S + slot] : NO_OUTCOME;
    const said = code === NO_OUTCOME ? "" : meta.outcomes[code][2];
    const button = make("button", { type: "button", "aria-pressed": String(slot === current.right) }, cell(meta, code),
      make("span", { class: K === 1 ? "key" : "sr", text: slotName(slot) }), make("span", { class: "sr", text: `, ${said}` }));
    const extracted = K === 1 ? readOut(answer) : "";
    if (extracted) button.append(make("span", { class: "of", text: extracted.slice(0, 24) }));
    button.addEventListener("click", () => {
      if (slot === current.left) return;
      current.right = slot;
      render();
      detail.querySelector('button[aria-pressed="true"]')?.focus();
    });
    return button;
  }

  function columns(sides, answers) {
    const box = make("div", { class: "replies" });
    const texts = sides.map((slot) => answers.get(slot)?.[1] ?? "");
    const parts = texts.length === 2 && texts[0] && texts[1] ? compared(texts[0], texts[1]) : null;
    sides.forEach((slot, side) => box.append(reply(slot, answers.get(slot), parts ? parts[side] : null)));
    return box;
  }

  function reply(slot, answer, parts) {
    const { index } = now();
    const code = index ? index.outcome[current.at * S + slot] : NO_OUTCOME;
    const box = make("section", { class: "reply" },
      make("h4", {}, cell(meta, code), make("span", { class: "key", text: slotName(slot) })));
    if (!answer) {
      box.append(make("p", { class: "note", text: "no answer stored" }));
      return box;
    }
    const [, text, thinking, failure, facts, grades, attempts] = answer;
    const name = code === NO_OUTCOME ? null : meta.outcomes[code][0];
    box.append(make("p", { class: "reading", text: name ? meta.outcomes[code][2] : "outcome unknown" }));
    if (failure) box.append(make("p", { class: "failure", text: failure }));
    if (text) {
      const pre = make("pre", { dir: "auto", tabindex: "0" });
      if (parts) for (const [kind, said] of parts) pre.append(kind ? make(kind, { text: said }) : said);
      else pre.textContent = text;
      box.append(pre);
    } else if (!failure && name !== "no_text") {
      box.append(make("p", { class: "note", text: "no text" }));
    }
    if (thinking) box.append(folded("thinking", make("pre", { dir: "auto", tabindex: "0", text: thinking })));
    if (grades.length) box.append(gradesOf(grades));
    if (attempts.length) {
      const items = attempts.map((said) => make("li", { text: said }));
      box.append(folded(`${attempts.length} attempt${attempts.length > 1 ? "s" : ""}`, make("ol", {}, ...items)));
    }
    box.append(make("p", { class: "meta" }, ...facts.map((fact) => make("span", { text: fact }))));
    return box;
  }

  const folded = (title, ...inside) => make("details", {}, make("summary", { text: title }), ...inside);

  function gradesOf(grades) {
    const box = make("dl", { class: "grades" });
    for (const [scorer, value, extracted, reason] of grades) {
      const told = make("dd", {}, make("b", { text: value ?? "no grade" }));
      if (extracted !== null) told.append(", read as ", make("span", { class: "key", text: extracted }));
      if (reason) told.append(make("span", { class: "why", text: reason }));
      box.append(make("div", {}, make("dt", { text: meta.scorers[scorer] }), told));
    }
    return box;
  }

  return { show, again };
}
