// CSV and its kin: read as `wordgate score` reads them, where there is one way to read them, and
// refused where there are several; written for spreadsheets.

import { hasHeader, isNumber, knownNames } from "./header.js";
import { count, counted } from "./format.js";

const NONE = "\x1f"; // stands for "no delimiter": a file of one column, commas included
const DELIMITERS = ["\t", ",", ";", "|"]; // the first wins a tie
const SAMPLE = 65_536; // characters that tell the delimiter
const PROFILE = 262_144; // those that tell what records look like
const MOST_BEFORE = 20; // lines before the header
const SEPARATOR = /^"?sep=(.)"?\s*$/i;
const DASHES = /^ *:?(?:-{2,}|={2,}):? *$/; // as databases and Markdown write them
// What a spreadsheet takes for the beginning of a formula, or passes over before one.
const FORMULA = /^[=+\-@\t\r\n]/;

/** Something about a file that the user can mend; its message says what. */
export class FileTrouble extends Error {}

const unclear = (what) => new FileTrouble(`${what} This page does not guess what that means; in a terminal, wordgate score reads such files.`);

/**
 * Read a table.
 * @param {string[]} given Names of columns that the model knows.
 * @returns {{all: string[][], width: number, hasNames: boolean, doubt: string}} All records, blank
 *   lines left out; the number of fields that most have; whether the first names the columns; and
 *   a remark where nothing tells that.
 * @throws {FileTrouble} Where its records can be read in several ways.
 */
export function readTable(text, given = []) {
  const { delimiter, body } = started(text);
  const parsed = parse(body, delimiter, { strict: true });
  const records = parsed.records.filter((record) => record.length);
  if (!records.length) return { all: [], width: 0, hasNames: false, doubt: "" };
  const width = widthOf(records);
  if (width === 1) parsed.records.forEach((record) => record.length || record.push("")); // empty texts
  refuseOtherQuotes(body, delimiter, records.filter((record) => record.length !== width || record.some(isPadded)).length);
  refuseJoined(body, parsed, delimiter);
  refuseOddBeginning(records, width);
  const all = width === 1 ? parsed.records : records;
  const uniform = all.slice(1).filter((record) => record.length === width);
  const { header, doubt } = hasHeader(all[0], uniform, given);
  if (header && all.length > 1 && all[1].some(Boolean) && all[1].filter(Boolean).every((cell) => DASHES.test(cell))) all.splice(1, 1);
  return { all, width, hasNames: header, doubt };
}

/** Say why a record can't be read; "" where it can. */
export function troubleOf(record, width, names) {
  if (record.length !== width) return `${counted(record.length, "field")} instead of ${count(width)}`;
  const again = names.filter(Boolean).length > 1 && record.every((cell, i) => cell.trim() === names[i]);
  return again ? "repeated header" : "";
}

/** Find the delimiter; a first line such as `sep=;` names it, and is no record. */
function started(text) {
  const [first] = text.match(/^.*(\r\n|\n|\r|$)/);
  const named = first.match(SEPARATOR)?.[1];
  if (named) return { delimiter: named, body: text.slice(first.trimEnd().length) };
  return { delimiter: delimiterOf(wholeLines(text, SAMPLE)), body: text };
}

/** Take the first characters, up to the end of a line. */
function wholeLines(text, most) {
  if (text.length <= most) return text;
  return text.slice(0, text.lastIndexOf("\n", most) + 1 || most);
}

const linesOf = (text) => text.match(/[^\r\n]*(?:\r\n|\n|\r)|[^\r\n]+$/g) ?? [];

