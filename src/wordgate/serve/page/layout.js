// Where the parts of the chart stand: its words run over as many lines as the width asks for.

import { direction, shortened } from "./format.js";

const TOP = 14; // above a line's 100%
const WORDS = 36; // below its 0%
const STRIP = 50; // a gate's title and its bars
const GAP = 12; // between lines
const NARROWEST = 26; // of a word's slot
const BREADTHS = {
  wide: { from: 620, axis: 54, around: 14, label: 20, labels: 190, word: 18, tall: [240, 150, 150, 116] },
  narrow: { from: 0, axis: 50, around: 10, label: 12, labels: 112, word: 14, tall: [180, 122, 122, 96] },
};

/**
 * Place everything.
 * @param {object} reading The explained text.
 * @param {number} room How wide the chart may be.
 * @param {object[]} strips What stands under each line: see `stripsOf`.
 */
export function planned(reading, room, strips) {
  const wide = room >= BREADTHS.wide.from;
  const breadth = wide ? BREADTHS.wide : BREADTHS.narrow;
  const shown = reading.shown();
  const measure = measuring();
  const name = (look) => shortened(look.label, breadth.label);
  const labels = Math.min(breadth.labels, 34 + Math.max(...shown.map((look) => measure(name(look)))));
  const full = Math.max(160, room - breadth.axis);
  const last = full - labels;
  const texts = ["start", ...reading.words.map((word) => shortened(reading.spelled(word).replace(/\s+/g, " "), breadth.word))];
  const needs = texts.map((text) => Math.min(last, Math.max(NARROWEST, measure(text) + breadth.around)));
  const lines = broken(needs, wide ? last : full, last);
  const tall = breadth.tall[Math.min(lines.length, breadth.tall.length) - 1];
  const height = TOP + tall + WORDS + strips.length * STRIP + GAP;
  const series = [reading.start, ...reading.words.map((word) => word.probabilities)];
  const plan = {
    reading, shown, series, texts, strips, name, tall, height,
    mirrored: direction(reading.text) === "rtl",
    width: breadth.axis + full, axis: breadth.axis,
    highest: topOf(series, shown, reading.labels.length),
  };
  let first = 0;
  plan.rows = lines.map((line, i) => {
    const isLast = i === lines.length - 1;
    const row = placed(plan, line, { first, top: i * height, wide: wide || isLast ? last : full, isLast, named: wide || isLast });
    first += line.length;
    return row;
  });
  return plan;
}

/** Place a line's slots: in the order of its words, from the side where its text begins. */
function placed(plan, needs, row) {
  const left = plan.mirrored ? plan.width - plan.axis - row.wide : plan.axis;
  const right = left + row.wide;
  const more = (row.wide - sum(needs)) / needs.length;
  let at = 0;
  const slots = needs.map((need, i) => {
    const [from, to] = [at, at + need + more];
    at = to;
    const [start, end] = plan.mirrored ? [right - to, right - from] : [left + from, left + to];
    return { place: row.first + i - 1, from: start, to: end, x: (start + end) / 2 };
  });
  const [begin, end] = plan.mirrored ? [right, left] : [left, right];
  return {
    ...row, slots, left, right, begin, end, bottom: row.top + TOP + plan.tall,
    y: (p) => row.top + TOP + (1 - p / plan.highest) * plan.tall,
    word: row.top + TOP + plan.tall + 22,
    strip: (i) => row.top + TOP + plan.tall + WORDS + i * STRIP,
  };
}

/** Break slots into as few lines as there must be, each about as full as the others. */
function broken(needs, width, last) {
  for (let n = Math.ceil(sum(needs) / width); n < needs.length; n += 1) {
    const lines = evenly(needs, n, width);
    if (lines.length <= n && sum(lines.at(-1)) <= last) return lines;
  }
  return needs.map((need) => [need]);
}

/** Fill so many lines, or more where they are too narrow, to the least width that serves. */
function evenly(needs, n, width) {
  let [low, high] = [Math.max(sum(needs) / n, ...needs), width];
  while (high - low > 1) {
    const middle = (low + high) / 2;
    if (filled(needs, middle).length <= n) high = middle;
    else low = middle;
  }
  return filled(needs, high);
}

function filled(needs, width) {
  const lines = [[]];
  let left = width;
  for (const need of needs) {
    if (need > left && lines.at(-1).length) {
      lines.push([]);
      left = width;
    }
    lines.at(-1).push(need);
    left -= need;
  }
  return lines;
}

const sum = (numbers) => numbers.reduce((a, b) => a + b, 0);

function measuring() {
  const context = document.createElement("canvas").getContext("2d");
  context.font = `13px ${getComputedStyle(document.body).fontFamily}`;
  return (text) => context.measureText(text).width;
}

/** Where the scale ends: at 100%, but for many labels, each of which has little. */
function topOf(series, shown, labels) {
  const peak = Math.max(...series.flatMap((one) => shown.map((look) => one[look.label])));
  return labels <= 6 ? 1 : [0.1, 0.2, 0.5].find((top) => 1.05 * peak <= top) ?? 1;
}

const GATES = [
  ["input", "Input gate", "how much of the word is stored"],
  ["forget", "Forget gate", "how much of the memory is kept"],
  ["output", "Output gate", "how much of the memory is output"],
];

/** What an LSTM tells besides: titles, what they mean, and a value a word, from 0 to 1. */
export function stripsOf(reading) {
  const found = reading.hasGates
    ? GATES.map(([key, title, means]) => ({ title, means, values: reading.words.map((word) => word.gates?.[key] ?? null) }))
    : [];
  if (reading.hasMemory) {
    const changes = reading.words.map((word) => word.memory_change ?? null);
    const most = Math.max(...changes.map((one) => Math.abs(one ?? 0)), 1e-9);
    found.push({
      title: "Memory", means: `how much it changes, up to ${most.toFixed(2)}`, memory: true,
      values: changes.map((one) => (one === null ? null : Math.abs(one) / most)),
    });
  }
  return found;
}
