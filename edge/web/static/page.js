// What every page can do: show an explanation in a dialog, send forms to the API, and say what came of it; then
// what only the page Windows does.  Everything that is read here is made by the server; without scripts the same links are pages.

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
  } else if (event.target.closest?.("[data-fetch]")) {
    fetchInto(event.target.closest("[data-fetch]"));
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

// A button with data-fetch puts what the server makes into a place; data-again: ask again in so many seconds.
async function fetchInto(button) {
  const place = document.getElementById(button.dataset.into);
  button.setAttribute("aria-busy", "true");
  if (button.dataset.by === "POST") {
    await showMarkup(place, button.dataset.fetch, {});
  } else {
    try {
      const answer = await fetch(button.dataset.fetch);
      const text = await answer.text();
      if (answer.ok) { place.innerHTML = text; } else { say(place, problem(text), "bad"); }
    } catch {
      say(place, document.body.dataset.offline, "bad");
    }
  }
  const again = place.querySelector("[data-again]");
  if (again) {
    setTimeout(() => fetchInto(button), 1000 * Number(again.dataset.again));
  } else {
    button.removeAttribute("aria-busy");
  }
}

// A form as JSON: its fields by name, as the API wants them.  data-list: boxes of one name, as "mon,tue";
// data-array: a list of one; data-whole: a whole number.
function written(form) {
  const found = {};
  for (const field of form.elements) {
    if (!field.name || field.disabled) { continue; }
    if (field.type === "checkbox" && field.dataset.list !== undefined) {
      found[field.name] = [found[field.name], field.checked ? field.value : ""].filter(Boolean).join(",");
    } else if (field.type === "checkbox") {
      found[field.name] = field.checked;
    } else if (field.value !== "" && field.dataset.whole !== undefined) {
      found[field.name] = Number(field.value);
    } else if (field.value !== "") {
      found[field.name] = field.dataset.array !== undefined ? [field.value] : field.value;
    }
  }
  return found;
}

function post(address, data, method = "POST") {
  const body = method === "DELETE" ? undefined : JSON.stringify(data);
  return fetch(address, {
    method,
    headers: { "Content-Type": "application/json", "X-CSRF-Token": csrf },
    body,
  });
}

// Put what the server makes of some data in a place, or why it does not.
async function showMarkup(place, address, data) {
  try {
    const answer = await post(address, data);
    const text = await answer.text();
    if (answer.ok) { place.innerHTML = text; } else { say(place, problem(text), "bad"); }
  } catch {
    say(place, document.body.dataset.offline, "bad");
  }
}

function problem(text) {
  try {
    return JSON.parse(text).detail;
  } catch {
    return text.slice(0, 200);
  }
}

// Send a form to data-send by data-method, then go to data-then; a button with data-part only asks.
async function send(form, button) {
  const place = document.getElementById(form.dataset.result ?? "") ?? form.querySelector("[data-says]");
  if (form.dataset.sure && !confirm(form.dataset.sure)) { return; }
  button?.setAttribute("aria-busy", "true");
  try {
    if (button?.dataset.part) {
      await showMarkup(place, button.dataset.part, written(form));
      form.dispatchEvent(new Event("looked"));
      return;
    }
    const answer = await post(form.dataset.send, written(form), form.dataset.method);
    if (!answer.ok) {
      say(place, problem(await answer.text()), "bad");
    } else if (form.dataset.shows) { // a secret that is told once
      say(place, (await answer.json())[form.dataset.shows], "good");
    } else {
      const then = form.dataset.then ?? location.href.replace(/#.*/, "");
      if (then === location.href) { location.reload(); } else { location.assign(then); }
    }
  } catch {
    say(place, document.body.dataset.offline, "bad");
  } finally {
    button?.removeAttribute("aria-busy");
  }
}

function say(place, text, kind) {
  if (!place) { return; }
  const told = document.createElement("p");
  told.className = `notice ${kind}`;
  told.textContent = text;
  if (place.matches("[data-says]")) {
    place.className = told.className;
    place.textContent = text;
    place.hidden = false;
  } else {
    place.replaceChildren(told);
  }
}

// Charge windows: nothing is saved before its consequence was looked at; files are read here and asked about.

const form = document.getElementById("window-form");
const save = form?.querySelector("[data-save]");

// A form that has changed since must be looked at again.
form?.addEventListener("input", () => { save.hidden = true; });
form?.addEventListener("looked", (event) => { save.hidden = !event.target.querySelector("[data-may-save]"); });

const file = document.getElementById("import-file");
const apply = document.getElementById("import-apply");
const result = document.getElementById("import-result");

async function chosen() {
  const found = file.files[0];
  return found ? { name: found.name, text: await found.text() } : null;
}

file?.addEventListener("change", async () => {
  apply.hidden = true;
  const data = await chosen();
  if (!data) { return; }
  await showMarkup(result, "/windows/import", data);
  apply.hidden = !result.querySelector("[data-may-save]");
});

apply?.addEventListener("click", async () => {
  const data = await chosen();
  const answer = await post("/api/windows/import", { ...data, apply: true });
  if (answer.ok) { location.assign("/windows"); } else { await showMarkup(result, "/windows/import", data); }
});

// The day: drag along a charger to draw a window; the page Windows then shows what it would change.

const STEP_MS = 15 * 60_000;

for (const plan of document.querySelectorAll("svg.day-plan")) {
  const from = Number(plan.dataset.from);
  const span = Number(plan.dataset.to) - from;
  let drawing = null;

  const timeAt = (event) => {
    const box = plan.getBoundingClientRect();
    const share = Math.min(1, Math.max(0, (event.clientX - box.left) / box.width));
    return from + Math.round(share * span / STEP_MS) * STEP_MS;
  };

  plan.addEventListener("pointerdown", (event) => {
    const lane = event.target.closest(".lane");
    if (!lane || event.button || event.target.closest("a")) { return; }
    const mark = lane.querySelector(".lane-track").cloneNode();
    mark.setAttribute("class", "drawn");
    lane.append(mark);
    drawing = { lane, mark, begin: timeAt(event) };
    plan.setPointerCapture(event.pointerId);
    draw(event);
  });

  function draw(event) {
    const [first, last] = [drawing.begin, timeAt(event)].sort((a, b) => a - b);
    drawing.mark.setAttribute("x", `${100 * (first - from) / span}%`);
    drawing.mark.setAttribute("width", `${100 * (last - first) / span}%`);
    return [first, last];
  }

  plan.addEventListener("pointermove", (event) => { if (drawing) { draw(event); } });
  plan.addEventListener("pointercancel", () => { drawing?.mark.remove(); drawing = null; });
  plan.addEventListener("pointerup", (event) => {
    if (!drawing) { return; }
    const [begin, ready] = draw(event);
    const charger = drawing.lane.dataset.charger;
    drawing.mark.remove();
    drawing = null;
    if (ready > begin) { location.assign(`/windows?${new URLSearchParams({ charger, begin, ready })}`); }
  });
}
