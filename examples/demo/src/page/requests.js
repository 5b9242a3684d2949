// What the cards send, and what they show of the answers.

function request(path, { key, method = "GET", body, headers: given } = {}) {
  const headers = new Headers(given);
  if (key) headers.set("x-api-key", key);
  if (body !== undefined) headers.set("content-type", "text/plain; charset=utf-8");
  return fetch(path, { method, headers, body, cache: "no-store", credentials: "omit" });
}

async function send(panel, path, options) {
  const response = await request(path, options);
  await show(panel, response);
  return response;
}

async function show(panel, response) {
  panel.head(response);
  await read(response, (text) => panel.append(text));
  panel.prettify(response);
}

const post = (panel, path, body) => send(panel, path, { key: typedKey(), method: "POST", body });

// Hands on the body piece by piece, so that what came before a break is shown.
async function read(response, take) {
  if (!response.body) return;
  const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
  for (;;) {
    const { done, value } = await reader.read();
    if (done) return;
    if (take(value) === false) return reader.cancel();
  }
}

async function compareWrongKey(panel) {
  const withoutKey = await request("/api/hello");
  const expected = await withoutKey.text();
  const wrong = await send(panel, "/api/hello", { key: WRONG_KEY });

  const same = wrong.status === withoutKey.status
    && wrong.headers.get("www-authenticate") === withoutKey.headers.get("www-authenticate")
    && withoutRequestId(panel.received, wrong) === withoutRequestId(expected, withoutKey);
  panel.note(same ? "the same as without a key, but for the request ID" : "differs from the answer without a key");
}

function withoutRequestId(body, response) {
  const id = response.headers.get("x-request-id");
  return id ? body.replaceAll(id, "") : body;
}

async function burst(panel) {
  const responses = await Promise.all(Array.from({ length: BURST }, () => request("/api/hello", { key: typedKey() })));
  await Promise.all(responses.map((response) => response.arrayBuffer()));

  const refused = responses.filter((response) => response.status === 429);
  panel.head(refused[0] ?? responses[0]);
  panel.note(`${BURST - refused.length} of ${BURST} passed, ${refused.length} refused`);
  panel.tries(responses.map((response) => response.status));
  for (const response of responses) panel.append(`${answerLine(response, ["retry-after", "ratelimit"])}\n`);
}

function answerLine(response, names = ["retry-after"]) {
  return [response.status, ...fields(response, names)].join("   ");
}

function fields(response, names) {
  const sent = names.filter((name) => response.headers.has(name));
  return sent.map((name) => `${name}: ${response.headers.get(name)}`);
}

// The answer is raw: its head is in the body of what the browser gets.
async function withoutHost(panel) {
  const response = await request("/debug/no-host");
  await show(panel, parse(await response.text()));
}

function parse(answer) {
  const [head, body] = answer.split("\r\n\r\n");
  const [first, ...lines] = head.split("\r\n");
  const [, code, ...reason] = first.split(" ");
  const headers = lines.map((line) => line.split(/: (.*)/).slice(0, 2));
  return new Response(body || null, { status: Number(code), statusText: reason.join(" "), headers });
}

// Several requests of the server, each with its raw answer.
async function probe(panel, path, names) {
  const response = await request(path);
  if (!response.ok) return show(panel, response);
  const probes = await response.json();
  showEach(panel, probes.map(({ request, answer }) => [request, parse(answer)]), names);
}

// A badge and a line for each answer, with these of its fields below, and the head of the last.
function showEach(panel, answers, names) {
  const width = Math.max(...answers.map(([what]) => what.length));
  panel.head(answers.at(-1)[1]);
  panel.tries(answers.map(([, response]) => response.status));
  for (const [what, response] of answers) {
    panel.append(`${what.padEnd(width)}   ${response.status}\n`);
    for (const field of fields(response, names)) panel.append(`  ${field}\n`);
  }
}

async function sendToken(panel, age) {
  const token = await (await request(`/debug/token?age=${age}`)).text();
  await send(panel, "/api/token", { headers: { authorization: `Bearer ${token}` } });
  const { exp } = JSON.parse(atob(token.split(".")[1].replaceAll("-", "+").replaceAll("_", "/")));
  const minutes = Math.round((exp - Date.now() / 1000) / 60);
  panel.note(minutes > 0 ? `good for ${minutes} min` : `expired ${-minutes} min ago`);
}

async function replay(panel) {
  const body = "a signed body";
  const headers = await (await request("/debug/sign", { method: "POST", body })).json();
  const answers = [];
  for (const what of ["signed", "the same again"]) {
    const response = await request("/api/signed", { method: "POST", body, headers });
    await response.arrayBuffer();
    answers.push([what, response]);
  }
  showEach(panel, answers, ["www-authenticate"]);
}

