// Many texts: pasted or from a file, labelled, counted, shown and taken home.

import { failureText } from "./api.js";
import { askMany } from "./batches.js";
import { Classes, mark, unlabelled } from "./classes.js";
import { freeNames, written } from "./csv.js";
import { el, fill, find } from "./dom.js";
import { ACCEPTED, ENCODINGS, EncodingUnknown, FileTrouble, fromLines, named, readFile } from "./files.js";
import { nameKey, textColumn } from "./header.js";
import { answerOf, joined } from "./labels.js";
import { bar } from "./one.js";
import { count, counted, exactly, percent, shortened } from "./format.js";

const SHOWN = 200; // rows of the table
const PREVIEW = 3;
const MARKER = " | "; // between the columns of a text

/** The part of the page about many texts. */
export class ManyTexts {
  constructor(model, abstention) {
    this.model = model;
    this.abstention = abstention;
    this.parts = model.text_columns?.length ? model.text_columns : ["text"];
    this.source = null; // the file's table, where there is one
    this.answers = [];
    this.running = null;
    this.build();
    abstention.changed(() => this.answers.length && !this.running && this.showResults());
  }

  build() {
    this.paste = el("textarea", {
      id: "paste", rows: 5, dir: "auto", spellcheck: "false", "aria-describedby": "paste-hint",
      placeholder: this.model.text_form ?? "One text per line", oninput: () => this.offer(),
    });
    this.chooser = el("input", { type: "file", id: "file", class: "unseen", accept: ACCEPTED, onchange: () => this.chosen() });
    this.sourcePart = el("div", { id: "source" });
    this.go = el("button", { type: "button", class: "main", id: "go", disabled: true, onclick: () => this.run() }, "Label texts");
    this.progress = el("div", { id: "progress" });
    this.said = el("p", { id: "many-status", role: "status" });
    this.results = el("div", { id: "results" });
    this.drop = el("div", { class: "drop", id: "drop" },
      el("label", { class: "unseen", for: "paste" }, "Texts, one per line"), this.paste,
      el("p", { class: "soft small", id: "paste-hint" }, "or drop a file here, or ",
        this.chooser, el("label", { class: "choose", for: "file" }, "choose one")));
    fill(find("many-work"), this.drop, this.sourcePart,
      el("p", { class: "buttons" }, this.go, this.progress), this.said, this.results);
    this.catchFiles();
  }

  /** Take a file dropped on the box, and keep the browser from opening one dropped beside it. */
  catchFiles() {
    const holds = (event) => [...(event.dataTransfer?.types ?? [])].includes("Files");
    for (const kind of ["dragover", "drop"]) {
      window.addEventListener(kind, (event) => holds(event) && event.preventDefault());
    }
    this.drop.addEventListener("dragover", (event) => holds(event) && this.drop.classList.add("over"));
    this.drop.addEventListener("dragleave", () => this.drop.classList.remove("over"));
    this.drop.addEventListener("drop", (event) => {
      this.drop.classList.remove("over");
      if (event.dataTransfer.files.length) this.take(event.dataTransfer.files[0]);
    });
  }

  chosen() {
    const [file] = this.chooser.files;
    this.chooser.value = ""; // so that the same file can be chosen again
    if (file) this.take(file);
  }

  async take(file, encoding = null) {
    this.stop();
    try {
      this.use(await readFile(file, { encoding, given: this.parts }));
      this.say("");
    } catch (error) {
      this.use(null);
      if (error instanceof EncodingUnknown) return this.askEncoding(file);
      if (!(error instanceof FileTrouble)) throw error;
      this.say(error.message, true);
    }
    return undefined;
  }

  askEncoding(file) {
    this.drop.hidden = true;
    fill(this.sourcePart, this.fileLine(file.name, ""), this.encodingChooser(file, null));
    this.say("This file is not UTF-8, and its encoding is unknown: choose one, and check below whether the letters are right.");
  }

