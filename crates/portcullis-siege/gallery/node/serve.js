// From a request to its route.
"use strict";

const { FAULT, IN_FLIGHT, METHODS, Refused, fault, state } = require("./planted.js");
const { ok, problem, requestId, send } = require("./answers.js");
const { bodyOf, checkCodings, codingsOf, hasBody, unpacked } = require("./bodies.js");
const { authenticate, limit, one } = require("./clients.js");
const {
  checkedPath, isExact, isExempt, redirectOf, routedPath, servedMethod,
} = require("./confusion.js");
const { checkHead } = require("./heads.js");
const { PROBES, ROUTES, allowed, needsKey, options } = require("./routes.js");

async function answer(request, response) {
  checkHead(request);
  if (fault("trace-echoed") && request.method === "TRACE") {
    return ok(request, response, request.rawHeaders.join("\r\n"), "message/http");
  }
  const isSlash = fault("slash-needs-no-key") && request.path === "/api/hello/";
  const name = isSlash ? "/api/hello" : routedPath(request);
  const place = redirectOf(request);
  if (place !== undefined) {
    return send(request, response, 308, [["Location", place], ["X-Request-Id", requestId(request)]], "");
  }
  const methods = Object.hasOwn(ROUTES, name) ? ROUTES[name] : {};
  const isProbe = PROBES.includes(name);
  if (!isProbe) shed();
  if (isProbe && fault("probes-limited")) limit(request);
  if (!METHODS.includes(request.method)) throw new Refused(501);
  if (request.method === "TRACE") throw new Refused(405, [["Allow", "GET, HEAD, OPTIONS"]]);
  // Answers in the language of the client.
  const language = one(request, "accept-language");
  if (fault("language-fails") && language) new Intl.Locale(language.split(",")[0].split(";")[0]);
  const isOpen = isSlash || isExempt(request);
  if (needsKey(checkedPath(request), isExact()) && !isOpen && !opensMetrics(request)) {
    authenticate(request);
  }
  const method = servedMethod(request);
  if (method === "OPTIONS") return options(request, response, methods);
  const handler = methods[method];
  const isKnown = Object.keys(methods).length > 0;
  if (isKnown && !handler) throw new Refused(405, [["Allow", allowed(methods)]]);
  if (!isKnown) throw new Refused(404);
  const codings = codingsOf(request);
  checkCodings(codings);
  if (fault("upload-permits-leaked")) state.uploads += 1;
  const body = unpacked(await bodyOf(request, response), codings);
  if (fault("upload-permits-leaked")) state.uploads -= 1;
  if (!isProbe) shed();
  state.inFlight += 1;
  response.once("close", () => (state.inFlight -= 1));
  return handler(request, response, body);
}

const opensMetrics = (request) =>
  fault("metrics-any-key") && request.path === "/metrics" && one(request, "x-api-key") !== undefined;

/** A body that is still read takes nobody's place; a handler does. */
function shed() {
  if (state.inFlight + state.uploads >= IN_FLIGHT && !fault("no-shedding")) {
    throw new Refused(503, [["Retry-After", "1"]]);
  }
}

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
      return problem(request, response, error.status, error.fields, error.detail);
    }
    process.stderr.write(`${error.stack}\n`);
    if (fault("panic-kills-connection")) return request.socket.destroy();
    const detail = {
      "panic-text-leaked": `exception in a handler: ${error.message}`,
      "stack-in-500": error.stack,
      "debug-cookie": /debug=1/.test(one(request, "cookie") ?? "") ? error.stack : undefined,
      "xhr-stack": one(request, "x-requested-with") ? error.stack : undefined,
    }[FAULT];
    problem(request, response, 500, [], detail);
  }
}

module.exports = { serve };
