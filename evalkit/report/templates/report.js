"use strict";
(() => {
  const form = document.getElementById("filter");
  if (!form) return;
  const words = document.getElementById("words");
  const tag = document.getElementById("tag");
  const count = document.getElementById("count");
  const cases = [...document.querySelectorAll("details.case")].map((element) => ({
    element,
    kinds: element.dataset.kinds.split(" "),
    tags: element.dataset.tags.trim().split(" "),
    text: null,
  }));

  const kind = () => form.querySelector("input[name=kind]:checked").value;

  function matches(one, wanted) {
    if (wanted.kind && !one.kinds.includes(wanted.kind)) return false;
    if (wanted.tag && !one.tags.includes(wanted.tag)) return false;
    if (!wanted.words.length) return true;
    one.text ??= one.element.textContent.toLowerCase();
    return wanted.words.every((word) => one.text.includes(word));
  }

  function show() {
    const wanted = {
      kind: kind(),
      tag: tag ? tag.value : "",
      words: words.value.toLowerCase().split(/\s+/).filter(Boolean),
    };
    let shown = 0;
    for (const one of cases) {
      const visible = matches(one, wanted);
      one.element.hidden = !visible;
      shown += visible;
    }
    count.textContent = shown === cases.length ? `${shown} cases` : `${shown} of ${cases.length} cases`;
  }

  function open() {
    const id = location.hash.slice(1).replaceAll("%7E", "~");
    const one = cases.find((candidate) => candidate.element.id === id);
    if (!one) return;
    if (one.element.hidden) {
      form.reset();
      show();
    }
    one.element.open = true;
    one.element.scrollIntoView();
    one.element.querySelector("summary").focus({ preventScroll: true });
  }

  form.addEventListener("input", show);
  form.addEventListener("submit", (event) => event.preventDefault());
  window.addEventListener("hashchange", open);
  form.hidden = false;
  show();
  open();
})();
