// The text as it was written, each word coloured by what it does to the verdict.

import { el, fill } from "./dom.js";

/** Draw the text; `point(place)` is told which word is pointed at or focused, null for none. */
export function drawSentence(holder, reading, point) {
  const spans = reading.words.map((word, place) => span(reading, word, place));
  const pieces = [];
  let at = 0;
  reading.words.forEach((word, place) => {
    pieces.push(reading.between(at, word.start), spans[place]);
    at = word.end;
  });
  pieces.push(reading.between(at, reading.letters.length));
  fill(holder, el("p", {
    dir: "auto", role: "group", "aria-label": "Your text; the arrow keys move from word to word",
    onpointerover: (event) => pointed(event, point),
    onpointerleave: () => point(null),
    onfocusin: (event) => pointed(event, point),
    onfocusout: () => point(null),
    onkeydown: (event) => moved(event, spans),
  }, pieces));
  return (place) => spans.forEach((one, i) => one.classList.toggle("pointed", i === place));
}

function span(reading, word, place) {
  const side = reading.side(word);
  const whole = word.end - word.start <= 24; // such a word stands on one line, with its mark
  return el("span", {
    class: `word ${side}${word.known ? "" : " unknown"}${whole ? " whole" : ""}`, tabindex: place === 0 ? 0 : -1, "data-place": place,
    style: {
      "--class": reading.favoured(word).colour,
      "--tint": `${Math.round(6 + 30 * reading.strength(word))}%`,
      "--line": `${(1.5 + 2.5 * reading.strength(word)).toFixed(1)}px`,
    },
  }, reading.spelled(word));
}

function pointed(event, point) {
  const one = event.target.closest?.("[data-place]");
  if (one) point(Number(one.dataset.place), one);
  else if (event.type === "pointerover") point(null);
}

function moved(event, spans) {
  const now = spans.indexOf(document.activeElement);
  const next = step(event.key, now, spans.length - 1, 0, getComputedStyle(event.currentTarget).direction === "rtl");
  if (now < 0 || next === null) return;
  event.preventDefault();
  spans[now].tabIndex = -1;
  spans[next].tabIndex = 0;
  spans[next].focus();
}

/** Give the place a key leads to, from `first` to `last`; null where it leads nowhere. */
export function step(key, now, last, first, rightToLeft) {
  const forward = rightToLeft ? "ArrowLeft" : "ArrowRight";
  const back = rightToLeft ? "ArrowRight" : "ArrowLeft";
  if (key === forward || key === "ArrowDown") return Math.min(last, now + 1);
  if (key === back || key === "ArrowUp") return Math.max(first, now - 1);
  if (key === "Home") return first;
  if (key === "End") return last;
  return null;
}
