// The part of a card that shows an answer.

class Panel {
  constructor(card, element) {
    this.element = element;
    this.badge = element.querySelector(".badge");
    this.received = "";
    const parts = { status: ".badge", duration: ".duration", note: ".note", tries: ".tries", headers: "tbody", body: ".body" };
    for (const [part, selector] of Object.entries(parts)) {
      element.querySelector(selector).dataset.testid = `result-${card.id}-${part}`;
    }
    element.querySelector(".scroll").setAttribute("aria-label", `Response headers of ${card.title}`);
    element.querySelector(".body").setAttribute("aria-label", `Response body of ${card.title}`);
    element.dataset.testid = `card-${card.id}`;
  }

  // Runs `action` and shows how long it took and whether it broke.
  async show(action) {
    if (this.element.getAttribute("aria-busy") === "true") return;
    this.clear();
    const start = performance.now();
    try {
      await action(this);
    } catch (error) {
      this.broke(error);
    }
    this.text(".duration", `${Math.round(performance.now() - start)} ms`);
    this.element.setAttribute("aria-busy", "false");
  }

  clear() {
    this.element.setAttribute("aria-busy", "true");
    this.received = "";
    this.status("", "waiting");
    for (const selector of [".duration", ".note", ".tries", ".body", "tbody"]) this.text(selector, "");
    for (const selector of [".answer", "details"]) this.reveal(selector, false);
  }

  text(selector, text) {
    this.element.querySelector(selector).textContent = text;
  }

  reveal(selector, visible) {
    this.element.querySelector(selector).hidden = !visible;
  }

  // Without a code, `text` says where the request is.
  status(code, text) {
    this.badge.textContent = `${code} ${text}`.trim();
    this.badge.dataset.kind = code ? kindOf(code) : text;
  }

  // Many answers at once: one badge each.
  tries(codes) {
    const badges = codes.map((code) => badge(code));
    this.element.querySelector(".tries").replaceChildren(...badges);
  }

  note(text) {
    this.text(".note", text);
  }

  head(response) {
    this.status(response.status, response.statusText);
    this.headers([...response.headers]);
  }

  headers(pairs) {
    const rows = pairs.map(([name, value]) => row(name, value));
    this.element.querySelector("tbody").replaceChildren(...rows);
    this.text("summary", `${rows.length} headers`);
    for (const selector of [".answer", "details"]) this.reveal(selector, true);
  }

  append(text) {
    this.received += text;
    this.text(".body", this.received);
    this.reveal(".answer", true);
  }

  prettify(response) {
    if (!/json/.test(response.headers.get("content-type") ?? "")) return;
    try {
      this.text(".body", JSON.stringify(JSON.parse(this.received), null, 2));
    } catch {
      this.note("the body is not the JSON it says it is");
    }
  }

  // Before the head there is no status; after it the body was cut off.
  broke(error) {
    const hasHead = this.badge.dataset.kind !== "waiting";
    if (!hasHead) this.badge.textContent = "no answer";
    this.badge.dataset.kind = "broken";
    this.note(hasHead ? `the body broke off after ${this.received.length} characters: ${error.message}` : error.message);
  }
}

const kindOf = (code) => `${String(code)[0]}xx`;

function badge(code) {
  const badge = document.createElement("span");
  badge.className = "badge";
  badge.dataset.kind = kindOf(code);
  badge.textContent = code;
  return badge;
}

function row(name, value) {
  const row = document.createElement("tr");
  const head = document.createElement("th");
  head.scope = "row";
  head.textContent = name;
  row.append(head);
  row.insertCell().textContent = value;
  return row;
}
