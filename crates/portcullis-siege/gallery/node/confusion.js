// What the check of keys looks at, and what the router looks at: the same, unless a fault is planted.
"use strict";

const path = require("node:path");

const { FAULT, METHODS, PREFLIGHT, fault } = require("./planted.js");
const { one } = require("./clients.js");

// With these the check knows exact paths only, and what it does not know is public.
const EXACT = [
  "normalized-late", "matrix-cut-late", "decoded-late", "case-insensitive-router", "unknown-told",
  "prefix-joined-late", "backslashes-turned-late",
];
const isExact = () => EXACT.includes(FAULT);

/** The path whose protection is looked up. */
function checkedPath(request) {
  const { path: given } = request;
  if (fault("public-by-prefix") && given.startsWith("/health")) return "/health";
  if (fault("rewrite-url-routed", "json-extension-kept")) return given;
  if (fault("extension-cut")) return routedPath(request);
  return given;
}

/** The path whose handler runs. */
function routedPath(request) {
  const { path: given } = request;
  switch (FAULT) {
    case "normalized-late":
      return path.posix.normalize(given);
    case "public-by-prefix":
      return new URL(given, "http://localhost").pathname;
    case "matrix-cut-late":
      return given.replace(/;[^/]*/g, "");
    case "decoded-late":
      return decoded(given);
    case "backslashes-turned-late":
      return decoded(given).replaceAll("\\", "/");
    case "case-insensitive-router":
      return given.toLowerCase();
    case "rewrite-url-routed":
      return one(request, "x-rewrite-url") ?? one(request, "x-original-url") ?? given;
    case "prefix-joined-late":
      return (one(request, "x-forwarded-prefix") ?? "") + given;
    case "extension-cut":
      return given.replace(/\.(css|js|json)$/, "");
    case "limiter-by-encoded-path":
      return decoded(given);
    case "limiter-by-doubled-slash":
      return given.replace(/\/+/g, "/");
    default:
      return given;
  }
}

function decoded(text) {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}

/** The method whose handler runs. */
function servedMethod(request) {
  const override = one(request, "x-http-method-override")?.toUpperCase();
  const isOverridden = fault("method-override") && METHODS.includes(override);
  const method = isOverridden ? override : request.method;
  return method === "HEAD" ? "GET" : method;
}

/** Whether no key is needed, whatever the path is. */
function isExempt(request) {
  if (request.method === "OPTIONS") return one(request, PREFLIGHT) !== undefined;
  switch (FAULT) {
    case "method-override":
      // Only reading needs a key where nothing can be written.
      return !["GET", "HEAD"].includes(request.method);
    case "real-ip-local-trusted":
      return ["127.0.0.1", "::1", "localhost"].includes(one(request, "x-real-ip"));
    case "via-internal-trusted":
      return /localhost|127\.0\.0\.1/.test(one(request, "via") ?? "");
    case "underscore-address-trusted":
      return (one(request, "x_forwarded_for") ?? "") === "127.0.0.1";
    case "certificate-believed":
      return one(request, "x-ssl-client-verify") === "SUCCESS";
    case "probe-agent-trusted":
      return /^(kube-probe|ELB-HealthChecker|GoogleHC)\//.test(one(request, "user-agent") ?? "");
    case "user-id-believed":
      return one(request, "x-user-id") !== undefined;
    default:
      return false;
  }
}

/** Where a request is sent to instead, if anywhere. */
function redirectOf(request) {
  const { path: given } = request;
  if (fault("slash-redirect-open") && given.length > 1 && given.endsWith("/")) {
    return given.slice(0, -1);
  }
  if (fault("next-by-prefix")) {
    const next = new URLSearchParams(request.query).get("next");
    if (next?.startsWith("/")) return next;
  }
  return undefined;
}

module.exports = { checkedPath, isExact, isExempt, redirectOf, routedPath, servedMethod };
