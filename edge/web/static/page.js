// What every page can do: show an explanation or a form in a dialog, send forms to the API, and say what came
// of it.  Everything that is read here is made by the server; without scripts the same links are pages.

const dialog = document.getElementById("dialog");
const csrf = document.querySelector("meta[name=csrf]")?.content ?? "";

// A link marked data-why opens in the dialog; so does what is asked for inside it.
async function showPart(address) {
  const asked = new URL(address, location.href);
  asked.searchParams.set("part", "1");
  try {
    const answer = await fetch(asked);
    const text = await answer.text();
    dialog.innerHTML = text;
    if (!dialog.open) { dialog.showModal(); }
  } catch {
    location.assign(address); // the browser says what is wrong with the connection
  }
}

document.addEventListener("click", (event) => {
  const plain = !(event.ctrlKey || event.metaKey || event.shiftKey || event.button);
  const link = event.target.closest?.("[data-why]");
  if (link && plain) {
    event.preventDefault();
    showPart(link.getAttribute("href"));
  } else if (event.target.closest?.("[data-close]") || event.target === dialog) {
    dialog.close();
  }
});

document.addEventListener("submit", (event) => {
  const form = event.target;
  if (form.matches("form[data-part]")) { // a question inside the dialog
    if (!form.closest("dialog")) { return; }
    event.preventDefault();
    showPart(`${form.getAttribute("action")}?${new URLSearchParams(new FormData(form))}`);
  } else if (form.matches("form[data-send]")) {
    event.preventDefault();
    send(form, event.submitter);
  }
});

// A form as JSON: its fields by name, as the API wants them.  data-kind says what a field is.
function written(form) {
  const found = {};
  for (const field of form.elements) {
    if (!field.name || field.disabled) { continue; }
    if (field.type === "checkbox") {
      if (field.dataset.list) {
        found[field.name] = [found[field.name], field.checked ? field.value : ""].filter(Boolean).join(",");
      } else {
        found[field.name] = field.checked;
      }
    } else if (field.type === "number" && field.dataset.whole !== undefined) {
      found[field.name] = Number(field.value || 0);
    } else if (field.type !== "submit" && field.value !== "") {
      found[field.name] = field.value;
    }
  }
  return found;
}

// Send a form to data-send by data-method; show what comes back in data-result, or go to data-then.
async function send(form, button) {
  const result = document.getElementById(form.dataset.result ?? "") ?? form.querySelector("[data-says]");
  const address = button?.dataset.send ?? form.dataset.send;
  const preview = button?.dataset.preview !== undefined;
  button?.setAttribute("aria-busy", "true");
  try {
    const answer = await fetch(address, {
      method: form.dataset.method ?? "POST",
      headers: { "Content-Type": "application/json", "X-CSRF-Token": csrf },
      body: JSON.stringify(written(form)),
    });
    const text = await answer.text();
    const told = text ? JSON.parse(text) : {};
    if (!answer.ok) {
      say(result, told.detail ?? told.error ?? answer.statusText, "bad");
    } else if (preview) {
      say(result, [told.words, told.note].filter(Boolean).join(" · "), told.note ? "warn" : "good");
    } else {
      location.assign(form.dataset.then ?? location.href);
    }
  } catch {
    say(result, document.body.dataset.offline, "bad");
  } finally {
    button?.removeAttribute("aria-busy");
  }
}

function say(place, text, kind) {
  if (!place) { return; }
  place.className = `notice ${kind}`;
  place.textContent = text;
  place.hidden = false;
}
