// The chart: the probability of each class after every word, and below it, on request, the gates.

import { markAt } from "./classes.js";
import { el, fill, svg } from "./dom.js";
import { planned, stripsOf } from "./layout.js";
import { readAs, spokenOf } from "./reading.js";
import { step } from "./sentence.js";
import { exactly, percent, points } from "./format.js";

const BAR = 26; // of a gate that is fully open
const APART = 17; // names of lines

/**
 * Draw the chart.
 * @param {(place: number | null, box?: object) => void} point Told what is pointed at: a word, -1 for
 *   the start, null for nothing; and the box of the window in which that is drawn.
 */
export function drawChart(holder, reading, point) {
  const plan = planned(reading, holder.clientWidth, reading.showsGates ? stripsOf(reading) : []);
  const band = svg("rect", { class: "band", height: plan.height - 8, rx: 4, visibility: "hidden" });
  const picture = svg("svg", { width: plan.width, height: plan.rows.length * plan.height, "aria-hidden": "true" },
    band, plan.rows.map((row) => drawnRow(plan, row)));
  const last = reading.words.length - 1;
  const plot = el("div", {
    class: "plot", tabindex: 0, role: "slider", "aria-labelledby": "chart-title",
    "aria-valuemin": 0, "aria-valuemax": last + 1, "aria-valuenow": last + 1,
    "aria-orientation": "horizontal", "aria-valuetext": spokenOf(reading, last),
  }, picture);
  fill(holder, plot);

  let now = null;
  const rowOf = (place) => plan.rows.findLast((row) => row.first <= place + 1);
  const slotOf = (place) => rowOf(place).slots.find((slot) => slot.place === place);
  const show = (place) => {
    now = place;
    band.setAttribute("visibility", place === null ? "hidden" : "visible");
    if (place === null) return;
    const slot = slotOf(place);
    Object.entries({ x: slot.from, y: rowOf(place).top + 4, width: slot.to - slot.from })
      .forEach(([name, value]) => band.setAttribute(name, value));
    plot.setAttribute("aria-valuenow", place + 1);
    plot.setAttribute("aria-valuetext", spokenOf(reading, place));
  };
  const box = (place) => {
    const { left, top } = picture.getBoundingClientRect();
    const [slot, row] = [slotOf(place), rowOf(place)];
    return { left: left + slot.from, right: left + slot.to, top: top + row.top, bottom: top + row.bottom };
  };
  const pointAt = (place) => point(place, place === null ? null : box(place));

  const pointed = (event) => {
    const { left, top } = picture.getBoundingClientRect();
    const row = plan.rows[Math.floor((event.clientY - top) / plan.height)];
    const slot = row?.slots.find((one) => event.clientX - left >= one.from && event.clientX - left < one.to);
    if (slot && slot.place !== now) pointAt(slot.place);
  };
  picture.addEventListener("pointermove", pointed);
  picture.addEventListener("pointerdown", pointed);
  // A finger leaves at once; what it has touched stays until something else is.
  picture.addEventListener("pointerleave", (event) => event.pointerType !== "touch" && pointAt(null));
  plot.addEventListener("blur", () => pointAt(null));
  plot.addEventListener("keydown", (event) => {
    if (event.key === "Escape") return pointAt(null);
    const next = step(event.key, now ?? (event.key === "End" ? last : -2), last, -1, plan.mirrored);
    if (next === null || event.ctrlKey || event.metaKey || event.altKey) return undefined;
    event.preventDefault();
    show(next);
    band.scrollIntoView({ block: "nearest" });
    return pointAt(next);
  });
  return { show };
}

function drawnRow(plan, row) {
  return [grid(plan, row), axis(plan, row), lines(plan, row), names(plan, row), strips(plan, row), dots(plan, row),
    row.named ? ends(plan, row) : null];
}

function grid({ tall, highest }, { y, left, right }) {
  const parts = tall >= 140 ? [0, 0.25, 0.5, 0.75, 1] : [0, 0.5, 1];
  return parts.map((part) => svg("line", {
    class: part === 0 ? "grid base" : "grid", x1: left, x2: right, y1: y(part * highest), y2: y(part * highest),
  }));
}

function axis({ highest, mirrored }, { y, begin }) {
  const place = mirrored ? { class: "quiet", x: begin + 8 } : { class: "quiet end", x: begin - 8 };
  return [0, highest / 2, highest].map((p) => svg("text", { ...place, y: y(p) + 4 }, percent(p)));
}

