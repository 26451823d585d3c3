// Numbers and words as people read them.

const COUNT = new Intl.NumberFormat("en");

export const count = (n) => COUNT.format(n);

/** Say a count with its noun: "1 text", "2,000 texts". */
export const counted = (n, noun) => `${count(n)} ${noun}${n === 1 ? "" : "s"}`;

/** A probability in percent; what isn't quite none or all doesn't read as none or all. */
export function percent(p) {
  if (p > 0 && p < 0.005) return "<1%";
  if (p < 1 && p >= 0.995) return ">99%";
  return `${Math.round(100 * p)}%`;
}

/** A share to a tenth of a percent, as scores are given. */
export const exactly = (p) => `${(100 * p).toFixed(1)}%`;

/** A change of a probability in points, with its sign: "+31", "−5". */
export function points(change) {
  const rounded = Math.round(100 * change);
  if (rounded === 0) return "±0";
  return `${rounded > 0 ? "+" : "−"}${Math.abs(rounded)}`;
}

/** Say what leaving a word out does to the verdict. */
export function effectText(word, label) {
  const size = Math.abs(Math.round(100 * word.effect));
  if (size === 0) return `Without it, ${label} would change by less than a point.`;
  return `Without it, ${label} would ${word.effect > 0 ? "fall" : "rise"} by ${counted(size, "point")}.`;
}

/** The most probable label; of two alike the first, as the server has it. */
export function best(labels, probabilities) {
  return labels.reduce((top, label) => (probabilities[label] > probabilities[top] ? label : top));
}

/** Cut what is long, between letters and never inside an emoji. */
export function shortened(text, most) {
  if (text.length <= most) return text;
  const letters = [...new Intl.Segmenter().segment(text)].map((one) => one.segment);
  return letters.length <= most ? text : `${letters.slice(0, most - 1).join("")}…`;
}

/** Tell which way a text runs, by its first letter that runs in one. */
export function direction(text) {
  const letter = text.match(/\p{L}/u);
  return letter && /[\p{Script=Hebrew}\p{Script=Arabic}\p{Script=Syriac}\p{Script=Thaana}\p{Script=Nko}]/u
    .test(letter[0]) ? "rtl" : "ltr";
}
