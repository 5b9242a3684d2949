// The demo's page: a button sends a request, its card shows what really came back.
//
// This and the files beside it are served as one script, this one first: the page has a rate limit too.
"use strict";

// ===== The content security policy =====

// Read by the browser test, shown to people. Nothing on this page may ever get here.
window.__cspViolations = [];

document.addEventListener("securitypolicyviolation", (event) => {
  window.__cspViolations.push(`${event.effectiveDirective} blocked ${event.blockedURI}`);
  showViolations();
});

function showViolations() {
  const banner = document.getElementById("violations");
  if (!banner || window.__cspViolations.length === 0) return;
  banner.textContent = `The content security policy was violated: ${window.__cspViolations.join("; ")}`;
  banner.hidden = false;
}

// ===== What the server says about itself =====

const WRONG_KEY = "not-a-key-of-this-server";
const EVENTS = 5;
const BURST = 15;
// Browsers open no more connections to one server.
const AT_ONCE = 6;
const PAYMENTS = 3;
const AN_HOUR = 3600;

// A placeholder that the server left as it was counts as nothing.
function meta(name) {
  const content = document.querySelector(`meta[name="${name}"]`).content;
  return content.startsWith("__") ? "" : content;
}

const bodyLimit = () => Number(meta("demo-body-limit")) || 1024 * 1024;
const slowerThanTheDeadline = () => 2 * (Number(meta("demo-deadline-ms")) || 10000);
const isDevelopment = () => meta("demo-key") !== "";
const typedKey = () => document.getElementById("key").value.trim();

// ===== Building the page =====

function clone(template) {
  return document.getElementById(template).content.firstElementChild.cloneNode(true);
}

function buildGroup(group) {
  const section = clone("group");
  section.querySelector("h2").textContent = group.title;
  const cards = group.cards.filter((card) => !card.developmentOnly || isDevelopment());
  section.querySelector(".cards").append(...cards.map(buildCard));
  return section;
}

function buildCard(card) {
  const element = clone("card");
  const panel = new Panel(card, element);
  panel.text("h3", card.title);
  panel.text(".layer", card.layer);
  panel.text(".text", card.text);
  panel.text(".request code", card.request);
  panel.text(".expect", `expect ${card.expect}`);
  const buttons = card.toggles ? card.toggles.map((name) => buildToggle(panel, name)) : [buildButton(card, panel)];
  element.querySelector(".buttons").append(...buttons);
  return element;
}

function button(id, text, press) {
  const button = document.createElement("button");
  button.type = "button";
  button.textContent = text;
  button.dataset.testid = `press-${id}`;
  button.addEventListener("click", press);
  return button;
}

const buildButton = (card, panel) => button(card.id, card.title, () => panel.show(card.run));

// Pressed means broken; the server has the last word.
function buildToggle(panel, name) {
  const toggle = button(name, `Make ${name} fail`, () => panel.show(async () => {
    const fail = toggle.getAttribute("aria-pressed") !== "true";
    const path = `/debug/checks/${name}?answer=${fail ? "fail" : "ok"}`;
    const response = await send(panel, path, { key: typedKey(), method: "POST" });
    if (response.ok) toggle.setAttribute("aria-pressed", String(fail));
  }));
  toggle.setAttribute("aria-pressed", "false");
  return toggle;
}

document.addEventListener("DOMContentLoaded", () => {
  document.getElementById("key").value = meta("demo-key");
  document.getElementById("key-note").textContent = isDevelopment()
    ? "Put in by the server, in development only."
    : "Type a key of this server. It stays on this page.";
  document.getElementById("groups").replaceChildren(...GROUPS.map(buildGroup));
  showViolations();
});
