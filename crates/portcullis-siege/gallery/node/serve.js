// From a request to its route.
"use strict";

const { FAULT, IN_FLIGHT, METHODS, PREFLIGHT, Refused, fault, state } = require("./planted.js");
const { ok, problem } = require("./answers.js");
const { authenticate, limit, one } = require("./clients.js");
const { checkHead } = require("./heads.js");
const { NEEDS_KEY, PROBES, ROUTES, allowed, bodyOf, options } = require("./routes.js");

async function answer(request, response) {
  checkHead(request);
  if (fault("trace-echoed") && request.method === "TRACE") {
    return ok(request, response, request.rawHeaders.join("\r\n"), "message/http");
  }
  const isSlash = fault("slash-needs-no-key") && request.path === "/api/hello/";
  const name = isSlash ? "/api/hello" : request.path;
  const methods = Object.hasOwn(ROUTES, name) ? ROUTES[name] : {};
  const isProbe = PROBES.includes(name);
  if (!isProbe) shed();
  if (isProbe && fault("probes-limited")) limit(request);
  if (!METHODS.includes(request.method)) throw new Refused(501);
  if (request.method === "TRACE") throw new Refused(405, [["Allow", "GET, HEAD, OPTIONS"]]);
  const isPreflight = request.method === "OPTIONS" && one(request, PREFLIGHT) !== undefined;
  if (NEEDS_KEY.includes(request.path) && !isPreflight) authenticate(request);
  if (request.method === "OPTIONS") return options(request, response, methods);
  const handler = methods[request.method === "HEAD" ? "GET" : request.method];
  const isKnown = Object.keys(methods).length > 0;
  if (isKnown && !handler) throw new Refused(405, [["Allow", allowed(methods)]]);
  if (!isKnown) throw new Refused(404);
  if (!["identity", undefined].includes(one(request, "content-encoding")?.toLowerCase())) {
    throw new Refused(415, [["Accept-Encoding", "identity"]]);
  }
  const body = await bodyOf(request, response);
  if (!isProbe) shed();
  state.inFlight += 1;
  response.once("close", () => (state.inFlight -= 1));
  return handler(request, response, body);
}

/** A body that is still read takes nobody's place; a handler does. */
function shed() {
  if (state.inFlight >= IN_FLIGHT && !fault("no-shedding")) {
    throw new Refused(503, [["Retry-After", "1"]]);
  }
}

const hasBody = (request) =>
  one(request, "transfer-encoding") !== undefined ||
  Number(one(request, "content-length") ?? 0) > 0;

async function serve(request, response) {
  const gone = new AbortController();
  request.gone = gone.signal;
  if (request.socket.answered) return;
  request.socket.unanswered.add(response);
  response.once("close", () => {
    gone.abort();
    request.socket.unanswered.delete(response);
  });
  try {
    await answer(request, response);
  } catch (error) {
    if (gone.signal.aborted) return;
    if (error instanceof Refused) {
      // What is left of a body is nobody's.
      request.mustClose = error.close || (hasBody(request) && !request.read_whole);
      return problem(request, response, error.status, error.fields);
    }
    process.stderr.write(`${error.stack}\n`);
    if (fault("panic-kills-connection")) return request.socket.destroy();
    const detail = {
      "panic-text-leaked": `exception in a handler: ${error.message}`,
      "stack-in-500": error.stack,
    }[FAULT];
    problem(request, response, 500, [], detail);
  }
}

module.exports = { hasBody, serve };
