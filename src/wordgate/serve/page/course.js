// The course: each class's probability after every word, and under it what the gates do.

import { markAt } from "./classes.js";
import { el, fill, styled, svg } from "./dom.js";
import { readAs, spokenOf } from "./reading.js";
import { step } from "./sentence.js";
import { direction, exactly, percent, points, shortened } from "./told.js";

const TOP = 14; // above 100 %
const WORDS = 40; // below 0 %: the row of words
const ROW = 62; // a gate's row: its title and its bars
const BAR = 30;
const NARROWEST = 42; // of a word's slot
const AXIS = 54;
const GATES = [
  ["input", "Input gate", "how much of a word is let in"],
  ["forget", "Forget gate", "how much memory is kept"],
  ["output", "Output gate", "how much memory is shown"],
];

/** Draw the chart; `point(place)` is told what is pointed at: a word, -1 for the start, null. */
export function drawCourse(holder, reading, point) {
  const plan = planned(reading, holder.clientWidth);
  const band = svg("rect", { class: "band", y: 0, height: plan.height, visibility: "hidden" });
  const picture = svg("svg", { width: plan.width, height: plan.height, "aria-hidden": "true" },
    band, grid(plan), lines(plan), names(plan), rows(plan), dots(plan));
  const scroller = el("div", {
    class: "scroller", tabindex: 0, role: "slider", "aria-labelledby": "course-title",
    "aria-valuemin": 0, "aria-valuemax": reading.words.length, "aria-valuenow": reading.words.length,
    "aria-orientation": "horizontal", "aria-valuetext": spokenOf(reading, reading.words.length - 1),
  }, picture);
  holder.classList.toggle("mirrored", plan.mirrored);
  fill(holder, axis(plan), scroller, plan.wide ? ends(plan) : null, titles(plan));
  if (plan.mirrored) scroller.scrollLeft = scroller.scrollWidth;
  faded(scroller);

  let now = null;
  const show = (place) => {
    now = place;
    band.setAttribute("visibility", place === null ? "hidden" : "visible");
    if (place === null) return;
    const slot = plan.slots[place + 1];
    band.setAttribute("x", slot.from);
    band.setAttribute("width", slot.to - slot.from);
    scroller.setAttribute("aria-valuenow", place + 1);
    scroller.setAttribute("aria-valuetext", spokenOf(reading, place));
  };
  /** The box of the window in which a place is drawn. */
  const box = (place) => {
    const { left, top } = picture.getBoundingClientRect();
    const slot = plan.slots[place + 1];
    return { left: left + slot.from, right: left + slot.to, top: top + TOP, bottom: top + TOP + plan.tall };
  };
  const pointAt = (place) => point(place, place === null ? null : box(place));

  const pointed = (event) => {
    const x = event.clientX - picture.getBoundingClientRect().left;
    const slot = plan.slots.findIndex((one) => x >= one.from && x < one.to);
    if (slot >= 0 && slot - 1 !== now) pointAt(slot - 1);
  };
  picture.addEventListener("pointermove", pointed);
  picture.addEventListener("pointerdown", pointed);
  // A finger leaves at once; what it has touched stays until something else is.
  picture.addEventListener("pointerleave", (event) => event.pointerType !== "touch" && pointAt(null));
  scroller.addEventListener("scroll", () => {
    faded(scroller);
    if (!scroller.matches(":focus")) pointAt(null);
  });
  scroller.addEventListener("blur", () => pointAt(null));
  scroller.addEventListener("keydown", (event) => {
    if (event.key === "Escape") return pointAt(null);
    const last = reading.words.length - 1;
    const next = step(event.key, now ?? (event.key === "End" ? last : -2), last, -1, plan.mirrored);
    if (next === null || event.ctrlKey || event.metaKey || event.altKey) return undefined;
    event.preventDefault();
    seen(scroller, plan.slots[next + 1]);
    return pointAt(next);
  });
  return {
    show,
    /** Bring a word into sight. */
    reveal: (place) => seen(scroller, plan.slots[place + 1]),
  };
}

/** Fade the sides behind which there is more. */
function faded(scroller) {
  const { scrollLeft, scrollWidth, clientWidth } = scroller;
  scroller.classList.toggle("more-before", scrollLeft > 2);
  scroller.classList.toggle("more-after", scrollLeft + clientWidth < scrollWidth - 2);
}

