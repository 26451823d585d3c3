// One explained text: its words, what each did to the verdict, and who looks at which.

import { Classes, mark } from "./classes.js";
import { el } from "./dom.js";
import { best, count, effectText, percent, points, shortened } from "./format.js";

const QUIET = 0.005; // an effect of less than half a point has no direction worth showing

/** An answer of /v1/explain, with what the page needs besides. */
export class Reading {
  constructor(explanation, labels) {
    Object.assign(this, explanation);
    this.labels = labels;
    this.letters = Array.from(explanation.text); // offsets count code points
    this.looks = new Classes(labels).looks([this.start, ...this.words.map((one) => one.probabilities),
      { ...this.probabilities, [this.verdictLabel]: 1 + Number.EPSILON }]); // which has looks of its own in any case
    this.hasGates = this.words.some((one) => one.gates);
    this.hasMemory = this.words.some((one) => one.memory_change !== null && one.memory_change !== undefined);
    this.showsGates = false;
    this.strongest = Math.max(0.15, ...this.words.map((one) => Math.abs(one.effect)));
  }

  get verdictLabel() {
    return this.label ?? best(this.labels, this.probabilities);
  }

  /** The characters from one place to another. */
  between(from, to) {
    return this.letters.slice(from, to).join("");
  }

  /** The word as it stands in the text. */
  spelled(word) {
    return this.between(word.start, word.end) || word.word;
  }

  /** Say whether a word speaks for the verdict or against it, or hardly says anything. */
  side(word) {
    if (Math.abs(word.effect) < QUIET) return "none";
    return word.effect > 0 ? "for" : "against";
  }

  /** The looks of the class a word speaks for: the verdict, or what it would rather have. */
  favoured(word) {
    if (word.effect >= 0 || this.alone) return this.looks.get(this.verdictLabel);
    return this.looks.get(best(this.labels, word.effects));
  }

  /** How strong a word's effect is beside the strongest of its text, from 0 to 1. */
  strength(word) {
    return Math.min(1, Math.abs(word.effect) / this.strongest);
  }

  /** The classes worth a line of their own, the most probable at the end first. */
  shown() {
    return this.labels.map((label) => this.looks.get(label)).filter((look) => look.shown)
      .sort((a, b) => this.probabilities[b.label] - this.probabilities[a.label]);
  }
}

/** Say in one breath all there is to say of a place: the start (-1) or a word. */
export function spokenOf(reading, place) {
  const at = place < 0 ? reading.start : reading.words[place].probabilities;
  const shares = reading.shown().map((look) => `${look.label} ${percent(at[look.label])}`).join(", ");
  if (place < 0) return `Before the first word: ${shares}.`;
  const word = reading.words[place];
  const gates = reading.showsGates && word.gates ? ` ${gatesOf(word)}` : "";
  const unknown = word.known ? "" : " This word is unknown to the model.";
  return `Word ${place + 1} of ${reading.words.length}, “${reading.spelled(word)}”: ${shares}.`
    + ` ${effectText(word, reading.verdictLabel)}${unknown}${gates}`;
}

/** Make the tooltip of a word in its sentence: what it does to each class. */
export function effectTip(reading, place) {
  const word = reading.words[place];
  return [
    ...heading(reading, place),
    classRows(reading, (label) => points(word.effects[label])),
    el("p", {}, effectText(word, reading.verdictLabel)),
    word.known ? null : el("p", {}, "Unknown to the model."),
  ];
}

function heading(reading, place) {
  if (place < 0) return [el("p", { class: "tip-word" }, "Before the first word")];
  const word = reading.words[place];
  return [
    el("p", { class: "tip-word" }, el("b", { dir: "auto" }, shortened(reading.spelled(word), 60)),
      el("span", { class: "soft" }, ` ${count(place + 1)} of ${count(reading.words.length)}`)),
    readAs(reading, word) ? el("p", { class: "soft" }, `read as ${shortened(word.word, 60)}`) : null,
  ];
}

function classRows(reading, values) {
  return el("table", {}, el("tbody", {}, reading.shown().map((look) => el("tr", {},
    el("td", {}, mark(look)), el("th", { scope: "row", dir: "auto" }, shortened(look.label, 30)), el("td", {}, values(look.label))))));
}

/** Make the tooltip of a place of the chart. */
export function tipOf(reading, place) {
  const at = place < 0 ? reading.start : reading.words[place].probabilities;
  const word = reading.words[place];
  const hidden = reading.labels.length - reading.shown().length;
  return [
    ...heading(reading, place),
    classRows(reading, (label) => percent(at[label])),
    hidden > 0 ? el("p", { class: "soft" }, `and ${count(hidden)} more`) : null,
    place < 0 ? null : el("p", {}, el("b", {}, points(word.effect)), ` ${effectText(word, reading.verdictLabel)}`),
    place >= 0 && !word.known ? el("p", {}, "Unknown to the model.") : null,
    place >= 0 && reading.showsGates && word.gates ? el("p", { class: "soft" }, gatesOf(word)) : null,
  ];
}

/** Tell whether the model reads a word otherwise than it is spelled, its case aside. */
export const readAs = (reading, word) => reading.spelled(word).toLowerCase() !== word.word;

function gatesOf(word) {
  const values = ["input", "forget", "output"].map((name) => `${name} ${percent(word.gates[name])}`).join(", ");
  return `Gates open: ${values}.`;
}
