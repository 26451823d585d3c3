// The one tooltip: beside what is pointed at, inside the window, and scrolled with it. Screen readers
// hear what it says elsewhere.

import { fill, find, styled } from "./dom.js";

const GAP = 12;

/** Show the tip above a box of the window, or below where there is no room. */
export function showTip(box, ...content) {
  const tip = find("tip");
  fill(tip, ...content);
  tip.hidden = false;
  const { offsetWidth: width, offsetHeight: height } = tip;
  const room = document.documentElement.clientWidth;
  const left = Math.min(Math.max(8, (box.left + box.right - width) / 2), Math.max(8, room - width - 8));
  const above = box.top - height - GAP;
  placed(tip, left, above >= 8 ? above : box.bottom + GAP);
}

/** Show the tip beside a box, on whichever side there is room; above where there is none. */
export function showTipBeside(box, ...content) {
  showTip(box, ...content);
  const tip = find("tip");
  const { offsetWidth: width, offsetHeight: height } = tip;
  const room = document.documentElement.clientWidth;
  const fits = { right: box.right + GAP, left: box.left - GAP - width };
  const left = fits.right + width + 8 <= room ? fits.right : fits.left;
  if (left < 8) return;
  const top = Math.min(Math.max(8, box.top), window.innerHeight - height - 8);
  placed(tip, left, Math.max(8, top));
}

/** Put the tip at a place of the window. */
function placed(tip, left, top) {
  styled(tip, { left: `${left + window.scrollX}px`, top: `${top + window.scrollY}px` });
}

export function hideTip() {
  find("tip").hidden = true;
}