function seen(scroller, slot) {
  const margin = 24;
  if (slot.from < scroller.scrollLeft) scroller.scrollLeft = slot.from - margin;
  else if (slot.to > scroller.scrollLeft + scroller.clientWidth) scroller.scrollLeft = slot.to - scroller.clientWidth + margin;
}

/** Place everything: a slot for the start and for each word, wide enough for it. */
function planned(reading, room) {
  const wide = room >= 620;
  const measure = document.createElement("canvas").getContext("2d");
  measure.font = `13px ${getComputedStyle(document.body).fontFamily}`;
  const texts = ["start", ...reading.words.map((word) => shortened(reading.spelled(word).replace(/\s+/g, " "), 18))];
  const needed = texts.map((text) => Math.max(NARROWEST, measure.measureText(text).width + 18));
  const shown = reading.shown();
  const endRoom = wide ? Math.min(190, 40 + Math.max(...shown.map((look) => measure.measureText(shortened(look.label, 20)).width))) : 8;
  const there = Math.max(120, room - AXIS - endRoom);
  const sum = needed.reduce((a, b) => a + b, 0);
  const more = Math.max(0, (there - sum) / needed.length);
  const width = Math.max(there, sum);
  const mirrored = direction(reading.text) === "rtl";
  let at = 0;
  const slots = needed.map((need) => {
    const from = at;
    at += need + more;
    const [left, right] = mirrored ? [width - at, width - from] : [from, at];
    return { from: left, to: right, x: (left + right) / 2 };
  });
  const tall = wide ? 240 : 190;
  const courses = [reading.start, ...reading.words.map((word) => word.probabilities)];
  const highest = topOf(courses, shown, reading.labels.length);
  const gateRows = rowsOf(reading);
  const y = (p) => TOP + (1 - p / highest) * tall;
  const rowTop = (i) => TOP + tall + WORDS + i * ROW;
  return {
    reading, wide, shown, texts, slots, width, tall, mirrored, endRoom, y, highest, gateRows, rowTop, courses,
    height: TOP + tall + WORDS + gateRows.length * ROW,
  };
}

/** Where the scale ends: at 100 %, but for many labels, each of which has little. */
function topOf(courses, shown, labels) {
  const peak = Math.max(...courses.flatMap((one) => shown.map((look) => one[look.label])));
  return labels <= 6 ? 1 : [0.1, 0.2, 0.5].find((top) => 1.05 * peak <= top) ?? 1;
}

