// Which labels a text is given, and what the page shows besides where there may be several: bars with
// thresholds, and the choice of the label that is explained.

import { mark } from "./classes.js";
import { el, fill, find, styled } from "./dom.js";
import { bar } from "./one.js";
import { best, counted, percent } from "./format.js";

const MOST_BARS = 24;
const LONG = 16; // characters of all labels, which then are written smaller

/** Give the label of a text that has one: the most probable; of two with thresholds, by these. */
export function verdict({ labels, thresholds }, probabilities) {
  if (!thresholds) return best(labels, probabilities);
  return probabilities[labels[1]] >= thresholds[labels[1]] ? labels[1] : labels[0];
}

/** Give the labels of a text that may have several, the most probable first. */
function given({ labels, thresholds }, probabilities) {
  return ranked(labels, probabilities).filter((label) => probabilities[label] >= thresholds[label]);
}

/** Give the labels of a text, one or several; none where it has none, or the model abstains. */
export function answerOf(model, probabilities, from) {
  if (model.multilabel) return given(model, probabilities);
  const label = verdict(model, probabilities);
  return probabilities[label] < from ? [] : [label];
}

/** Write labels into a cell as `wordgate score` does; as JSON where that could not be taken apart. */
export function joined({ labels, label_separator: separator }, own) {
  return labels.some((label) => label.includes(separator)) ? JSON.stringify(own) : own.join(separator);
}

const ranked = (labels, probabilities) => [...labels].sort((a, b) => probabilities[b] - probabilities[a]);

/** What the page does besides where a text may have several labels. */
export class SeveralLabels {
  /** @param {() => void} changed Told when another label is to be explained. */
  constructor(model, changed) {
    this.model = model;
    this.select = el("select", { id: "explained", onchange: changed }, el("option", { value: "" }, "the most probable"),
      model.labels.map((label) => el("option", { value: label }, label)));
    // Where thresholds decide, there is no most probable label to abstain from.
    if (model.thresholds) (find("threshold") ?? find("abstain").closest(".abstention")).hidden = true;
    if (model.multilabel) find("reading-key").before(el("div", { class: "choosers" }, el("label", {}, "Explained label", this.select)));
  }

  /** What to ask of /v1/explain. */
  request(text) {
    return this.select.value === "" ? { text } : { text, label: this.select.value };
  }

  /** Turn effects on log-odds into changes of the probability, as of models of one label per text. */
  inPoints(explanation) {
    if (!this.model.multilabel) return explanation;
    const change = (label, effect) => explanation.probabilities[label] - without(explanation.probabilities[label], effect);
    const words = explanation.words.map((word) => ({
      ...word,
      effect: change(explanation.label, word.effect),
      effects: Object.fromEntries(Object.entries(word.effects).map(([label, effect]) => [label, change(label, effect)])),
    }));
    return { ...explanation, words, alone: true };
  }

  /** Show the labels of a text, and all bars. */
  show(probabilities, looks) {
    const labels = given(this.model, probabilities);
    const shown = labels.map((label) => el("span", { class: "given-label", style: { "--class": looks.get(label).colour } },
      mark(looks.get(label), 22), el("span", { dir: "auto" }, label)));
    find("answer-eyebrow").textContent = labels.length === 1 ? "Label" : "Labels";
    styled(fill(find("answer"), shown.length ? shown : "none"), { "--class": "var(--soft)" });
    find("answer").classList.add("several");
    find("answer").classList.toggle("long", labels.join("").length > LONG);
    find("answer-note").textContent = labels.length
      ? `with ${labels.length === 1 ? "a probability" : "probabilities"} of ${labels.map((label) => percent(probabilities[label])).join(", ")}`
      : "No probability reaches its label’s threshold.";
    fill(find("bars"), this.bars(probabilities, looks, new Set(labels)));
  }

  bars(probabilities, looks, own) {
    const labels = this.model.labels.length <= MOST_BARS ? this.model.labels : ranked(this.model.labels, probabilities);
    const list = (part) => el("ul", { class: "bars several", "aria-label": "Probabilities" }, part.map((label) =>
      this.bar(looks.get(label), probabilities[label], own.has(label))));
    const rest = labels.slice(MOST_BARS);
    return [
      list(labels.slice(0, MOST_BARS)),
      rest.length ? el("details", {}, el("summary", {}, `${counted(rest.length, "less probable label")}`), list(rest)) : null,
      el("p", { class: "soft small" }, "The line across each bar is the label’s threshold."),
    ];
  }

  bar(look, share, isGiven) {
    const threshold = this.model.thresholds[look.label];
    const row = bar(look, share);
    row.classList.toggle("given", isGiven);
    row.querySelector(".bar-track").append(el("span", { class: "bar-threshold", style: { left: `${100 * threshold}%` } }));
    row.querySelector(".bar-share").append(el("span", { class: "unseen" }, isGiven ? ", predicted" : `, not predicted, below ${percent(threshold)}`));
    return row;
  }
}

/** The probability whose log-odds lie lower by an effect. */
const without = (p, effect) => p / (p + (1 - p) * Math.exp(Math.min(effect, 700)));
