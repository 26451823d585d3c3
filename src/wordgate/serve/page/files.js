// A file that was dropped or chosen, as a table: `{name, columns, records, troubles, remarks, hasNames}`.

import { FileTrouble, readTable, troubleOf } from "./csv.js";
import { count, counted } from "./format.js";

const MOST_BYTES = 64 * 2 ** 20;
const HEAD = 65_536; // bytes that tell whether a file is text
export const ACCEPTED = ".txt,.csv,.tsv,.jsonl,.ndjson";

/** What a file that isn't UTF-8 may be: names for TextDecoder, and for people. */
export const ENCODINGS = {
  "windows-1252": "Western European (Windows-1252)", "windows-1250": "Central European (Windows-1250)",
  "windows-1251": "Cyrillic (Windows-1251)", "windows-1253": "Greek (Windows-1253)", "windows-1254": "Turkish (Windows-1254)",
  "windows-1255": "Hebrew (Windows-1255)", "windows-1256": "Arabic (Windows-1256)", gb18030: "Chinese (GB 18030)",
  big5: "Chinese (Big5)", shift_jis: "Japanese (Shift JIS)", "euc-jp": "Japanese (EUC-JP)", "iso-2022-jp": "Japanese (ISO-2022-JP)",
  "euc-kr": "Korean (EUC-KR)", "utf-8": "UTF-8, invalid bytes as �",
};

export { FileTrouble };

/** Nothing tells a file's encoding: the user has to. */
export class EncodingUnknown extends Error {}

/**
 * Read a file into lines or records.
 * @param {object} options `encoding`, where the user has chosen one of `ENCODINGS`; `given`, names of
 *   columns that the model knows.
 * @throws {FileTrouble | EncodingUnknown}
 */
export async function readFile(file, { encoding = null, given = [] } = {}) {
  const kind = file.name.toLowerCase().match(/\.(txt|csv|tsv|jsonl|ndjson)$/)?.[1];
  if (!kind) throw new FileTrouble(`“${file.name}” is not a .txt, .csv, .tsv or .jsonl file; this page reads no others.`);
  if (file.size > MOST_BYTES) {
    throw new FileTrouble(`“${file.name}” has ${count(Math.round(file.size / 2 ** 20))} MB; this page reads up to 64.`
      + " In a terminal, wordgate score reads files of any size.");
  }
  const text = decoded(await file.arrayBuffer(), encoding, file.name);
  const made = { txt: fromLines, csv: fromDelimited, tsv: fromDelimited, jsonl: fromJson, ndjson: fromJson }[kind](text, given);
  if (made.records.length === 0) throw new FileTrouble(`“${file.name}” contains no texts.`);
  return { name: file.name, file, encoding, troubles: [], ...made };
}

/** Decode as the byte order mark says, as UTF-8 where it fits, or as the user says. */
function decoded(bytes, encoding, name) {
  const head = new Uint8Array(bytes.slice(0, HEAD));
  const begins = (...mark) => mark.every((byte, i) => head[i] === byte);
  if (begins(0xff, 0xfe, 0, 0) || begins(0, 0, 0xfe, 0xff)) throw new FileTrouble(`“${name}” is UTF-32: save it as UTF-8.`);
  if (begins(0xff, 0xfe)) return new TextDecoder("utf-16le").decode(bytes);
  if (begins(0xfe, 0xff)) return new TextDecoder("utf-16be").decode(bytes);
  const rare = head.filter((byte) => byte < 7 || (byte > 13 && byte < 32 && byte !== 27)).length;
  if (rare > 0.02 * head.length) throw new FileTrouble(`“${name}” is not text, or is UTF-16 without a byte order mark: save it as UTF-8.`);
  if (encoding !== null) return new TextDecoder(encoding).decode(bytes);
  try {
    const text = new TextDecoder("utf-8", { fatal: true }).decode(bytes);
    if (!text.includes("\u001b$")) return text; // which begins Japanese or Korean in seven bits
  } catch { /* some other encoding */ }
  throw new EncodingUnknown();
}

/** Take each line that isn't blank as a text. */
export function fromLines(text) {
  const lines = text.split(/\r\n|\n|\r/);
  const records = lines.filter((line) => line.trim() !== "").map((line) => [line]);
  if (lines.at(-1) === "") lines.pop();
  const blank = lines.length - records.length;
  return { columns: ["text"], records, hasNames: null, remarks: blank ? [`Left out: ${counted(blank, "blank line")}.`] : [] };
}

function fromDelimited(text, given) {
  const { all, width, hasNames, doubt } = readTable(text, given);
  return { ...named(all, width, hasNames), remarks: doubt ? [doubt] : [] };
}

/** Take the first record for the columns' names, or give them numbers. */
export function named(all, width, hasNames) {
  const names = hasNames ? all[0].map((cell) => cell.trim()) : [];
  const columns = Array.from({ length: width }, (_, i) => names[i] || `column ${i + 1}`);
  const records = hasNames ? all.slice(1) : all;
  const troubles = [];
  records.forEach((record, i) => {
    const trouble = troubleOf(record, width, names);
    if (trouble) troubles[i] = trouble;
  });
  return { all, width, columns, hasNames, records, troubles };
}

function fromJson(text) {
  const objects = [];
  text.split("\n").forEach((line, i) => {
    if (line.trim() === "") return;
    let value;
    try {
      value = JSON.parse(line);
    } catch {
      throw new FileTrouble(`Line ${count(i + 1)} is not JSON. A .jsonl file has one object or string per line.`);
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