  encodingChooser(file, chosen) {
    return el("label", {}, "Encoding of the file", el("select", { id: "encoding", onchange: (event) => this.take(file, event.target.value) },
      chosen === null ? el("option", { value: "", selected: true, disabled: true }, "choose one") : null,
      Object.entries(ENCODINGS).map(([code, name]) => el("option", { value: code, selected: code === chosen }, name))));
  }

  fileLine(name, rows) {
    return el("p", { class: "file" }, el("b", { dir: "auto" }, name), el("span", { class: "soft" }, rows),
      el("button", { type: "button", class: "quiet-button", onclick: () => { this.stop(); this.use(null); this.say(""); this.paste.focus(); } }, "Remove"));
  }

  use(table) {
    this.source = table;
    this.forget();
    this.drop.hidden = table !== null;
    if (table) this.guess();
    this.showSource();
    this.offer();
  }

  /** Find which column is which part of a text: by the names in training, else the text's by shape. */
  guess() {
    const { columns, records, hasNames, troubles } = this.source;
    const key = (name) => nameKey(name).toLowerCase();
    const names = hasNames === false ? [] : columns.map(key);
    this.columns = this.parts.map((part) => names.indexOf(key(part)));
    this.unsure = "";
    if (this.columns.at(-1) >= 0) return;
    const whole = records.filter((_, i) => !troubles[i]);
    const found = columns.length === 1 ? { column: 0, why: "" } : textColumn(hasNames === false ? null : columns, whole);
    this.columns[this.parts.length - 1] = found.column;
    this.unsure = found.why && `${found.why} Choose the one with the texts.`;
  }

  showSource() {
    const { source } = this;
    if (!source) return fill(this.sourcePart);
    return fill(this.sourcePart,
      this.fileLine(source.name, counted(source.records.length, "row")),
      this.remarks().map((remark) => el("p", { class: "soft small" }, remark)),
      source.columns.length > 1 || source.hasNames !== null || source.encoding ? this.choosers() : null,
      this.columns.at(-1) < 0 ? null : this.preview());
  }

  remarks() {
    const { remarks, troubles } = this.source;
    const places = Object.keys(troubles);
    const first = Number(places[0]);
    return [...remarks, ...(places.length ? [`${counted(places.length, "row")} cannot be read and ${places.length === 1 ? "gets" : "get"} no label, first row ${count(first + 1)}: ${troubles[first]}.`] : []),
      ...(this.unsure ? [this.unsure] : [])];
  }

  choosers() {
    const { source } = this;
    const several = this.parts.length > 1;
    return el("div", { class: "choosers" },
      this.parts.map((part, i) => el("label", {}, several ? `Column for ${part}` : "Column with the texts",
        el("select", { onchange: (event) => { this.columns[i] = Number(event.target.value); this.unsure = ""; this.forget(); this.showSource(); this.offer(); } },
          i < this.parts.length - 1 ? el("option", { value: -1, selected: this.columns[i] < 0 }, "none") : null,
          i === this.parts.length - 1 && this.columns[i] < 0 ? el("option", { value: -1, selected: true, disabled: true }, "choose one") : null,
          source.columns.map((name, at) => el("option", { value: at, selected: this.columns[i] === at }, shortened(name, 40)))))),
      source.hasNames === null ? null : el("label", { class: "check" },
        el("input", { type: "checkbox", checked: source.hasNames, onchange: (event) => this.rename(event.target.checked) }),
        "The first row contains the column names"),
      source.encoding ? this.encodingChooser(source.file, source.encoding) : null);
  }

  rename(hasNames) {
    const { all, width } = this.source;
    this.source = { ...this.source, remarks: [], ...named(all, width, hasNames) };
    this.forget();
    this.guess();
    this.showSource();
    this.offer();
  }

  preview() {
    const texts = this.source.records.slice(0, PREVIEW).map((record) => this.textOf(record));
    return el("ol", { class: "preview", "aria-label": "The first texts" }, texts.map((text) => el("li", { dir: "auto" }, shortened(text, 160) || "(empty)")));
  }

