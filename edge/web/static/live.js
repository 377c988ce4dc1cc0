// Keeps the page Now up to date.  The server sends finished texts by key (edge/web/fields.py); an element
// marked data-live="key" shows one as its text, data-live-at="attribute:key …" as attributes.
// Nothing is computed here but how old the page is; its words stand in data attributes of #age.

const FRESH_MS = 2500; // a tick a second, and a slow network
const ATTRIBUTES = new Set(["width", "x", "data-state", "data-kind", "data-late", "data-text"]);

const body = document.body;
const age = document.getElementById("age");
const spoken = document.getElementById("spoken");
const lost = document.getElementById("lost");
const places = index();

let shownAt = body.querySelector('[data-live="time"]')?.textContent ?? "";
let shownMs = performance.now(); // when what is shown was decided, by this browser's clock
let connected = false;
let everConnected = false;
let stream = null;

function index() {
  const found = new Map();
  const add = (key, show) => found.set(key, [...(found.get(key) ?? []), show]);
  for (const element of document.querySelectorAll("[data-live]")) {
    add(element.dataset.live, (text) => { element.textContent = text; });
  }
  for (const element of document.querySelectorAll("[data-live-at]")) {
    for (const pair of element.dataset.liveAt.split(" ")) {
      const colon = pair.indexOf(":");
      const attribute = pair.slice(0, colon);
      if (ATTRIBUTES.has(attribute)) {
        add(pair.slice(colon + 1), (text) => { element.setAttribute(attribute, text); });
      }
    }
  }
  return found;
}

function take(message) {
  if (message.build !== body.dataset.build) {
    location.reload(); // another site drawing or another release
    return;
  }
  for (const [key, text] of Object.entries(message.set)) {
    for (const show of places.get(key) ?? []) { show(text); }
  }
  shownAt = message.at;
  shownMs = performance.now() - message.age_ms;
  if (message.day !== body.dataset.day) {
    body.dataset.day = message.day;
    drawDay();
  }
  showAge();
}

async function drawDay() {
  try {
    const answer = await fetch("/now/prices");
    if (answer.ok) { document.getElementById("day").innerHTML = await answer.text(); }
  } catch { /* the next minute tries again */ }
}

function say(key, values) {
  return age.dataset[key].replace(/\{(\w+)\}/g, (_, name) => values[name]);
}

function inWords(ms) {
  const seconds = Math.round(ms / 1000);
  if (seconds < 120) { return `${seconds} s`; }
  return seconds < 7200 ? `${Math.floor(seconds / 60)} min` : `${Math.floor(seconds / 3600)} h`;
}

function showAge() {
  const oldMs = performance.now() - shownMs;
  const state = !connected && everConnected ? "lost" : oldMs > FRESH_MS ? "old" : connected ? "live" : "still";
  if (state === "lost") {
    age.textContent = say("lostSince", { time: shownAt });
    lost.textContent = say("lost", { time: shownAt, age: inWords(oldMs) });
  } else {
    age.textContent = say({ live: "fresh", old: "old", still: "asOf" }[state], { time: shownAt, age: inWords(oldMs) });
  }
  lost.hidden = state !== "lost";
  if (state !== body.dataset.liveState) { // spoken once, not every second
    body.dataset.liveState = state;
    const key = { live: "fresh", old: "oldSpoken", lost: "lostSince" }[state];
    spoken.textContent = key ? say(key, { time: shownAt }) : "";
  }
}

function connect() {
  stream = new EventSource("/api/stream");
  stream.onopen = () => { connected = everConnected = true; showAge(); };
  stream.onmessage = (event) => take(JSON.parse(event.data));
  stream.onerror = () => {
    connected = false;
    everConnected = true;
    showAge();
    if (stream?.readyState === EventSource.CLOSED) { // the browser has given up; we have not
      stream = null;
      setTimeout(follow, 2000);
    }
  };
}

// A page that nobody sees holds no line: a browser allows six per host, and a phone has a battery.
function follow() {
  if (document.hidden) {
    stream?.close();
    stream = null;
  } else if (!stream) {
    connect();
  }
}

document.addEventListener("visibilitychange", follow);
follow();
setInterval(showAge, 500);
