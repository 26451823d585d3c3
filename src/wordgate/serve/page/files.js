// A file that was dropped or chosen, as a table: `{name, columns, records, remarks, hasNames}`.

import { delimiterOf, hasHeader, parse } from "./csv.js";
import { count, counted } from "./told.js";

const MOST_BYTES = 64 * 2 ** 20;
export const ACCEPTED = ".txt,.csv,.tsv,.jsonl,.ndjson";

/** Something about the file that the user can mend; its message says what. */
export class FileTrouble extends Error {}

/** Read a file into lines or records. */
export async function readFile(file) {
  const kind = file.name.toLowerCase().match(/\.(txt|csv|tsv|jsonl|ndjson)$/)?.[1];
  if (!kind) throw new FileTrouble(`“${file.name}” is none of .txt, .csv, .tsv and .jsonl, which this page reads.`);
  if (file.size > MOST_BYTES) {
    throw new FileTrouble(`“${file.name}” has ${count(Math.round(file.size / 2 ** 20))} MB; this page reads up to 64.`
      + " In a terminal, wordgate score does files of any size.");
  }
  const { text, remarks } = decoded(await file.arrayBuffer());
  const made = { txt: fromLines, csv: fromDelimited, tsv: fromDelimited, jsonl: fromJson, ndjson: fromJson }[kind](text, kind);
  if (made.records.length === 0) throw new FileTrouble(`“${file.name}” holds no texts.`);
  made.remarks.unshift(...remarks);
  return { name: file.name, ...made };
}

function decoded(bytes) {
  const head = new Uint8Array(bytes.slice(0, 2));
  if (head[0] === 0xff && head[1] === 0xfe) return { text: new TextDecoder("utf-16le").decode(bytes), remarks: [] };
  if (head[0] === 0xfe && head[1] === 0xff) return { text: new TextDecoder("utf-16be").decode(bytes), remarks: [] };
  try {
    return { text: new TextDecoder("utf-8", { fatal: true }).decode(bytes), remarks: [] };
  } catch {
    return {
      text: new TextDecoder("windows-1252").decode(bytes),
      remarks: ["The file isn't UTF-8; it was read as Windows-1252. If accents look wrong, save it as UTF-8."],
    };
  }
}

/** Take each line that isn't blank as a text. */
export function fromLines(text) {
  const lines = text.split(/\r\n|\n|\r/);
  const records = lines.filter((line) => line.trim() !== "").map((line) => [line]);
  if (lines.at(-1) === "") lines.pop();
  const blank = lines.length - records.length;
  return { columns: ["text"], records, hasNames: null, remarks: blank ? [`Left out: ${counted(blank, "blank line")}.`] : [] };
}

function fromDelimited(text, kind) {
  const records = parse(text, kind === "tsv" ? "\t" : delimiterOf(text));
  return { ...named(records, hasHeader(records)), remarks: [] };
}

/** Take the first record for the columns' names, or give them numbers. */
export function named(all, hasNames) {
  const width = all.reduce((most, record) => Math.max(most, record.length), 0);
  const first = hasNames ? all[0] : [];
  const columns = Array.from({ length: width }, (_, i) => first[i]?.trim() || `column ${i + 1}`);
  return { all, columns, hasNames, records: hasNames ? all.slice(1) : all };
}

function fromJson(text) {
  const objects = [];
  text.split("\n").forEach((line, i) => {
    if (line.trim() === "") return;
    let value;
    try {
      value = JSON.parse(line);
    } catch {
      throw new FileTrouble(`Line ${count(i + 1)} isn't JSON. A .jsonl file has one object or string a line.`);
    }
    if (typeof value === "string") value = { text: value };
    if (value === null || typeof value !== "object" || Array.isArray(value)) {
      throw new FileTrouble(`Line ${count(i + 1)} is neither a JSON object nor a string.`);
    }
    objects.push(value);
  });
  const columns = [...new Set(objects.flatMap((one) => Object.keys(one)))];
  const cell = (value) => (typeof value === "string" ? value : value === undefined || value === null ? "" : JSON.stringify(value));
  return { columns, records: objects.map((one) => columns.map((name) => cell(one[name]))), hasNames: null, remarks: [] };
}
