// Writing a draft: Ctrl+S (or the Mac's Cmd+S) saves, and who leaves with changes unsaved is asked.
"use strict";

(() => {
  const form = document.querySelector("form[data-writing]");
  if (!form) return;

  const text = form.querySelector("textarea");
  // What a refused form shows was never saved.
  const saved = "unsaved" in form.dataset ? null : text.value;
  let sending = false;

  form.addEventListener("submit", () => { sending = true; });
  addEventListener("beforeunload", (event) => {
    if (!sending && text.value !== saved) event.preventDefault();
  });
  addEventListener("keydown", (event) => {
    if (event.key !== "s" || !(event.ctrlKey || event.metaKey) || event.altKey) return;
    event.preventDefault();
    form.requestSubmit();
  });
})();
