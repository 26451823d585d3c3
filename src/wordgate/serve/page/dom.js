// Elements, made by hand. Styles are set by CSSOM alone, so that the page can forbid inline ones.

const SVG = "http://www.w3.org/2000/svg";

/** Make an HTML element; `given` holds attributes, `on...` listeners and `style`, an object. */
export function el(tag, given = {}, ...children) {
  return furnished(document.createElement(tag), given, children);
}

/** Make an SVG element. */
export function svg(tag, given = {}, ...children) {
  return furnished(document.createElementNS(SVG, tag), given, children);
}

function furnished(made, given, children) {
  for (const [name, value] of Object.entries(given)) {
    if (value === null || value === undefined || value === false) continue;
    if (name.startsWith("on")) made.addEventListener(name.slice(2), value);
    else if (name === "style") styled(made, value);
    else made.setAttribute(name, value === true ? "" : value);
  }
  made.append(...children.flat(Infinity).filter((child) => child !== null && child !== undefined));
  return made;
}

/** Set styles and custom properties. */
export function styled(made, styles) {
  for (const [name, value] of Object.entries(styles)) made.style.setProperty(name, value);
  return made;
}

export const find = (id) => document.getElementById(id);

/** Put these in place of all that an element holds. */
export function fill(holder, ...children) {
  holder.replaceChildren(...children.flat(Infinity).filter((child) => child !== null && child !== undefined));
  return holder;
}