/** Give the rows under the chart: a title, what it means, and a value a word, from 0 to 1. */
function rowsOf(reading) {
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

function grid({ y, width, highest }) {
  return [0, 0.25, 0.5, 0.75, 1].map((part) => svg("line", {
    class: part === 0 ? "grid base" : "grid", x1: 0, x2: width, y1: y(part * highest), y2: y(part * highest),
  }));
}

function axis({ y, height, highest, mirrored }) {
  const place = mirrored ? { class: "quiet", x: 10 } : { class: "quiet end", x: AXIS - 10 };
  return svg("svg", { class: "axis", width: AXIS, height, "aria-hidden": "true" },
    [0, highest / 2, highest].map((p) => svg("text", { ...place, y: y(p) + 4 }, percent(p))));
}

function lines(plan) {
  const { reading, slots, y, courses } = plan;
  const drawn = reading.labels.map((label) => reading.looks.get(label))
    .sort((a, b) => rank(reading, a) - rank(reading, b));
  return drawn.map((look) => svg("path", {
    class: `line${look.shape === null ? " rest" : ""}${look.label === reading.verdictLabel ? " verdict-line" : ""}`,
    d: courses.map((one, i) => `${i ? "L" : "M"}${slots[i].x.toFixed(1)} ${y(one[look.label]).toFixed(1)}`).join(""),
    style: { stroke: look.colour },
  }));
}

/** The verdict is drawn last, above the others. */
function rank(reading, look) {
  if (look.label === reading.verdictLabel) return 2;
  return look.shape === null ? 0 : 1;
}

function dots({ reading, shown, slots, y, courses }) {
  return [...shown].sort((a, b) => rank(reading, a) - rank(reading, b)).flatMap((look) =>
    courses.map((one, i) => markAt(look, slots[i].x.toFixed(1), y(one[look.label]).toFixed(1))));
}

function names({ reading, texts, slots, tall }) {
  return texts.map((text, i) => {
    const word = reading.words[i - 1];
    const kind = i === 0 ? " quiet start" : word.known ? "" : " quiet";
    return svg("text", { class: `middle${kind}`, x: slots[i].x, y: TOP + tall + 24 }, text);
  });
}

function rows(plan) {
  return plan.gateRows.flatMap((row, i) => {
    const bottom = plan.rowTop(i) + ROW - 10;
    return row.values.map((value, place) => {
      if (value === null) return null;
      const slot = plan.slots[place + 1];
      const wide = 12;
      const x = slot.x - wide / 2;
      const high = Math.max(1, BAR * value);
      return [
        row.memory ? null : svg("rect", { class: "track", x, y: bottom - BAR, width: wide, height: BAR, rx: 4 }),
        svg("rect", { class: row.memory ? "memory" : "gate", x, y: bottom - high, width: wide, height: high, rx: Math.min(4, high / 2) }),
      ];
    });
  }).flat().filter(Boolean);
}

/** The rows' titles stay where they are while the words scroll. */
function titles(plan) {
  return plan.gateRows.map((row, i) => styled(
    el("p", { class: "row-title" }, el("b", {}, row.title), el("span", {}, ` ${row.means}`)),
    { top: `${plan.rowTop(i)}px`, left: `${plan.mirrored ? plan.endRoom : AXIS}px`, right: 0 },
  ));
}

/** Name the lines where they end, apart enough to be read. */
function ends({ shown, y, courses, height, endRoom, tall, mirrored }) {
  const last = courses.at(-1);
  const placed = shown.map((look) => ({ look, y: y(last[look.label]) })).sort((a, b) => a.y - b.y);
  for (let i = 1; i < placed.length; i += 1) placed[i].y = Math.max(placed[i].y, placed[i - 1].y + 17);
  const lowest = TOP + tall;
  for (let i = placed.length - 1; i >= 0; i -= 1) {
    placed[i].y = Math.min(placed[i].y, i === placed.length - 1 ? lowest : placed[i + 1].y - 17);
  }
  return svg("svg", { class: "ends", width: endRoom, height, "aria-hidden": "true" },
    placed.map(({ look, y: at }) => [
      markAt(look, mirrored ? endRoom - 12 : 12, at),
      svg("text", { class: mirrored ? "end" : null, x: mirrored ? endRoom - 24 : 24, y: at + 4.5 }, shortened(look.label, 20)),
    ]).flat());
}

/** Make the table that says the same as the chart. */
export function courseTable(reading) {
  const labels = reading.shown().map((look) => look.label);
  const head = ["word", ...labels, "effect (points)", "known",
    ...(reading.hasGates ? ["input gate", "forget gate", "output gate"] : []), ...(reading.hasMemory ? ["memory change"] : [])];
  const start = ["(before the first)", ...labels.map((label) => exactly(reading.start[label])), "", "",
    ...(reading.hasGates ? ["", "", ""] : []), ...(reading.hasMemory ? [""] : [])];
  const body = [start, ...reading.words.map((word) => [
    readAs(reading, word) ? `${reading.spelled(word)} (read as ${word.word})` : reading.spelled(word),
    ...labels.map((label) => exactly(word.probabilities[label])),
    points(word.effect), word.known ? "yes" : "no",
    ...(reading.hasGates ? ["input", "forget", "output"].map((key) => (word.gates ? percent(word.gates[key]) : "")) : []),
    ...(reading.hasMemory ? [word.memory_change?.toFixed(3) ?? ""] : []),
  ])];
  return el("div", { class: "scroll", tabindex: 0, role: "region", "aria-label": "The course as a table" },
    el("table", {},
      el("thead", {}, el("tr", {}, head.map((name) => el("th", { scope: "col" }, name)))),
      el("tbody", {}, body.map(([word, ...cells]) => el("tr", {},
        el("th", { scope: "row", dir: "auto" }, word), cells.map((cell) => el("td", {}, cell)))))));
}