/** Find what cuts the first records into equally many fields, as tables/dialect.py does. */
export function delimiterOf(sample) {
  const marked = sample.match(/^(?:(?:#.*)?(?:\r\n|\n|\r))*/)[0];
  const text = marked.length < sample.length ? sample.slice(marked.length) : sample;
  let [best, bestShare] = [NONE, 0];
  for (const delimiter of DELIMITERS) {
    let records = parse(text, delimiter).records.filter((record) => record.length).slice(0, 200);
    if (!records.length) continue;
    const [width] = modes(records.map((record) => record.length));
    records = records.slice(titlesBefore(records, width));
    const share = Math.round((100 * records.filter((record) => record.length === width).length) / records.length) / 100;
    // Commas also stand in plain sentences, but hardly equally many in each.
    if (width < 2 || (share < 0.9 && (records[0].length !== width || share < 0.3))) continue;
    const tie = share === bestShare && isPunctuation(best, text);
    if (share > bestShare || (tie && !isPunctuation(delimiter, text))) [best, bestShare] = [delimiter, share];
  }
  return best;
}

/** The most frequent numbers, in the order in which they first stand there. */
function modes(numbers) {
  const counts = new Map();
  for (const one of numbers) counts.set(one, (counts.get(one) ?? 0) + 1);
  const most = Math.max(...counts.values());
  return [...counts.keys()].filter((one) => counts.get(one) === most);
}

const widthOf = (records) => Math.max(...modes(records.map((record) => record.length)));

function titlesBefore(records, width) {
  for (const [place, record] of records.slice(0, MOST_BEFORE + 1).entries()) {
    if (record.length === width) return knownNames(record).length >= Math.min(2, width) ? place : 0;
    if (record.length > width) break;
  }
  return 0;
}

/** Tell whether a character stands as in sentences and numbers: "a lamp, 7,50". */
function isPunctuation(delimiter, text) {
  const all = text.split(delimiter).length - 1;
  const spoken = text.split(`${delimiter} `).length - 1 + (delimiter === "," ? (text.match(/(?<=\d),(?=\d)/g) ?? []).length : 0);
  return spoken >= 0.9 * all;
}

/**
 * Read records: quotes, doubled quotes, delimiters and line ends inside quotes.
 * @param {object} options `strict` refuses a quote that isn't closed as quotes are; else its line is
 *   read by itself.
 * @returns {{records: string[][], starts: number[]}} Records, a blank line as an empty one, and where
 *   each begins.
 */
export function parse(text, delimiter, { strict = false } = {}) {
  const [records, starts] = [[], []];
  let at = 0;
  while (at < text.length) {
    let record = recordAt(text, at, delimiter);
    if (record === null) {
      if (strict) throw unclear(`Line ${count(lineAt(text, at))} has a quote that is not closed.`);
      record = lineByItself(text, at, delimiter);
    }
    records.push(record.cells);
    starts.push(at);
    at = record.next;
  }
  return { records, starts };
}

const lineAt = (text, at) => linesOf(text.slice(0, at)).length + 1;

/** Read one record; null where a quote is stray. */
function recordAt(text, from, delimiter) {
  const cells = [];
  let at = from;
  for (;;) {
    if (text[at] === '"') {
      const end = closing(text, at + 1);
      if (end < 0) return null;
      cells.push(text.slice(at + 1, end).replaceAll('""', '"'));
      at = end + 1;
      if (at < text.length && text[at] !== delimiter && text[at] !== "\r" && text[at] !== "\n") return null;
    } else {
      const end = plainEnd(text, at, delimiter);
      cells.push(text.slice(at, end));
      at = end;
    }
    if (text[at] !== delimiter) break;
    at += 1;
  }
  const next = at + (text[at] === "\r" && text[at + 1] === "\n" ? 2 : 1);
  return { cells: at === from ? [] : cells, next };
}

/** Find the quote that closes a field; -1 where none does. */
function closing(text, from) {
  for (let at = text.indexOf('"', from); at >= 0; at = text.indexOf('"', at + 2)) {
    if (text[at + 1] !== '"') return at;
  }
  return -1;
}

function plainEnd(text, from, delimiter) {
  let to = from;
  while (to < text.length && text[to] !== delimiter && text[to] !== "\n" && text[to] !== "\r") to += 1;
  return to;
}

function lineByItself(text, from, delimiter) {
  let end = from;
  while (end < text.length && text[end] !== "\n" && text[end] !== "\r") end += 1;
  const next = end + (text[end] === "\r" && text[end + 1] === "\n" ? 2 : 1);
  return { cells: byItself(text.slice(from, end), delimiter), next };
}

/** Read a line's fields; a quote that isn't closed in its field is a character. */
function byItself(line, delimiter) {
  const cells = [];
  let at = 0;
  while (at <= line.length) {
    const end = line[at] === '"' ? closing(line, at + 1) : -1;
    const quoted = end >= 0 && (end + 1 === line.length || line[end + 1] === delimiter);
    const stop = quoted ? end + 1 : plainEnd(line, at, delimiter);
    cells.push(quoted ? line.slice(at + 1, end).replaceAll('""', '"') : line.slice(at, stop));
    at = stop + 1;
  }
  return cells;
}

/** Tell whether a field is a quoted one behind spaces. */
const isPadded = (cell) => /^ +"/.test(cell);

/** Refuse quotes behind spaces, single quotes and backslashes where they may mean something. */
function refuseOtherQuotes(text, delimiter, broken) {
  const lines = linesOf(wholeLines(text, PROFILE));
  const marks = delimiter === NONE ? [",", ";", "|"] : [delimiter];
  const filled = lines.filter((line) => line.trim());
  for (const mark of marks) {
    const padded = filled.filter((line) => line.includes(`${mark} "`)).length;
    const spaced = filled.filter((line) => line.includes(`${mark} `)).length;
    if (2 * (broken ? spaced : delimiter === NONE ? padded : 0) >= lines.length && padded) throw unclear(`There are spaces between “${mark}” and quotes.`);
    const escaped = mark === "|" ? "\\|" : mark;
    const single = new RegExp(`(?:^|${escaped}) *'(?:.*[^\\\\])?' *(?:${escaped}|$)`);
    const double = lines.some((line) => line.startsWith('"') || line.includes(`${mark}"`));
    const found = filled.filter((line) => single.test(line.replace(/[\r\n]+$/, ""))).length;
    if (!double && found && found >= 0.9 * (filled.length - 1)) throw unclear("Its fields are in single quotes.");
  }
  const escape = [...marks, '"'].some((mark) => text.includes(`\\${mark}`));
  if (broken && escape) throw unclear("Its lines have different numbers of fields, and backslashes that may be escapes.");
}

/** Refuse a quote that has joined lines which are records by themselves. */
function refuseJoined(text, { records, starts }, delimiter) {
  const raw = (i) => text.slice(starts[i], starts[i + 1] ?? text.length);
  const early = linesOf(wholeLines(text, PROFILE));
  const single = records.map((record, i) => [record, i]).filter(([record, i]) => record.length
    && starts[i] < PROFILE && linesOf(raw(i)).length === 1);
  const opening = single.length > 1 && single.slice(1).every(([, i]) => text[starts[i]] === '"');
  const known = profiled(2 * single.length < early.length
    ? early.map((line) => byItself(line.replace(/[\r\n]+$/, ""), delimiter)) : single.map(([record]) => record));
  if (known.width < 2) return;
  records.forEach((record, i) => {
    if (!record.some((cell) => /[\r\n]/.test(cell))) return;
    const fit = linesOf(raw(i)).map((line) => (line.startsWith('"') || !opening)
      && fits(byItself(line.replace(/[\r\n]+$/, ""), delimiter), known, delimiter === "\t"));
    if (fit[0] && fit.at(-1) && 2 * fit.filter(Boolean).length > fit.length) {
      throw unclear(`A quote in line ${count(lineAt(text, starts[i]))} joins lines that look like rows of their own.`);
    }
  });
}

/** What records look like: their width, and the columns of numbers or of few values. */
function profiled(records) {
  const width = records.length ? widthOf(records) : 0;
  const uniform = records.filter((record) => record.length === width).slice(1);
  const columns = new Map();
  for (let i = 0; i < width && uniform.length; i += 1) {
    const cells = uniform.map((record) => record[i]);
    const values = new Set(cells);
    const words = [...values].reduce((all, value) => all + (value.trim() ? value.trim().split(/\s+/).length : 0), 0);
    if (cells.filter(isNumber).length >= 0.95 * cells.length) columns.set(i, isNumber);
    else if (values.size <= 100 && 2 * values.size <= cells.length && words <= 3 * values.size) columns.set(i, (cell) => values.has(cell));
  }
  return { width, columns };
}

function fits(cells, { width, columns }, byWidth) {
  return cells.length === width && [...columns].every(([i, known]) => known(cells[i])) && (byWidth || columns.size > 0);
}

/** Refuse what stands before the columns' names. */
function refuseOddBeginning(records, width) {
  const [first, ...others] = records;
  const named = others.slice(0, MOST_BEFORE).findIndex((record) => record.length === width && knownNames(record).length >= 2);
  if (first.length !== width) {
    throw unclear(`Its first line has ${counted(first.length, "field")}, most others have ${count(width)}.`);
  }
  if (!first.some((cell) => cell.trim()) || (named >= 0 && knownNames(first).length < 2)) {
    throw unclear("Its first line looks neither like the others nor like column names.");
  }
}

/** Make names for new columns that collide with none there: `predicted_label`, then `label_2`. */
export function freeNames(wanted, there) {
  const taken = new Set(there.map((name) => name.toLowerCase()));
  return wanted.map((name) => {
    let free = taken.has(name.toLowerCase()) ? `predicted_${name}` : name;
    for (let number = 2; taken.has(free.toLowerCase()); number += 1) free = `${name}_${number}`;
    taken.add(free.toLowerCase());
    return free;
  });
}

/**
 * Write records as CSV that spreadsheets read right: with a byte order mark, without which they
 * guess the encoding, and an apostrophe before whatever they would run as a formula.
 */
export function written(records) {
  return `\ufeff${records.map((record) => record.map(cellOf).join(",")).join("\r\n")}\r\n`;
}

function cellOf(value) {
  let cell = String(value);
  if (FORMULA.test(cell) && !isNumber(cell)) cell = `'${cell}`;
  return /[",\r\n]/.test(cell) ? `"${cell.replaceAll('"', '""')}"` : cell;
}
