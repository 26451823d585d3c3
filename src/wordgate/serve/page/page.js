// The page: asks for the model, then joins its parts.

import { askPatiently, failureText, onKeyNeeded } from "./api.js";
import { showCard, showLede } from "./card.js";
import { el, fill, find } from "./dom.js";
import { ManyTexts } from "./many.js";
import { FIRST, OneText } from "./one.js";
import { Abstention } from "./abstention.js";

onKeyNeeded(askForKey);
start();

async function start() {
  try {
    const model = await askPatiently("v1/model", undefined, { waiting: (error, pause) => say(failureText(error, pause)) });
    say("");
    opened(model);
  } catch (error) {
    say(failureText(error), el("button", { type: "button", class: "again", onclick: () => start() }, "Retry"));
    fill(find("card"), el("p", { class: "soft" }, failureText(error)));
  }
}

function opened(model) {
  showLede(model);
  showCard(model);
  const abstention = new Abstention(model);
  const one = new OneText(model, abstention);
  new ManyTexts(model, abstention);
  if (find("text").value === "") one.write(FIRST); // a browser may have kept what was typed before
  else one.typed();
  document.documentElement.classList.add("ready");
}

function say(words, ...more) {
  fill(find("text-status"), words, more);
  find("text-status").classList.toggle("trouble", words !== "");
}

/** Ask for the server's key; null where the user has none. */
function askForKey(wrong) {
  const dialog = find("key");
  const input = find("key-value");
  if (wrong) find("key-why").textContent = "This key is wrong. Ask the operator of this server.";
  input.value = "";
  return new Promise((resolve) => {
    dialog.returnValue = "";
    find("key-cancel").onclick = () => dialog.close("");
    dialog.onclose = () => resolve(dialog.returnValue === "use" && input.value ? input.value : null);
    dialog.showModal();
    input.focus();
  });
}