async function zipBomb(panel) {
  const zeros = new Blob([new Uint8Array(10 * bodyLimit())]).stream();
  const bomb = await new Response(zeros.pipeThrough(new CompressionStream("gzip"))).arrayBuffer();
  const headers = { "content-encoding": "gzip" };
  await send(panel, "/api/echo", { key: typedKey(), method: "POST", body: bomb, headers });
  panel.note(`${bomb.byteLength} bytes were sent, for ${10 * bodyLimit()}`);
}

async function overload(panel) {
  const start = performance.now();
  const answers = await Promise.all(Array.from({ length: AT_ONCE }, async () => {
    const response = await request("/api/report", { key: typedKey() });
    await response.arrayBuffer();
    return { response, ms: Math.round(performance.now() - start) };
  }));
  const shed = answers.find(({ response }) => response.status === 503);
  panel.head((shed ?? answers[0]).response);
  panel.tries(answers.map(({ response }) => response.status));
  for (const { response, ms } of answers) panel.append(`${answerLine(response)}   after ${ms} ms\n`);
}

async function breaker(panel) {
  const codes = [];
  const pay = async () => {
    const response = await request("/api/pay", { key: typedKey(), method: "POST" });
    const body = await response.text();
    codes.push(response.status);
    panel.head(response);
    panel.tries(codes);
    panel.append(`${answerLine(response)}   ${response.ok ? body.trim() : ""}\n`);
    return response;
  };
  const payments = (answer) => request(`/debug/checks/payments?answer=${answer}`, { method: "POST" });

  await payments("fail");
  let refused;
  for (let n = 0; n < PAYMENTS + 1; n += 1) refused = await pay();
  await payments("ok");
  const wait = Number(refused.headers.get("retry-after")) || 2;
  panel.note(`open: no call for ${wait} s`);
  await new Promise((resolve) => setTimeout(resolve, 1000 * wait));
  for (let n = 0; n < 2; n += 1) await pay();
  panel.note("closed again");
}

// Makes a dependency fail that the process can do without, and well again, and shows what /health says.
async function degrade(panel) {
  const search = (answer) => request(`/debug/checks/search?answer=${answer}`, { method: "POST" });
  for (const [answer, status] of [["fail", "degraded"], ["ok", "healthy"]]) {
    await search(answer);
    panel.append(`search is made to ${answer === "ok" ? "recover" : "fail"}\n`);
    await until(panel, status);
  }
}

async function until(panel, wanted) {
  for (let n = 0; n < 40; n += 1) {
    const response = await request("/health");
    const { status, checks } = await response.json();
    if (status === wanted) {
      panel.head(response);
      panel.append(`  ${response.status}   ${status}   search: ${checks.search}\n`);
      return panel.note(status);
    }
    await new Promise((resolve) => setTimeout(resolve, 250));
  }
  throw new Error(`not ${wanted} after 10 s`);
}

// Whoever sends a trace is not trusted: the span is of another, and links to it.
async function identity(panel) {
  const trace = hex(16);
  const headers = { traceparent: `00-${trace}-${hex(8)}-01` };
  const response = await send(panel, "/api/panic", { key: typedKey(), headers });
  const id = response.headers.get("x-request-id");
  const problem = panel.received;
  const { span, lines, metric } = await (await request(`/debug/seen/${id}`)).json();
  const parts = { span: JSON.stringify(span, null, 2), log: lines.join("\n"), metric: metric.join("\n") };
  for (const [name, text] of Object.entries(parts)) panel.append(`\n\n${name}\n${text}`);
  const inLines = lines.filter((line) => line.includes(id)).length;
  const isSame = problem.includes(id) && parts.span.includes(id) && inLines === lines.length;
  const links = span.links_to === trace ? "links to the trace that was sent" : "links to nothing";
  panel.note(isSame ? `the ID is in the problem, the span and ${inLines} lines; the span ${links}` : "the ID is not everywhere");
}

function hex(bytes) {
  const random = crypto.getRandomValues(new Uint8Array(bytes));
  return Array.from(random, (byte) => byte.toString(16).padStart(2, "0")).join("");
}

async function events(panel) {
  const response = await request("/events", { key: typedKey() });
  panel.head(response);
  let rest = "";
  let seen = 0;
  await read(response, (text) => {
    panel.append(text);
    const parts = (rest + text).split(/\r?\n\r?\n/);
    rest = parts.pop();
    seen += parts.length;
    panel.note(`${seen} events`);
    return seen < EVENTS;
  });
}

function webSocket(panel) {
  const line = "hello through the gate";
  const socket = new WebSocket(new URL("/ws", location.href.replace(/^http/, "ws")));
  return new Promise((resolve, reject) => {
    socket.addEventListener("open", () => {
      panel.status(101, "Switching Protocols");
      panel.append(`→ ${line}\n`);
      socket.send(line);
    });
    socket.addEventListener("message", (event) => {
      panel.append(`← ${event.data}\n`);
      socket.close(1000);
    });
    socket.addEventListener("error", () => reject(new Error("the socket did not open, or broke")));
    socket.addEventListener("close", (event) => {
      panel.note(`closed with ${event.code}`);
      resolve();
    });
  });
}
