// Each class has a colour and a shape: what colour says, the shape says too.

import { svg } from "./dom.js";
import { best } from "./told.js";

const COLOURED = 6;
const DASH = "M-4-1H4V1H-4Z"; // of whatever has no shape of its own
const SHAPES = [
  "M0-4.800A4.800 4.800 0 1 1 0 4.800 4.800 4.800 0 1 1 0-4.800Z", // circle
  "M-4-4H4V4H-4Z", // square
  "M0-5 5 4H-5Z", // triangle
  "M0-5.500 5.500 0 0 5.500-5.500 0Z", // diamond
  "M-1.600-5H1.600V-1.600H5V1.600H1.600V5H-1.600V1.600H-5V-1.600H-1.600Z", // plus
  "M0 5-5-4H5Z", // triangle, downwards
];

/**
 * Gives each label its looks: `{label, colour, shape}`; a label that has none of its own is quiet.
 * Of few labels each keeps its looks for good. Of many the most probable of a text have them.
 */
export class Classes {
  constructor(labels) {
    this.labels = labels;
    this.few = labels.length <= COLOURED;
  }

  /** Choose who has looks of its own, by the highest probability each reaches. */
  looks(courses) {
    const ranked = this.few ? this.labels : this.ranked(courses).slice(0, COLOURED);
    const slots = this.labels.length === 2 ? [0, 2] : [0, 1, 2, 3, 4, 5];
    const found = new Map(this.labels.map((label) => [label, { label, colour: "var(--quiet)", shape: null }]));
    ranked.forEach((label, i) => {
      found.set(label, { label, colour: `var(--class-${slots[i] + 1})`, shape: SHAPES[slots[i]] });
    });
    return found;
  }

  ranked(courses) {
    const peak = (label) => Math.max(...courses.map((one) => one[label]));
    const last = courses.at(-1);
    const verdict = best(this.labels, last);
    const peaks = new Map(this.labels.map((label) => [label, label === verdict ? 2 : peak(label)]));
    return [...this.labels].sort((a, b) => peaks.get(b) - peaks.get(a));
  }
}

/** Draw a class's mark by itself. */
export function mark(look, size = 14) {
  return svg("svg", { class: "shape", viewBox: "-7 -7 14 14", width: size, height: size, "aria-hidden": "true" },
    markAt(look, 0, 0));
}

/** Draw a class's mark at a place of a picture. */
export function markAt(look, x, y) {
  const made = svg("path", { d: look.shape ?? DASH, class: "dot", transform: `translate(${x} ${y})` });
  made.style.setProperty("fill", look.colour);
  return made;
}
