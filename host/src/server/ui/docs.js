// Shows /openapi.json. Where a token is needed it is asked for; it stays in this page and goes nowhere but to this host.
"use strict";

const form = document.getElementById("token");
const field = document.getElementById("value");
const problem = document.getElementById("problem");

async function show(token) {
  const headers = token ? { authorization: `Bearer ${token}` } : {};
  const answer = await fetch("openapi.json", { headers });
  if (!answer.ok) {
    const body = await answer.json();
    problem.textContent = token ? body.error.message : "";
    form.hidden = false;
    field.focus();
    return;
  }
  const spec = await answer.json();
  // Under whatever name the reader reaches the host: another one would be another origin.
  spec.servers = [{ url: new URL(".", location.href).href.replace(/\/$/, "") }];
  form.hidden = true;
  const ui = SwaggerUIBundle({
    spec,
    domNode: document.getElementById("pages"),
    deepLinking: true,
    validatorUrl: null,
    onComplete() {
      if (token) ui.preauthorizeApiKey("bearer", token);
    },
  });
}

function fail(error) {
  problem.textContent = `The host cannot be reached: ${error.message}`;
  form.hidden = false;
}

form.addEventListener("submit", (event) => {
  event.preventDefault();
  const token = field.value.trim();
  field.value = "";
  show(token).catch(fail);
});

show("").catch(fail);
