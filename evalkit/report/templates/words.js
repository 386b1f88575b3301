"use strict";
// Word by word: the longest common subsequence of what lies between the common ends.
function compared(one, other) {
  const split = (text) => text.match(/\s+|[\p{L}\p{N}_]+|[^\s\p{L}\p{N}_]/gu) ?? [];
  const a = split(one), b = split(other);
  let start = 0, end = 0;
  while (start < a.length && start < b.length && a[start] === b[start]) start += 1;
  while (end < a.length - start && end < b.length - start && a.at(-1 - end) === b.at(-1 - end)) end += 1;
  const x = a.slice(start, a.length - end), y = b.slice(start, b.length - end);
  if (x.length * y.length > 4e6) return null;
  const wide = y.length + 1, table = new Uint16Array((x.length + 1) * wide);
  for (let i = x.length - 1; i >= 0; i -= 1) {
    for (let j = y.length - 1; j >= 0; j -= 1) {
      table[i * wide + j] = x[i] === y[j]
        ? table[(i + 1) * wide + j + 1] + 1
        : Math.max(table[(i + 1) * wide + j], table[i * wide + j + 1]);
    }
  }
  const left = [], right = [];
  const add = (side, kind, said) => {
    const last = side.at(-1);
    if (last && last[0] === kind) last[1] += said;
    else side.push([kind, said]);
  };
  const both = (said) => { add(left, "", said); add(right, "", said); };
  a.slice(0, start).forEach(both);
  let i = 0, j = 0;
  while (i < x.length || j < y.length) {
    if (i < x.length && j < y.length && x[i] === y[j]) { both(x[i]); i += 1; j += 1; }
    else if (j >= y.length || (i < x.length && table[(i + 1) * wide + j] >= table[i * wide + j + 1])) { add(left, "del", x[i]); i += 1; }
    else { add(right, "ins", y[j]); j += 1; }
  }
  a.slice(a.length - end).forEach(both);
  return [left, right];
}
