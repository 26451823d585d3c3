// Each class has a hue and a shape: what colour says, the shape says too. Grey is nobody's: it is for
// what has no label.

import { svg } from "./dom.js";
import { best } from "./format.js";

const MOST_SHOWN = 6; // of more classes than there are hues
const DASH = "M-4-1H4V1H-4Z"; // of whatever has no shape of its own
const SHAPES = [ // one for each of the hues --class-1 to --class-8
  "M0-4.800A4.800 4.800 0 1 1 0 4.800 4.800 4.800 0 1 1 0-4.800Z", // circle
  "M-4-4H4V4H-4Z", // square
  "M0-5 5 4H-5Z", // triangle
  "M0-5.500 5.500 0 0 5.500-5.500 0Z", // diamond
  "M-1.600-5H1.600V-1.600H5V1.600H1.600V5H-1.600V1.600H-5V-1.600H-1.600Z", // plus
  "M0 5-5-4H5Z", // triangle, downwards
  "M2.400-4.700 4.700-2.400 2.300 0 4.700 2.400 2.400 4.700 0 2.300-2.400 4.700-4.700 2.400-2.300 0-4.700-2.400-2.400-4.700 0-2.300Z", // cross
  "M-2.200-5.500H2.200V5.500H-2.200Z", // bar
];

/**
 * Gives each label its looks: `{label, colour, shape, shown}`. Up to eight labels keep theirs for
 * good. Of more of them hues repeat, but never among the most probable of a text, which are shown.
 */
export class Classes {
  constructor(labels) {
    this.labels = labels;
    this.few = labels.length <= SHAPES.length;
  }

  /** Choose the looks, by the highest probability each label reaches. */
  looks(series) {
    const place = new Map(this.labels.map((label, i) => [label, i % SHAPES.length]));
    const found = new Map(this.labels.map((label) => [label, look(label, place.get(label), false)]));
    const free = new Set(SHAPES.keys());
    for (const label of this.few ? this.labels : this.ranked(series).slice(0, MOST_SHOWN)) {
      const own = free.has(place.get(label)) ? place.get(label) : Math.min(...free);
      free.delete(own);
      found.set(label, look(label, own, true));
    }
    return found;
  }

  ranked(series) {
    const verdict = best(this.labels, series.at(-1));
    const peak = (label) => (label === verdict ? 2 : Math.max(...series.map((one) => one[label])));
    const peaks = new Map(this.labels.map((label) => [label, peak(label)]));
    return [...this.labels].sort((a, b) => peaks.get(b) - peaks.get(a));
  }
}

const look = (label, place, shown) => ({ label, colour: `var(--class-${place + 1})`, shape: SHAPES[place], shown });

/** The looks of what has no label, such as an abstention. */
export const unlabelled = (label) => ({ label, colour: "var(--quiet)", shape: DASH, shown: true });

/** Draw a class's mark by itself. */
export function mark(one, size = 14) {
  return svg("svg", { class: "shape", viewBox: "-7 -7 14 14", width: size, height: size, "aria-hidden": "true" },
    markAt(one, 0, 0));
}

/** Draw a class's mark at a place of an image. */
export function markAt(one, x, y) {
  return svg("path", { d: one.shape, class: "dot", transform: `translate(${x} ${y})`, style: { fill: one.colour } });
}
