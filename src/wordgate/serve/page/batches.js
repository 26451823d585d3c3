// Many texts, sent in chunks that keep the server's limits.

import { askPatiently } from "./api.js";

const MOST_AT_ONCE = 256; // of texts: so that progress shows
const TRIES = 6;
const ROOM = 64; // bytes of a body besides its texts
const BYTES = new TextEncoder();
// White space, controls, and what Unicode calls default ignorable: as tables/values.py has it.
const INVISIBLE = /^[\s\x00-\x1f\x7f-\x9f\xad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180f\u200b-\u200f\u202a-\u202e\u2060-\u206f\u2800\u3164\ufe00-\ufe0f\ufeff\uffa0\u{e0000}-\u{e0fff}]*$/u;

/** Tell whether a text has no visible character, and so no label. */
export const isEmpty = (text) => INVISIBLE.test(text);

/**
 * Ask for every text's probabilities.
 * @param {string[]} texts
 * @param {object} limits What /v1/model says: max_texts, max_text_length, max_body_bytes.
 * @param {(at: number, answer: object) => void} answered Told each text's answer:
 *   `{probabilities}`, or `{trouble}` where this one text can't be answered.
 * @param {string[]} troubles What is known already to keep a text from being answered, by place.
 */
export async function askMany(texts, limits, { signal, answered, waiting, from = 0, troubles = [] }) {
  const most = limits?.max_text_length ?? Infinity;
  const troubleAt = (at) => troubles[at] || troubleOf(texts[at], most);
  let at = from;
  while (at < texts.length) {
    signal.throwIfAborted();
    const trouble = troubleAt(at);
    if (trouble) {
      answered(at, { trouble });
      at += 1;
      continue;
    }
    const end = chunkEnd(texts, at, limits, troubleAt);
    await askSome(texts, at, end, { signal, answered, waiting });
    at = end;
  }
}

/** Ask for some; where the server finds them too many or too slow, for half of them at a time. */
async function askSome(texts, from, to, options) {
  try {
    const body = { texts: texts.slice(from, to) };
    const { predictions } = await askPatiently("v1/predict", body, { signal: options.signal, waiting: options.waiting, tries: TRIES });
    predictions.forEach((one, i) => options.answered(from + i, { probabilities: one.probabilities }));
  } catch (error) {
    if (![413, 422, 504].includes(error.status)) throw error;
    if (to - from === 1) return options.answered(from, { trouble: error.message });
    const middle = (from + to) >> 1;
    await askSome(texts, from, middle, options);
    await askSome(texts, middle, to, options);
  }
  return undefined;
}

/** Say why a text can't be answered, whatever the model; "" where it can. */
function troubleOf(text, most) {
  if (isEmpty(text)) return "the text is empty";
  return longer(text, most) ? "too long for this server" : "";
}

function chunkEnd(texts, from, limits, troubleAt) {
  const fewest = Math.min(MOST_AT_ONCE, limits?.max_texts ?? MOST_AT_ONCE);
  const room = (limits?.max_body_bytes ?? Infinity) - ROOM;
  let bytes = 0;
  let end = from;
  while (end < texts.length && end - from < fewest && !troubleAt(end)) {
    bytes += BYTES.encode(JSON.stringify(texts[end])).length + 1;
    if (bytes > room && end > from) break;
    end += 1;
  }
  return end;
}

/** Tell whether a text has more characters than allowed; most are so short that nobody counts. */
function longer(text, most) {
  return text.length > most && Array.from(text).length > most;
}
