// Keeps an execution's page up to date. The server sends the changed parts of the page as HTML,
// made by the templates that made the page; here they are put in their places, by id.
"use strict";

(() => {
  const state = document.getElementById("live-state");
  if (!state || !state.dataset.live) return;

  const REFUSED = { 4403: "You may no longer see this execution.",
                    4404: "This execution is no longer there." };
  let after = Number(state.dataset.after);

  function take(batch) {
    for (const event of batch.events) after = Math.max(after, event.seq);
    document.title = batch.status + document.title.slice(document.title.indexOf(" · "));
    if (batch.html) put(new DOMParser().parseFromString(batch.html, "text/html").body);
    return batch.ended;
  }

  function put(fragment) {
    const list = document.getElementById("events");
    const atEnd = list.scrollHeight - list.scrollTop - list.clientHeight < 40;
    for (const part of [...fragment.querySelectorAll("summary[id]"), ...fragment.children]) {
      if (!part.id) continue;
      const old = document.getElementById(part.id);
      if (old) replace(old, part);
      else if (part.dataset.into) document.getElementById(part.dataset.into).append(part);
    }
    if (atEnd) list.scrollTop = list.scrollHeight;
  }

  // What the reader opened stays open, and the focus stays where it is.
  function replace(old, part) {
    for (const details of part.querySelectorAll("details[id]")) {
      const known = document.getElementById(details.id);
      if (known) details.open = known.open;
    }
    // What it turns out to need, or to have failed by, is shown at once.
    if ("open" in part.dataset && !("open" in old.dataset)) old.closest("details").open = true;
    const focused = old.contains(document.activeElement) ? place(document.activeElement) : "";
    old.replaceWith(part);
    if (focused === ".") part.focus({ preventScroll: true });
    else if (focused) part.querySelector(focused)?.focus({ preventScroll: true });

    function place(element) {
      if (element === old) return ".";
      if (element.hasAttribute("href")) return `[href="${element.getAttribute("href")}"]`;
      return element.parentElement.id ? `#${element.parentElement.id} > ${element.localName}` : "";
    }
  }

  function tick() {
    for (const clock of document.querySelectorAll("[data-since]")) {
      const passed = Math.max(0, Math.floor((Date.now() - Date.parse(clock.dataset.since)) / 1000));
      const seconds = String(passed % 60).padStart(2, "0");
      clock.textContent = passed < 60 ? `${passed} s` : `${Math.floor(passed / 60)} min ${seconds} s`;
    }
  }

  followSocket(() => `after=${after}`, take, REFUSED);
  setInterval(tick, 1000);
})();
