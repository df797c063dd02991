// Keeps what came in at a test address up to date, by the template that made the page.
"use strict";

(() => {
  const state = document.getElementById("live-state");
  if (!state || !state.dataset.part) return;

  const PAUSE = 2000;

  async function look() {
    try {
      const answer = await fetch(state.dataset.part, { headers: { Accept: "text/html" } });
      if (answer.redirected || !answer.ok) return say("lost", "Reload this page to see more.");
      const page = new DOMParser().parseFromString(await answer.text(), "text/html");
      const part = page.getElementById("requests");
      if (!part) return say("lost", "Reload this page to see more.");
      put(part);
      if (!part.dataset.listening) return say("ended", "It listens no more.");
      say("live", "Listening");
    } catch {
      say("lost", "Connecting again…");
    }
    setTimeout(look, PAUSE);
  }

  // What the reader opened or closed stays so.
  function put(part) {
    const old = document.getElementById("requests");
    if (old.innerHTML === part.innerHTML) return;
    for (const details of part.querySelectorAll("details[id]")) {
      const known = document.getElementById(details.id);
      if (known) details.open = known.open;
    }
    old.replaceWith(part);
  }

  function say(kind, text) {
    if (state.textContent === text) return;
    state.className = `live-state live-${kind}`;
    state.textContent = text;
  }

  look();
})();
