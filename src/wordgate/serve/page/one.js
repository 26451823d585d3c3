// One text: the verdict while it is typed, then the explanation.

import { askPatiently, failureText, passing, paused } from "./api.js";
import { isEmpty } from "./batches.js";
import { Classes, mark } from "./classes.js";
import { probabilityTable, drawChart } from "./chart.js";
import { el, fill, find, styled } from "./dom.js";
import { SeveralLabels, verdict } from "./labels.js";
import { effectTip, Reading, spokenOf, tipOf } from "./reading.js";
import { drawSentence } from "./sentence.js";
import { hideTip, showTip, showTipBeside } from "./tip.js";
import { count, counted, percent } from "./format.js";

const VERDICT_AFTER = 120; // milliseconds without a key
const EXPLAIN_AFTER = 220; // more of them
const TRIES = [
  "I waited all week for this, and it was worth every minute.",
  "Not bad at all, but I would not buy it again.",
  "Thank you so much for breaking it.",
  "It starts at ten and ends at noon.",
];

/** The part of the page about one text. */
export class OneText {
  constructor(model, abstention) {
    this.model = model;
    this.abstention = abstention;
    this.several = new SeveralLabels(model, () => this.typed());
    this.turn = 0;
    this.ending = new AbortController();
    this.shown = null; // the last answer: {label, probabilities}
    this.reading = null;
    this.readingLooks = null;
    this.box = find("text");
    this.box.addEventListener("input", () => this.typed());
    this.box.addEventListener("focus", () => this.box.value === FIRST && this.box.select(), { once: true });
    this.gates = find("gates");
    this.gates.addEventListener("change", () => this.reading && this.showReading());
    find("clear").addEventListener("click", () => { this.write(""); this.box.focus(); });
    abstention.changed(() => this.shown && this.showVerdict());
    window.addEventListener("resize", () => this.resized());
    document.addEventListener("keydown", (event) => event.key === "Escape" && hideTip());
    this.offerTries();
    this.showForm();
  }

  offerTries() {
    fill(find("tries"), el("span", { class: "soft" }, "Try:"), TRIES.slice(1).map((text) =>
      el("button", { type: "button", class: "try", onclick: () => this.write(text) }, text)));
  }

  showForm() {
    const form = this.model.text_form;
    if (!form) return;
    const parts = form.split(" | ");
    this.box.placeholder = form;
    fill(find("form-hint"), "This model reads several columns joined into one text: write ", el("code", {}, form),
      `. Leave out an unknown ${parts.slice(0, -1).join(" or ")} together with its separator.`);
  }

  write(text) {
    this.box.value = text;
    this.typed();
  }

  /** Begin anew with what the box holds; whatever is still on its way is dropped. */
  typed() {
    this.turn += 1;
    this.ending.abort();
    this.ending = new AbortController();
    grown(this.box);
    this.say("");
    this.readingLooks = null;
    const text = this.box.value;
    if (isEmpty(text)) return this.showNothing();
    const most = this.model.limits?.max_text_length ?? Infinity;
    const length = Array.from(text).length;
    if (length > most) {
      this.stale();
      return this.say(`This text has ${counted(length, "character")}; the server accepts at most ${count(most)}. Shorten it.`);
    }
    return this.read(text, this.turn, this.ending.signal);
  }

  async read(text, turn, signal) {
    this.stale();
    const waiting = (error, seconds) => turn === this.turn && this.say(failureText(error, seconds));
    const asked = (path, body) => askPatiently(path, body, { signal, waiting });
    try {
      await paused(VERDICT_AFTER, signal);
      if (turn !== this.turn) return;
      const { predictions } = await asked("v1/predict", { texts: [text] });
      if (turn !== this.turn) return;
      this.say("");
      this.shown = predictions[0];
      this.showVerdict();
      await paused(EXPLAIN_AFTER, signal);
      if (turn !== this.turn || this.tooLong(text)) return;
      const explanation = await asked("v1/explain", this.several.request(text));
      if (turn !== this.turn) return;
      this.say("");
      this.explained(explanation);
    } catch (error) {
      if (turn === this.turn && error.name !== "AbortError") this.failed(error);
    }
  }

  /** Tell whether a text is too long to be explained, and say so. */
  tooLong(text) {
    const most = this.model.limits?.max_explain_length ?? Infinity;
    const length = Array.from(text).length;
    if (length <= most) return false;
    this.reading = null;
    find("reading").hidden = true;
    fill(find("remarks"), el("li", {}, `The server explains texts of at most ${counted(most, "character")}; this one has ${count(length)}.`));
    return true;
  }

  failed(error) {
    if (!(error instanceof Error)) throw error;
    const again = error.status === 504 ? " A shorter text may work." : "";
    this.say(failureText(error) + again, !passing(error));
  }

  /** Say how the request goes; where it failed for good, offer to ask again. */
  say(words, again = false) {
    fill(find("text-status"), words, again
      ? el("button", { type: "button", class: "again", onclick: () => this.typed() }, "Retry") : null);
    find("text-status").classList.toggle("trouble", words !== "");
  }

  stale() {
    find("reading").classList.add("stale");
    hideTip();
  }

  showNothing() {
    this.shown = null;
    this.reading = null;
    find("reading").hidden = true;
    fill(find("remarks"));
    find("answer-eyebrow").textContent = "Prediction";
    styled(fill(find("answer"), "—"), { "--class": "var(--soft)" });
    find("answer-note").textContent = "Enter a text.";
    fill(find("bars"), this.bars(null));
  }

