#!/usr/bin/env python3
"""A small server whose limit goes by something else than the client's address, or is counted otherwise.

`--limit` says by what: none of it is wrong, but `absent`, `passed-through` and those of `--hole`. The siege is
tested on it (`tests/limiters.rs`). The standard library only.
"""

import argparse
import collections
import email.utils
import http.server
import json
import math
import threading
import time

KEYS = {"lim_alice_4f9c2b7d1e8a6053": "alice", "lim_bob_9b3e6a1c7d20f548": "bob"}
BURST, WINDOW = 10, 2.0
LOCK = threading.Lock()
COUNTS = collections.defaultdict(lambda: (0.0, 0))


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    wbufsize, disable_nagle_algorithm = -1, True
    server_version, sys_version = "limiters", ""

    def log_message(self, *_):
        pass

    def answer(self, status, body, fields=()):
        data = json.dumps(body).encode()
        self.send_response(status)
        fields = [*fields, ("Content-Type", "application/json"), ("Content-Length", str(len(data)))]
        fields.append(("Cache-Control", "no-store"))
        if status == 401:
            fields.append(("WWW-Authenticate", 'Bearer realm="limiters"'))
        for name, value in fields:
            self.send_header(name, value)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(data)

    def key(self):
        """The key behind `Bearer`, however that is written."""
        values = self.headers.get_all("authorization") or []
        scheme, _, key = (values[0] if len(values) == 1 else "").partition(" ")
        return key if scheme.lower() == "bearer" else ""

    def client(self):
        """Whom the limit counts."""
        limit, address = OPTIONS.limit, self.client_address[0]
        if limit == "key" and self.key() in KEYS:
            return self.key()
        if limit == "passed-through":
            return self.headers.get("x-forwarded-for", "gateway")
        return "gateway" if limit == "gateway" else address

    def refused(self):
        """Windows that begin with a client's first request: 10 in 2 seconds."""
        now = time.monotonic()
        with LOCK:
            begins, count = COUNTS[self.client()]
            if now - begins >= WINDOW:
                begins, count = now, 0
            COUNTS[self.client()] = (begins, count + 1)
        if count < BURST or OPTIONS.limit == "absent":
            return False
        left = max(1, math.ceil(begins + WINDOW - now))
        after = email.utils.formatdate(time.time() + left, usegmt=True)
        self.answer(429, {"error": "slow down"}, [("Retry-After", after)])
        return True

    def principal(self):
        if OPTIONS.hole == "internal" and self.headers.get("x-forwarded-for") == "127.0.0.1":
            return "internal"
        return KEYS.get(self.key())

    def do_GET(self):
        path = self.path.split("?")[0]
        if path == "/health":
            return self.answer(200, {"status": "ok"})
        if self.refused():
            return None
        who = self.principal()
        if who is None:
            return self.answer(401, {"error": "no key"})
        if path == "/tasks":
            return self.answer(200, {"tasks": ["water the plants"] if who == "alice" else []})
        if path == "/tasks/1":
            found = who == "alice"
            return self.answer(200 if found else 404, {"task": "water the plants"} if found else {})
        if path == "/admin":
            is_open = OPTIONS.hole == "admin"
            return self.answer(200 if is_open else 403, {"clients": 2} if is_open else {})
        return self.answer(404, {"error": "not found"})

    do_HEAD = do_GET

    def do_POST(self):
        if self.refused():
            return None
        self.close_connection = True
        who = self.principal()
        return self.answer(405 if who else 401, {})

    do_PUT = do_PATCH = do_DELETE = do_OPTIONS = do_POST


class Server(http.server.ThreadingHTTPServer):
    request_queue_size, daemon_threads = 256, True


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--port", type=int, default=0)
    limits = ["address", "key", "gateway", "passed-through", "absent"]
    parser.add_argument("--limit", choices=limits, default="address")
    parser.add_argument("--hole", choices=["internal", "admin"])
    OPTIONS = parser.parse_args()
    server = Server(("127.0.0.1", OPTIONS.port), Handler)
    print(f"listening on http://127.0.0.1:{server.server_address[1]}", flush=True)
    server.serve_forever()
