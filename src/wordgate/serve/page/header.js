// Names of columns: whether the first record holds them, and which column holds the texts. The rules
// and the names are those of tables/header.py and data/roles.py.

export const TEXT_NAMES = ["text", "texts", "tweet", "tweets", "twit", "review", "reviews", "sentence", "message",
  "content", "comment", "body", "post", "utterance", "document", "query", "question",
  "headline", "title", "description", "phrase", "snippet", "sms"];
export const LABEL_NAMES = ["label", "labels", "sentiment", "target", "class", "category", "polarity", "emotion",
  "intent", "rating", "stars", "score", "y"];
export const GROUP_NAMES = ["group", "groups", "id", "ids", "uid", "uuid", "guid", "no", "number", "thread",
  "conversation", "session", "user", "username", "author", "customer"];
export const SPLIT_NAMES = ["split", "part", "fold", "subset"];
const KNOWN = new Set([...TEXT_NAMES, ...LABEL_NAMES, ...GROUP_NAMES, ...SPLIT_NAMES]);
const NUMBER = /^[-+]?(\d+(\.\d*)?|\.\d+)(e[-+]?\d+)?$/i;
const SAMPLE = 2000; // records that tell

export const isNumber = (cell) => NUMBER.test(cell.trim());

/** What names have in common that are the same, but for spaces and form. */
export const nameKey = (name) => name.replace(/^[\u200b\ufeff \t\r\n\xa0]+|[\u200b\ufeff \t\r\n\xa0]+$/g, "").normalize("NFC");

/** The cells that are known names of columns. */
export const knownNames = (cells) => cells.filter((cell) => KNOWN.has(nameKey(cell).toLowerCase()));

/** Tell whether a name, or its last word, is one of these. */
function isCalled(name, known) {
  if (known.includes(nameKey(name).toLowerCase())) return true;
  return known.includes(name.match(/[A-Z]?[a-z]+|[A-Z]+|\d+/g)?.at(-1).toLowerCase());
}

/**
 * Judge the first record by what stands below it.
 * @param {string[][]} rest The others, each as long as the first.
 * @param {string[]} given Names of columns that the model knows.
 * @returns {{header: boolean, doubt: string}} Whether it names columns; a remark where nothing tells.
 */
export function hasHeader(first, rest, given = []) {
  const cells = first.map((cell) => cell.trim());
  const keys = given.map(nameKey);
  if (cells.some((cell) => cell && keys.includes(nameKey(cell)))) return { header: true, doubt: "" };
  let others = rest.slice(0, SAMPLE);
  const known = knownNames(cells).length;
  if (cells.length > 1 && known) others = others.filter((other) => other.some((cell, i) => cell !== first[i]));
  const below = cells.map((_, i) => others.map((record) => record[i].trim()));
  const found = numbersBelow(cells, below, true) ?? longCell(cells) ?? (known >= 2 ? true : null)
    ?? recurs(cells, below) ?? (known ? true : null) ?? numbersBelow(cells, below, false) ?? headsFew(cells, below);
  const doubt = found === null ? "It is unclear whether the first row contains column names; it is read as a text." : "";
  return { header: found ?? false, doubt };
}

/** Compare the kind of a first cell with that of its column, where that is numeric. */
function numbersBelow(cells, below, firstIsNumber) {
  const isKnown = cells.some((cell, i) => {
    const filled = below[i].filter(Boolean);
    return cell && filled.length && isNumber(cell) === firstIsNumber && filled.filter(isNumber).length >= 0.95 * filled.length;
  });
  return isKnown ? !firstIsNumber : null;
}

const longCell = (cells) => (cells.some((cell) => words(cell) > 8 || [...cell].length > 60) ? false : null);

const recurs = (cells, below) => (cells.some((cell, i) => cell && below[i].includes(cell)) ? false : null);

/** Look for a first cell foreign to its column of few values, each standing often. */
function headsFew(cells, below) {
  const filled = cells.filter(Boolean);
  if (new Set(filled).size < filled.length) return null;
  const isKnown = cells.some((cell, i) => {
    const values = new Set(below[i]);
    return cell && values.size && below[i].length >= 3 * values.size && !values.has(cell) && values.size <= 20;
  });
  return isKnown || null;
}

const words = (cell) => (cell.trim() ? cell.trim().split(/\s+/).length : 0);

/**
 * Find the column of the texts: by a telling name, or by the longest texts.
 * @param {string[] | null} names Of the columns; null where they have none.
 * @returns {{column: number, why: string}} Its place; -1 where none stands out, and why.
 */
export function textColumn(names, records) {
  const width = names?.length ?? records[0].length;
  const columns = Array.from({ length: width }, (_, i) => profiled(i, names?.[i] ?? "", records));
  const candidates = couldBeText(columns, records.length).sort((a, b) => b.score - a.score);
  if (!candidates.length) return { column: -1, why: "No column contains words." };
  const [best, next] = candidates;
  if (!best.isText && next && next.score > 0.75 * best.score) {
    return { column: -1, why: "Several columns could hold the texts." };
  }
  return { column: best.index, why: "" };
}

function profiled(index, name, records) {
  const cells = records.map((record) => record[index] ?? "").filter(Boolean);
  const stride = Math.max(1, Math.floor(cells.length / SAMPLE));
  const sample = cells.filter((_, i) => i % stride === 0);
  const distinct = new Set(cells).size;
  const length = sample.reduce((sum, cell) => sum + wordsRead(cell), 0) / Math.max(1, sample.length);
  const few = distinct <= 20 || 2 * distinct <= cells.length;
  return {
    index, n: cells.length,
    numeric: sample.length > 0 && sample.filter(isNumber).length >= 0.95 * sample.length,
    score: length * Math.sqrt(distinct / Math.max(1, cells.length)),
    isText: isCalled(name, TEXT_NAMES),
    isLabel: isCalled(name, LABEL_NAMES) && distinct > 0 && distinct <= 100 && few && length <= 6,
  };
}

/** The words of a cell; two characters count for one in scripts without spaces. */
function wordsRead(cell) {
  const n = words(cell);
  return n > 1 || /^[\x00-\x7f]*$/.test(cell) ? n : Math.max(n, [...cell].length / 2);
}

/** The columns of words that go first: by name, then by shape, and empty ones after all. */
function couldBeText(columns, n) {
  const filled = columns.filter((one) => one.n && !one.numeric);
  const others = filled.filter((one) => !one.isLabel);
  const orders = [
    filled.filter((one) => one.isText), others.filter((one) => one.n >= 0.1 * n), others,
    columns.filter((one) => one.isText && !one.n), filled,
  ];
  return orders.find((order) => order.length) ?? [];
}
