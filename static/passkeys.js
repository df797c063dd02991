// Passkeys: asks the browser for one, and sends what it says with the page's own form.
"use strict";

const missing = !window.PublicKeyCredential?.parseCreationOptionsFromJSON;

async function optionsOf(form) {
  if (form.dataset.passkey !== "login") {
    return JSON.parse(document.getElementById("passkey-options").textContent);
  }
  const answer = await fetch(form.action, { headers: { Accept: "application/json" } });
  if (!answer.ok) throw new Error(`options: ${answer.status}`);
  return answer.json();
}

async function ask(form) {
  const options = await optionsOf(form);
  if (form.dataset.passkey !== "create") {
    const publicKey = options.request_options.publicKey;
    return navigator.credentials.get({
      publicKey: PublicKeyCredential.parseRequestOptionsFromJSON(publicKey),
    });
  }
  const publicKey = options.creation_options.publicKey;
  if (form.elements.passwordless?.checked) {
    publicKey.authenticatorSelection.residentKey = "required";
    publicKey.authenticatorSelection.requireResidentKey = true;
    publicKey.authenticatorSelection.userVerification = "required";
  }
  return navigator.credentials.create({
    publicKey: PublicKeyCredential.parseCreationOptionsFromJSON(publicKey),
  });
}

for (const form of missing ? [] : document.querySelectorAll("form[data-passkey]")) {
  form.hidden = false;
  document.querySelector("[data-passkey-missing]")?.remove();
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    const refused = form.querySelector("[role=alert][hidden], [role=alert][data-refused]");
    try {
      form.elements.credential.value = JSON.stringify((await ask(form)).toJSON());
      form.submit();
    } catch {
      refused.hidden = false;
      refused.dataset.refused = "";
    }
  });
}