  showVerdict() {
    const { probabilities } = this.shown;
    if (this.model.multilabel) return this.several.show(probabilities, this.looks(probabilities));
    const label = verdict(this.model, probabilities);
    const look = this.looks(probabilities).get(label);
    const abstains = probabilities[label] < this.abstention.from;
    find("answer-eyebrow").textContent = abstains ? "Abstains" : "Prediction";
    styled(fill(find("answer"), abstains ? null : mark(look, 26), el("span", { dir: "auto" }, abstains ? "unsure" : label)),
      { "--class": abstains ? "var(--soft)" : look.colour });
    find("answer").classList.toggle("long", label.length > 16);
    find("answer-note").textContent = abstains
      ? `${label} has ${percent(probabilities[label])}; the threshold is ${percent(this.abstention.from)}.`
      : `with a probability of ${percent(probabilities[label])}`;
    return fill(find("bars"), this.bars(probabilities));
  }

  /** The looks of the labels: those of the chart, as soon as there is one. */
  looks(probabilities) {
    return this.readingLooks ?? new Classes(this.model.labels).looks([probabilities]);
  }

  bars(probabilities) {
    const { labels } = this.model;
    const looks = this.looks(probabilities ?? Object.fromEntries(labels.map((label) => [label, 0])));
    const shown = labels.filter((label) => looks.get(label).shown);
    const rest = labels.length - shown.length;
    if (probabilities && rest) shown.sort((a, b) => probabilities[b] - probabilities[a]);
    return [
      el("ul", { class: "bars", "aria-label": "Probabilities" }, shown.map((label) => bar(looks.get(label), probabilities?.[label]))),
      rest ? el("p", { class: "soft small" }, `and ${counted(rest, "other label")}`) : null,
    ];
  }

  explained(explanation) {
    this.reading = new Reading(this.several.inPoints(explanation), this.model.labels);
    this.readingLooks = this.reading.looks;
    this.shown = { label: explanation.label, probabilities: explanation.probabilities };
    this.showVerdict();
    fill(find("remarks"), (explanation.remarks ?? []).map((remark) => el("li", {}, remark)));
    this.showReading();
  }

  showReading() {
    const { reading } = this;
    const part = find("reading");
    part.hidden = reading.words.length === 0;
    part.classList.remove("stale");
    if (part.hidden) {
      fill(find("remarks"), el("li", {}, "The model reads no words of this text: the prediction is that for an empty text."));
      return;
    }
    fill(find("reading-key"), key(reading));
    find("gates-choice").hidden = !(reading.hasGates || reading.hasMemory);
    reading.showsGates = this.gates.checked;
    const outline = drawSentence(find("sentence"), reading, (place, from) => point(place, from, "sentence"));
    const chart = drawChart(find("chart"), reading, (place, box) => point(place, box, "chart"));
    this.width = find("chart").clientWidth;
    fill(find("legend"), reading.shown().map((look) => el("span", {}, mark(look), ` ${look.label}`)));
    find("chart-means").textContent = reading.course_means;
    const table = find("chart-table");
    fill(table, table.querySelector("summary"), probabilityTable(reading));

    let pointing = null; // where from: only what shows a word also ends that

    function point(place, from, where) {
      if (place === null && pointing !== where) return undefined;
      pointing = place === null ? null : where;
      outline(place);
      chart.show(place);
      if (place === null) return hideTip();
      if (where === "sentence") showTip(from.getBoundingClientRect(), effectTip(reading, place));
      else showTipBeside(from, tipOf(reading, place));
      // The chart's own value is read out where it has the focus.
      if (!document.activeElement.matches(".plot")) find("spoken").textContent = spokenOf(reading, place);
      return undefined;
    }
  }

  resized() {
    grown(this.box);
    if (this.reading && find("chart").clientWidth !== this.width) {
      this.width = find("chart").clientWidth;
      this.showReading();
    }
  }
}

/** A class with its share as a bar; without one, an empty bar. */
export function bar(look, share, text = share === undefined ? "" : percent(share)) {
  return el("li", { style: { "--class": look.colour } },
    mark(look), el("span", { class: "bar-name", dir: "auto", title: look.label.length > 20 ? look.label : null }, look.label),
    el("span", { class: "bar-track" }, el("span", { class: "bar-fill", style: { width: `${100 * (share ?? 0)}%` } })),
    el("span", { class: "bar-share" }, text));
}

function key(reading) {
  const verdict = reading.verdictLabel;
  const look = reading.looks.get(verdict);
  const unknown = reading.words.some((word) => !word.known);
  const against = reading.words.some((word) => reading.side(word) === "against");
  const shown = (kind, colour, words) => el("span", { class: `word ${kind}`, style: { "--class": colour, "--tint": "28%", "--line": "3px" } }, words);
  return [
    el("span", {}, shown("for", look.colour, "a word"), ` supports ${verdict}`),
    against ? el("span", {}, shown("against", reading.alone ? look.colour : "var(--quiet)", "a word"),
      reading.alone ? " opposes it" : " opposes it, in the color of the label that it supports") : null,
    unknown ? el("span", {}, shown("unknown", "", "a word"), " unknown to the model") : null,
  ];
}

/** Let the box be as high as what it holds. */
function grown(box) {
  if (CSS.supports("field-sizing", "content")) return;
  styled(box, { height: "auto" });
  styled(box, { height: `${box.scrollHeight}px` });
}

/** The sentence the page opens with. */
export const FIRST = TRIES[0];
