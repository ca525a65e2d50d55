// Signing in with a passkey, and adding one: bytes travel as base64url, in JSON that the server reads and writes.
const bytes = (text) =>
  Uint8Array.from(atob(text.replace(/-/g, "+").replace(/_/g, "/")), (sign) => sign.charCodeAt(0));
const text = (buffer) =>
  btoa(String.fromCharCode(...new Uint8Array(buffer))).replace(/\+/g, "-").replace(/\//g, "_").replace(/=+$/, "");

async function ask(path, fields) {
  const answer = await fetch(path, { method: "POST", body: new URLSearchParams(fields) });
  const said = await answer.json().catch(() => ({ problem: "The server refused it. Load the page again." }));
  if (!answer.ok) throw new Error(said.problem);
  return said;
}

function written(credential) {
  const { response } = credential;
  const fields = { clientDataJSON: text(response.clientDataJSON) };
  for (const name of ["attestationObject", "authenticatorData", "signature", "userHandle"]) {
    if (response[name]) fields[name] = text(response[name]);
  }
  return JSON.stringify({ id: credential.id, rawId: text(credential.rawId), type: credential.type, response: fields });
}

function known(list) {
  return (list || []).map((each) => ({ ...each, id: bytes(each.id) }));
}

async function made(options) {
  return navigator.credentials.create({
    publicKey: {
      ...options,
      challenge: bytes(options.challenge),
      user: { ...options.user, id: bytes(options.user.id) },
      excludeCredentials: known(options.excludeCredentials),
    },
  });
}

async function signed(options) {
  return navigator.credentials.get({
    publicKey: { ...options, challenge: bytes(options.challenge), allowCredentials: known(options.allowCredentials) },
  });
}

for (const place of document.querySelectorAll("[data-passkey]")) {
  if (!window.PublicKeyCredential) continue;
  place.hidden = false;
  const path = place.dataset.passkey;
  const status = place.querySelector("[role=status]");
  place.querySelector("button").addEventListener("click", async () => {
    status.textContent = "";
    try {
      const options = await ask(path, {});
      const credential = options.user ? await made(options) : await signed(options);
      const name = place.querySelector("input");
      const more = name ? { name: name.value } : { to: place.dataset.to };
      location.assign((await ask(path, { answer: written(credential), ...more })).to);
    } catch (error) {
      status.textContent = error.name === "NotAllowedError" ? "The browser did not use a passkey." : error.message;
    }
  });
}
