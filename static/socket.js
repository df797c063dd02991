// Keeps a page's socket open: whatever ends it, the page connects again, ever more slowly, until
// it is refused or told that nothing more will come. Which it is stands in #live-state.
"use strict";

// `query()` says, before each try, what the page has already. `take(message)` puts what comes in
// its place and says whether it was the last. `refused` has a sentence for each code of a refusal.
function followSocket(query, take, refused) {
  const FIRST_WAIT = 500;
  const LONGEST_WAIT = 10000;
  const LOGGED_OUT = "You are logged out. Log in again and reload this page.";
  const state = document.getElementById("live-state");
  let wait = FIRST_WAIT;
  let ended = false;

  function connect() {
    const scheme = location.protocol === "https:" ? "wss:" : "ws:";
    const address = `${scheme}//${location.host}${state.dataset.live}?${query()}`;
    const socket = new WebSocket(address);
    socket.onopen = () => say("live", state.dataset.open || "Live");
    socket.onmessage = (message) => { wait = FIRST_WAIT; ended = take(JSON.parse(message.data)); };
    socket.onclose = (close) => {
      if (ended) return say("ended", state.dataset.ended || "");
      const why = close.code === 4401 ? LOGGED_OUT : refused[close.code];
      if (why) return say("lost", why);
      say("lost", "Connecting again…");
      setTimeout(connect, wait * (0.5 + Math.random()));
      wait = Math.min(wait * 2, LONGEST_WAIT);
    };
  }

  function say(kind, text) {
    state.className = `live-state live-${kind}`;
    state.textContent = text;
  }

  connect();
}
