// Keeps the page of a test address up to date: what came in, by the templates that made the page,
// and how long it still listens.
"use strict";

(() => {
  const state = document.getElementById("live-state");
  if (!state || !state.dataset.live) return;

  const REFUSED = { 4403: "You may no longer test this draft.",
                    4404: "Another test address has taken the place of this one. Reload this page." };
  const list = document.getElementById("requests");
  const shown = () => [...list.children].map((one) => one.id.replace("request-", ""));

  function take(news) {
    const parts = new DOMParser().parseFromString(news.html, "text/html").body;
    for (const head of [...parts.querySelectorAll(":scope > summary")]) {
      const old = document.getElementById(head.id);
      const focused = old === document.activeElement;
      if (old) old.replaceWith(head);
      if (old && focused) head.focus({ preventScroll: true });
    }
    for (const old of [...list.children]) {
      if (!news.requests.includes(old.id.replace("request-", ""))) old.remove();
    }
    // From the oldest on, each before the one that came before it. What is there is not touched.
    let next = null;
    for (const id of [...news.requests].reverse()) {
      const fresh = parts.querySelector(`#request-${CSS.escape(id)}`);
      if (fresh && !document.getElementById(fresh.id)) list.insertBefore(fresh, next);
      next = document.getElementById(`request-${id}`) || next;
    }
    document.getElementById("nothing-yet").hidden = news.requests.length > 0;
    if (!news.listening) close();
    return news.ended;
  }

  function close() {
    clearInterval(ticking);
    document.getElementById("while-listening").hidden = true;
    document.getElementById("left").textContent = ", and listens no more";
  }

  function tick() {
    const until = Date.parse(document.getElementById("until").dateTime);
    const left = Math.max(0, Math.floor((until - Date.now()) / 1000));
    const seconds = String(left % 60).padStart(2, "0");
    document.getElementById("left").textContent = `, ${Math.floor(left / 60)}:${seconds} min from now`;
  }

  const ticking = setInterval(tick, 1000);
  followSocket(() => `has=${shown().join(",")}`, take, REFUSED);
})();
