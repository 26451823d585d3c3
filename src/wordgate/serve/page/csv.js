// Tables as text: CSV and its kin read as RFC 4180 has them, and written for spreadsheets.

const TEXT_NAMES = ["text", "texts", "tweet", "tweets", "review", "reviews", "sentence", "message",
  "content", "comment", "body", "post", "document", "title", "description", "phrase", "sms"];
const KNOWN_NAMES = new Set([...TEXT_NAMES, "label", "labels", "sentiment", "target", "class",
  "category", "id", "ids", "user", "author", "group", "date", "topic", "entity", "split"]);
const NUMBER = /^[-+]?(\d+\.?\d*|\.\d+)(e[-+]?\d+)?$/i;
// What a spreadsheet takes for the beginning of a formula, or passes over before one.
const FORMULA = /^[=+\-@\t\r\n]/;

const isNumber = (cell) => NUMBER.test(cell.trim());

/**
 * Read delimited text: quotes, doubled quotes, delimiters and line ends inside quotes.
 * @returns {string[][]} The records; lines without any character are none.
 */
export function parse(text, delimiter) {
  const records = [];
  let record = [];
  let at = 0;
  while (at < text.length) {
    const [cell, next] = text[at] === '"' ? quoted(text, at, delimiter) : plain(text, at, delimiter);
    record.push(cell);
    at = next;
    if (text[at] === delimiter) {
      at += 1;
      if (at === text.length) record.push("");
      else continue;
    }
    at += text[at] === "\r" && text[at + 1] === "\n" ? 2 : 1;
    if (record.length > 1 || record[0] !== "") records.push(record);
    record = [];
  }
  return records;
}

function plain(text, from, delimiter) {
  let to = from;
  while (to < text.length && text[to] !== delimiter && text[to] !== "\n" && text[to] !== "\r") to += 1;
  return [text.slice(from, to), to];
}

function quoted(text, from, delimiter) {
  let cell = "";
  let at = from + 1;
  for (;;) {
    const end = text.indexOf('"', at);
    if (end < 0) return [cell + text.slice(at), text.length]; // never closed: the rest is the cell
    cell += text.slice(at, end);
    if (text[end + 1] !== '"') {
      const [rest, next] = plain(text, end + 1, delimiter); // `"a"b`, which nobody should write
      return [cell + rest, next];
    }
    cell += '"';
    at = end + 2;
  }
}

/** Find what separates the cells: what cuts the first lines into equally many, and most. */
export function delimiterOf(text) {
  const head = text.slice(0, 100_000);
  const score = (delimiter) => {
    const widths = parse(head, delimiter).slice(0, 20).map((record) => record.length);
    if (widths.length > 2 && head.length < text.length) widths.pop();
    const alike = widths.filter((width) => width === widths[0]).length / (widths.length || 1);
    return widths[0] > 1 ? alike + widths[0] / 1000 : 0;
  };
  return [",", ";", "\t", "|"].reduce((top, one) => (score(one) > score(top) ? one : top));
}

/** Guess whether the first record names the columns. */
export function hasHeader(records) {
  const [first, ...rest] = records.slice(0, 30);
  if (!first || first.some((cell) => isNumber(cell) || cell.length > 60)) return false;
  if (first.some((cell) => KNOWN_NAMES.has(cell.trim().toLowerCase()))) return true;
  return rest.length > 0 && first.some((_, i) => rest.every((record) => isNumber(record[i] ?? "")));
}

/** Guess where the texts are: by a telling name, or by the longest cells. */
export function textColumn(names, records) {
  const telling = TEXT_NAMES.map((name) => names.findIndex((one) => one.trim().toLowerCase() === name));
  const named = telling.find((i) => i >= 0);
  if (named !== undefined) return named;
  const sample = records.slice(0, 200);
  const lengths = names.map((_, i) => sample.reduce((sum, record) => sum + (record[i] ?? "").length, 0));
  return lengths.indexOf(Math.max(...lengths));
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
 * Write records as CSV that spreadsheets read right: with a byte-order mark, without which they
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
