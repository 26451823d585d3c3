// The model's card: what it is, what it is really worth, what to beware of.

import { el, fill, find, styled } from "./dom.js";
import { count, counted, exactly, percent } from "./format.js";

const FAMILIES = {
  lstm: "An LSTM, which reads a text word by word",
  transformer: "A transformer, which attends to all words at once",
  count: "Word and character n-grams with logistic regression",
  logreg: "Averaged word vectors with logistic regression",
  mlp: "Averaged word vectors with a small neural network",
};
const SPLITS = {
  grouped: "duplicates of a text are in the same subset",
  random: "rows assigned at random",
  given: "subsets given by the data",
};

/** Say under the title what this model does, and how well. */
export function showLede(model) {
  const score = model.scores;
  const worth = score
    ? ` On ${isLeaked(score) ? "test texts" : "unseen texts"} it ${model.multilabel ? "predicted exactly the right labels" : "was right"} ${percent(score.accuracy)} of the time${isLeaked(score) ? "; but duplicates of them were in training" : ""}.` : "";
  const does = model.multilabel ? `predicts any of ${listed(model.labels)}` : `predicts ${listed(model.labels)}`;
  find("lede").textContent = `${article(model)} ${does}.${worth}`;
  document.title = `wordgate · ${listed(model.labels)}`;
}

/** Fill the card. */
export function showCard(model) {
  fill(find("card"),
    model.scores ? worth(model.scores, model.family) : el("p", {}, "This model has not been evaluated: there are no scores to show."),
    el("dl", { class: "facts" }, facts(model).map(([name, value]) => el("div", {}, el("dt", {}, name), el("dd", {}, value)))),
    warnings(model));
}

function article(model) {
  return { lstm: "An LSTM that", transformer: "A transformer that", count: "A count model that" }[model.family] ?? "A model that";
}

function listed(labels) {
  if (labels.length > 5) return `${counted(labels.length, "label")}`;
  return labels.length < 2 ? labels.join("") : `${labels.slice(0, -1).join(", ")} and ${labels.at(-1)}`;
}

export const isLeaked = (scores) => scores.leaked_by_group > 0;

function worth(scores, family) {
  const on = [counted(scores.n_test ?? 0, "test text"),
    scores.n_test_groups ? `from ${counted(scores.n_test_groups, isLeaked(scores) ? "group" : "unseen group")}` : ""].join(" ");
  const interval = scores.low === null || scores.low === undefined ? "" : `95% interval: ${exactly(scores.low)} to ${exactly(scores.high)}`;
  return el("div", { class: "worth" },
    el("div", {},
      el("p", { class: "eyebrow" }, "accuracy"),
      el("p", { class: "figure" }, exactly(scores.accuracy)),
      el("p", { class: "soft" }, `on ${on}`),
      el("p", { class: "soft" }, interval),
      isLeaked(scores) ? el("p", { class: "trouble flatters" }, flatters(scores)) : null),
    rulers(scores, family));
}

/** The accuracy with its interval, beside the baselines, on one scale. */
function rulers(scores, family) {
  const rows = [["this model", scores.accuracy, scores.low, scores.high], ...baselines(scores, family)];
  const least = Math.min(...rows.flatMap(([, value, low]) => [value, low ?? value]));
  const from = Math.max(0, Math.floor(10 * least - 0.5) / 10);
  const at = (value) => `${(100 * (value - from)) / (1 - from)}%`;
  return el("div", { class: "rulers" }, rows.map(([name, value, low, high], i) => el("div", { class: "ruler" },
    el("span", { class: "ruler-name" }, name),
    el("span", { class: "ruler-track", "aria-hidden": "true" },
      low === undefined || low === null ? null : el("span", { class: "whisker", style: { left: at(low), width: `calc(${at(high)} - ${at(low)})` } }),
      styled(el("span", { class: i ? "dot other" : "dot" }), { left: at(value) })),
    el("span", { class: "ruler-value" }, exactly(value)))),
  el("div", { class: "ruler scale", "aria-hidden": "true" }, el("span", {}),
    el("span", { class: "ruler-ends" }, el("span", {}, percent(from)), el("span", {}, "accuracy"), el("span", {}, percent(1))), el("span", {})));
}

/** What it has to beat: the family count, but for a model of that very family. */
function baselines(scores, family) {
  return [["count", family === "count" ? null : scores.baseline_accuracy], ["most frequent label", scores.majority_accuracy]]
    .filter(([, value]) => Number.isFinite(value));
}

function facts(model) {
  const { scores } = model;
  return [
    ["family", `${FAMILIES[model.family] ?? model.family}${model.recipe ? `; recipe “${model.recipe}”` : ""}.`],
    ["labels", model.labels.length > 12 ? `${model.labels.slice(0, 12).join(", ")} and ${count(model.labels.length - 12)} more` : model.labels.join(", ")],
    model.thresholds ? ["thresholds", thresholds(model)] : null,
    model.text_form ? ["text form", el("code", {}, model.text_form)] : null,
    ...trained(model.trained ?? {}),
    scores?.split ? ["split", `${scores.split}${SPLITS[scores.split] ? `; ${SPLITS[scores.split]}` : ""}.`] : null,
    scores && Number.isFinite(scores.macro_f1) ? ["macro F1", scores.macro_f1.toFixed(3)] : null,
    scores?.near_duplicates_in_train ? ["near duplicates", `${counted(scores.near_duplicates_in_train, "test text")} with a near duplicate in training.`] : null,
  ].filter(Boolean);
}

/** Say from which probabilities on labels are given. */
function thresholds({ labels, thresholds: own, multilabel }) {
  const [first] = labels;
  if (multilabel && labels.every((label) => own[label] === own[first])) return `${percent(own[first])} for each label.`;
  return (multilabel ? labels : labels.slice(1)).map((label) => `${percent(own[label])} for ${label}`).join(", ");
}

/** Say what it learned from, as far as that is known. */
function trained(training) {
  const rows = Number.isFinite(training.rows) ? counted(training.rows, "row") : null;
  const from = [rows, training.source].filter(Boolean).join(" of ");
  const how = [
    Number.isFinite(training.seconds) ? `in ${count(Math.max(1, Math.round(training.seconds)))} s` : null,
    Number.isFinite(training.epochs) && training.epochs > 0 ? counted(training.epochs, "epoch") : null,
    Number.isFinite(training.seed) ? `seed ${training.seed}` : null,
    training.wordgate ? `wordgate ${training.wordgate}` : null,
  ].filter(Boolean).join(", ");
  return [from ? ["data", `${from}.`] : null, how ? ["trained", `${how}.`] : null].filter(Boolean);
}

function flatters(scores) {
  return `This score is inflated: ${count(scores.leaked_by_group)} of these texts share a group with training texts,`
    + " so it partly measures memorization. Expect a lower accuracy on new texts.";
}

function warnings(model) {
  const said = model.remarks ?? [];
  return said.length ? el("ul", { class: "remarks plain" }, said.map((one) => el("li", {}, one))) : null;
}
