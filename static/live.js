// Keeps an execution's page up to date. The server sends the changed parts of the page as HTML,
// made by the templates that made the page; here they are put in their places, by id.
"use strict";

(() => {
  const state = document.getElementById("live-state");
  if (!state || !state.dataset.live) return;

  const FIRST_WAIT = 500;
  const LONGEST_WAIT = 10000;
  const REFUSED = { 4401: "You are logged out. Log in again and reload this page.",
                    4403: "You may no longer see this execution.",
                    4404: "This execution is no longer there." };
  let after = Number(state.dataset.after);
  let wait = FIRST_WAIT;
  let ended = false;

  function connect() {
    const scheme = location.protocol === "https:" ? "wss:" : "ws:";
    const socket = new WebSocket(`${scheme}//${location.host}${state.dataset.live}?after=${after}`);
    socket.onopen = () => say("live", "Live");
    socket.onmessage = (message) => { wait = FIRST_WAIT; take(JSON.parse(message.data)); };
    socket.onclose = (close) => {
      if (ended) return say("ended", "");
      if (REFUSED[close.code]) return say("lost", REFUSED[close.code]);
      say("lost", "Connecting again…");
      setTimeout(connect, wait * (0.5 + Math.random()));
      wait = Math.min(wait * 2, LONGEST_WAIT);
    };
  }

  function say(kind, text) {
    state.className = `live-state live-${kind}`;
    state.textContent = text;
  }

  function take(batch) {
    for (const event of batch.events) after = Math.max(after, event.seq);
    ended = batch.ended;
    document.title = batch.status + document.title.slice(document.title.indexOf(" · "));
    if (batch.html) put(new DOMParser().parseFromString(batch.html, "text/html").body);
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

  connect();
  setInterval(tick, 1000);
})();
