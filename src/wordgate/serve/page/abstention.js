// The threshold for abstaining, and coverage and accuracy at it.

import { isLeaked } from "./card.js";
import { find } from "./dom.js";
import { percent } from "./format.js";

/** The minimum probability of a label; listeners are called when it changes. */
export class Abstention {
  constructor(model) {
    this.coverage = model.abstain_coverage ?? null;
    this.where = model.scores && isLeaked(model.scores) ? " On test texts" : " On unseen texts";
    this.from = 0;
    this.listeners = [];
    this.slider = find("abstain");
    this.slider.addEventListener("input", () => this.moved());
    this.moved();
  }

  /** Call a listener on every change. */
  changed(listener) {
    this.listeners.push(listener);
  }

  moved() {
    this.from = Number(this.slider.value) / 100;
    find("abstain-value").textContent = percent(this.from);
    this.slider.setAttribute("aria-valuetext", percent(this.from));
    find("abstain-means").textContent = this.means();
    this.listeners.forEach((listener) => listener());
  }

  means() {
    if (this.from === 0) return `Every text gets a label.${this.measured(0)}`;
    return `Less probable texts get no label.${this.measured(this.from)}`;
  }

  /** What was measured at the nearest threshold that is no higher. */
  measured(from) {
    const { where } = this;
    const point = this.coverage?.filter((one) => one.threshold <= from + 1e-9).at(-1);
    if (!point) return "";
    if (point.accuracy === null) return `${where}, no text got a label.`;
    if (from === 0) return `${where}, ${percent(point.accuracy)} of the labels were correct.`;
    const at = Math.abs(point.threshold - from) < 1e-9 ? "" : ` at ${percent(point.threshold)}`;
    return `${where}${at}, ${percent(point.coverage)} got a label, and ${percent(point.accuracy)} of these labels were correct.`;
  }
}
