// The threshold below which there is no answer, and what it buys.

import { isLeaked } from "./card.js";
import { find } from "./dom.js";
import { percent } from "./told.js";

/** Tells from which probability on there is an answer, and tells others when that changes. */
export class Silence {
  constructor(model) {
    this.coverage = model.abstain_coverage ?? null;
    this.where = model.scores && isLeaked(model.scores) ? " On test texts" : " On unseen texts";
    this.from = 0;
    this.listeners = [];
    this.slider = find("abstain");
    this.slider.addEventListener("input", () => this.moved());
    this.moved();
  }

  /** Be told of changes. */
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
    if (this.from === 0) return `It always answers, however unsure it is.${this.told(0)}`;
    return `Below that it gives none.${this.told(this.from)}`;
  }

  /** What was measured at the nearest threshold that is no higher. */
  told(from) {
    const { where } = this;
    const point = this.coverage?.filter((one) => one.threshold <= from + 1e-9).at(-1);
    if (!point) return "";
    if (point.accuracy === null) return `${where} it then answered nothing.`;
    if (from === 0) return `${where} it was right on ${percent(point.accuracy)}.`;
    const at = Math.abs(point.threshold - from) < 1e-9 ? "" : `, from ${percent(point.threshold)} on,`;
    return `${where} it then${at} answered ${percent(point.coverage)}, and was right on ${percent(point.accuracy)} of these.`;
  }
}