  /** Join a record's columns to a text, as the model learned them. */
  textOf(record) {
    if (!this.source || this.columns.length === 1) return record[this.source ? this.columns[0] : 0] ?? "";
    const cells = this.columns.map((at) => (at < 0 ? "" : record[at] ?? ""));
    return [...cells.slice(0, -1).map((cell) => cell.trim()).filter(Boolean), cells.at(-1)].join(MARKER);
  }

  offer() {
    this.go.disabled = this.running !== null || (this.source ? this.columns.at(-1) < 0 : this.paste.value.trim() === "");
  }

  forget() {
    this.answers = [];
    fill(this.results);
    fill(this.progress);
  }

  /** Label all there is, or go on where it stopped. */
  async run(goingOn = false) {
    if (!goingOn) this.begin();
    this.running = new AbortController();
    const { signal } = this.running;
    this.offer();
    this.showProgress();
    this.say("");
    let trouble = null;
    try {
      await askMany(this.texts, this.model.limits, {
        signal,
        from: this.answers.length,
        troubles: this.table.troubles,
        answered: (at, answer) => this.answered(at, answer),
        waiting: (error, seconds) => this.say(failureText(error, seconds), true),
      });
    } catch (error) {
      trouble = error;
    }
    if (signal.reason === "replaced") return;
    this.running = null;
    this.ended(trouble);
  }

  begin() {
    this.forget();
    this.table = this.source ?? { name: "texts.txt", ...fromLines(this.paste.value) };
    this.texts = this.table.records.map((record) => this.textOf(record));
  }

  answered(at, answer) {
    this.answers[at] = answer;
    if (this.drawing) return;
    this.drawing = true;
    requestAnimationFrame(() => {
      this.drawing = false;
      if (!this.running) return;
      this.say("");
      this.showProgress();
    });
  }

  stop() {
    this.running?.abort("replaced");
    this.running = null;
    this.offer();
  }

  ended(trouble) {
    this.offer();
    const left = this.texts.length - this.answers.length;
    const goOn = left ? el("button", { type: "button", onclick: () => this.run(true) }, `Continue with the other ${count(left)}`) : null;
    fill(this.progress, goOn);
    if (trouble === null) this.say(`${counted(this.texts.length, "text")} labeled.`);
    else if (trouble === "canceled") this.say(`Stopped after ${counted(this.answers.length, "text")}.`);
    else this.say(`${failureText(trouble)} Stopped after ${counted(this.answers.length, "text")}.`, true);
    if (this.answers.length) this.showResults();
  }

  showProgress() {
    const [done, all] = [this.answers.length, this.texts.length];
    if (!this.progress.querySelector("progress")) {
      fill(this.progress, el("progress", { "aria-label": "Texts labeled", max: all }), el("span", { class: "soft small" }),
        el("button", { type: "button", onclick: () => this.running?.abort("canceled") }, "Cancel"));
    }
    this.progress.querySelector("progress").value = done;
    this.progress.querySelector("span").textContent = `${count(done)} of ${count(all)}`;
  }

  say(words, trouble = false) {
    this.said.textContent = words;
    this.said.classList.toggle("trouble", trouble && words !== "");
  }

  /** The labels of an answer, one or several; none if there is none, or if the model abstains. */
  labelsOf({ probabilities }) {
    return probabilities ? answerOf(this.model, probabilities, this.abstention.from) : [];
  }

  /** The probabilities of a text's label, of its labels, or of the label it nearly had. */
  sharesOf(answer) {
    const { probabilities } = answer;
    if (!probabilities) return [];
    return (this.model.multilabel ? this.labelsOf(answer) : answerOf(this.model, probabilities, 0)).map((label) => probabilities[label]);
  }

  showResults() {
    const rest = this.answers.length - SHOWN;
    fill(this.results,
      this.counts(),
      el("p", { class: "buttons" }, el("button", { type: "button", class: "main", id: "download", onclick: () => this.download() }, "Download as CSV"),
        el("span", { class: "soft small" }, "with the probability of every label; cells that a spreadsheet would run as formulas get an apostrophe")),
      this.rows(),
      rest > 0 ? el("p", { class: "soft", id: "rest" }, `and ${count(rest)} more, all of them in the download.`) : null);
  }

