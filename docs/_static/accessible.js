// What the theme leaves open for people without a mouse, or without sight: levels of headings, names
// of landmarks, and the keyboard's way into what scrolls.

function open() {
  const set = (selector, attributes) => document.querySelectorAll(selector).forEach((one) => {
    for (const [name, value] of Object.entries(attributes)) one.setAttribute(name, value);
  });
  set("p.caption[role=heading]", { "aria-level": "2" });
  set("aside.sidebar-drawer", { "aria-label": "Site" });
  set("aside.toc-drawer", { "aria-label": "On this page" });
  set(".content-icon-container", { role: "region", "aria-label": "This page's source" });
  set(".highlight pre, .table-wrapper", { tabindex: "0" });
}

document.readyState === "loading" ? document.addEventListener("DOMContentLoaded", open) : open();