/** Draw a line's part of each series; where it breaks off, the next line takes it up. */
function lines({ reading, series }, row) {
  const drawn = reading.labels.map((label) => reading.looks.get(label))
    .sort((a, b) => rank(reading, a) - rank(reading, b));
  const between = (i, label) => (series[i][label] + series[i + 1][label]) / 2;
  return drawn.map((look) => {
    const at = row.slots.map((slot) => [slot.x, series[slot.place + 1][look.label]]);
    if (row.first > 0) at.unshift([row.begin, between(row.first - 1, look.label)]);
    if (!row.isLast) at.push([row.end, between(row.slots.at(-1).place + 1, look.label)]);
    return svg("path", {
      class: `line${look.shown ? "" : " rest"}${look.label === reading.verdictLabel ? " verdict-line" : ""}`,
      d: at.map(([x, p], i) => `${i ? "L" : "M"}${x.toFixed(1)} ${row.y(p).toFixed(1)}`).join(""),
      style: look.shown ? { stroke: look.colour } : null,
    });
  });
}

/** The verdict is drawn last, above the others. */
function rank(reading, look) {
  if (look.label === reading.verdictLabel) return 2;
  return look.shown ? 1 : 0;
}

function dots({ reading, shown, series }, row) {
  return [...shown].sort((a, b) => rank(reading, a) - rank(reading, b)).flatMap((look) => row.slots.map(
    (slot) => markAt(look, slot.x.toFixed(1), row.y(series[slot.place + 1][look.label]).toFixed(1))));
}

function names({ reading, texts }, { slots, word }) {
  return slots.map(({ place, x }) => {
    const kind = place < 0 ? " quiet start" : reading.words[place].known ? "" : " quiet";
    return svg("text", { class: `middle${kind}`, x, y: word }, texts[place + 1]);
  });
}

function strips(plan, row) {
  return plan.strips.flatMap((strip, i) => {
    const title = svg("text", { x: plan.mirrored ? row.right : row.left, y: row.strip(i) + 12, class: `strip${plan.mirrored ? " end" : ""}` },
      svg("tspan", { class: "name" }, strip.title), row.first === 0 ? ` ${strip.means}` : null);
    const bottom = row.strip(i) + 18 + BAR;
    const bars = row.slots.flatMap(({ place, x }) => {
      const value = strip.values[place];
      if (value === null || value === undefined) return [];
      const at = { x: x - 6, width: 12 };
      const high = Math.max(1, BAR * value);
      return [
        strip.memory ? null : svg("rect", { class: "track", ...at, y: bottom - BAR, height: BAR, rx: 4 }),
        svg("rect", { class: strip.memory ? "memory" : "gate", ...at, y: bottom - high, height: high, rx: Math.min(4, high / 2) }),
      ];
    });
    return [title, ...bars];
  });
}

/** Name the lines where they leave the row, apart enough to be read. */
function ends({ shown, series, tall, mirrored, name }, row) {
  const last = row.slots.at(-1).place + 1;
  const at = (label) => (row.isLast ? series[last][label] : (series[last][label] + series[last + 1][label]) / 2);
  const named = shown.map((look) => ({ look, y: row.y(at(look.label)) })).sort((a, b) => a.y - b.y);
  const apart = Math.min(APART, tall / Math.max(1, named.length - 1));
  for (let i = 1; i < named.length; i += 1) named[i].y = Math.max(named[i].y, named[i - 1].y + apart);
  let lowest = row.bottom;
  for (const one of named.reverse()) {
    one.y = Math.min(one.y, lowest);
    lowest = one.y - apart;
  }
  const side = mirrored ? -1 : 1;
  return named.flatMap(({ look, y }) => [
    markAt(look, row.end + 12 * side, y.toFixed(1)),
    svg("text", { class: mirrored ? "end" : null, x: row.end + 23 * side, y: y + 4.5 }, name(look)),
  ]);
}

/** Make the table that says the same as the chart. */
export function probabilityTable(reading) {
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
  return el("div", { class: "scroll", tabindex: 0, role: "region", "aria-label": "Prediction after each word, as a table" },
    el("table", {},
      el("thead", {}, el("tr", {}, head.map((name) => el("th", { scope: "col" }, name)))),
      el("tbody", {}, body.map(([word, ...cells]) => el("tr", {},
        el("th", { scope: "row", dir: "auto" }, word), cells.map((cell) => el("td", {}, cell)))))));
}