  counts() {
    const { labels } = this.model;
    const found = new Map(labels.map((label) => [label, 0]));
    let abstains = 0;
    let failed = 0;
    for (const answer of this.answers) {
      const own = this.labelsOf(answer);
      if (!answer.probabilities) failed += 1;
      else if (own.length === 0) abstains += 1;
      for (const label of own) found.set(label, found.get(label) + 1);
    }
    const looks = new Classes(labels).looks([Object.fromEntries(found)]);
    const shown = labels.length > 12 ? labels.filter((label) => found.get(label)).sort((a, b) => found.get(b) - found.get(a)) : labels;
    const share = (n) => n / (this.answers.length || 1);
    const rows = shown.map((label) => [looks.get(label), found.get(label)]);
    if (abstains) rows.push([unlabelled(this.model.multilabel ? "no label" : "abstained"), abstains]);
    if (failed) rows.push([unlabelled("not read"), failed]);
    return el("div", {}, el("h3", {}, "Label counts"),
      el("ul", { class: "bars counts", "aria-label": "Texts with each label" }, rows.map(([look, n]) => bar(look, share(n), `${count(n)} · ${percent(share(n))}`))));
  }

  rows() {
    const { labels } = this.model;
    const looks = new Classes(labels).looks(this.answers.slice(0, SHOWN).map((one) => one.probabilities).filter(Boolean)
      .concat([Object.fromEntries(labels.map((label) => [label, 0]))]));
    const row = (answer, i) => {
      const own = this.labelsOf(answer);
      return el("tr", {}, el("td", { class: "number" }, count(i + 1)),
        el("td", { class: "cell-text", dir: "auto" }, shortened(this.texts[i], 400)),
        el("td", { class: "cell-label" }, own.length === 0 ? el("span", { class: "soft" }, answer.trouble ?? (this.model.multilabel ? "no label" : "abstained"))
          : own.map((label) => el("div", {}, mark(looks.get(label)), el("span", { dir: "auto" }, label)))),
        el("td", { class: "number" }, this.sharesOf(answer).map((share) => el("div", {}, exactly(share)))));
    };
    return el("div", { class: "scroll tall", tabindex: 0, role: "region", "aria-label": "The texts and their labels" },
      el("table", { class: "answers" },
        el("thead", {}, el("tr", {}, el("th", { scope: "col", class: "number" }, "row"), el("th", { scope: "col" }, "text"), el("th", { scope: "col" }, this.model.multilabel ? "labels" : "label"),
          el("th", { scope: "col", class: "number" }, "probability"))),
        el("tbody", {}, this.answers.slice(0, SHOWN).map(row))));
  }

  download() {
    const { labels } = this.model;
    const failed = this.answers.some((one) => one.trouble);
    const added = freeNames([...(this.model.multilabel ? ["labels"] : ["label", "probability"]), ...labels.map((label) => `probability_${label}`), ...(failed ? ["error"] : [])], this.table.columns);
    const body = this.answers.map((answer, i) => {
      const before = this.table.columns.map((_, at) => this.table.records[i][at] ?? "");
      const { probabilities } = answer;
      const shares = labels.map((label) => (probabilities ? probabilities[label].toFixed(6) : ""));
      const own = this.labelsOf(answer);
      const first = this.model.multilabel ? [joined(this.model, own)] : [own[0] ?? "", this.sharesOf(answer)[0]?.toFixed(6) ?? ""];
      const beyond = this.table.records[i].slice(this.table.columns.length); // of a row with too many fields
      return [...before, ...first, ...shares, ...(failed ? [answer.trouble ?? ""] : []), ...beyond];
    });
    const link = el("a", {
      href: URL.createObjectURL(new Blob([written([[...this.table.columns, ...added], ...body])], { type: "text/csv;charset=utf-8" })),
      download: `${this.table.name.replace(/\.[^.]*$/, "")}-labeled.csv`,
    });
    link.click();
    setTimeout(() => URL.revokeObjectURL(link.href), 60_000);
  }
}
