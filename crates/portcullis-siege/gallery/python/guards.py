"""What stands before a handler: keys and quotas."""

import hashlib
import math
import time
from urllib.parse import parse_qs

from clients import client_of, status_of
from planted import BURST, EXPIRED, OTHER, PER_SECOND, Refused, fault

# In whose place a key may stand, with a fault.
PARAMETERS = {
    "key-in-query": ("api_key", "key", "x-api-key"),
    "key-as-access-token": ("access_token",),
}


class Guards:
    """Those of a server."""

    def authenticate(self, connection, request):
        if fault("head-needs-no-key") and request.method == b"HEAD":
            return
        client, now = client_of(connection.peer, request), time.monotonic()
        seconds = self.locks.seconds(client, now)
        if seconds:
            raise Refused(429, ("Retry-After", str(seconds)))
        key = key_of(request)
        if fault("known-keys-hashed") and (key or b"").startswith(b"pys_valid_"):
            hashlib.pbkdf2_hmac("sha256", key, b"salt", 40_000)
        status = status_of(key) if key is not None else 401
        if fault("empty-key-opens") and key == b"":
            status = 200
        if status == 401:
            is_counted = not fault("lockout-known-only") or (key or b"").startswith(b"pys_valid_")
            if key is not None and is_counted:
                self.locks.add(client, now)
            if fault("refuses-with-403"):
                raise Refused(403)
            challenge = [] if fault("challenge-missing") else [("WWW-Authenticate", "ApiKey")]
            if fault("wrong-key-differs") and key is not None:
                raise Refused(403)
            raise Refused(401, *challenge, *told(key))
        if fault("lockout-forgotten-by-success"):
            self.locks.forget(client)
        if status == 403:
            if fault("unscoped-told-paths") and request.path not in self.routes:
                raise Refused(404)
            raise Refused(403)
        request.is_other = key == OTHER

    def limit(self, connection, request):
        """Charges the client. Returns the fields that tell of its quota."""
        if fault("limiter-skips-conditional") and request.one(b"if-none-match"):
            return []
        if fault("limiter-skips-queries") and request.query:
            return []
        client = client_of(connection.peer, request)
        if fault("limiter-one-for-all"):
            client = ""
        elif fault("limiter-by-connection", "limiter-by-peer-port"):
            client = connection.writer.get_extra_info("peername")[:2]
        elif fault("limiter-by-agent"):
            client = (client, request.one(b"user-agent"))
        elif fault("limiter-by-path"):
            client = (client, request.path, request.query)
        elif fault("limiter-by-slash", "limiter-by-case"):
            client = (client, request.path)
        elif fault("limiter-by-method"):
            client = (client, request.method)
        elif fault("limiter-by-any-key"):
            client = request.one(b"x-api-key") or client
        left, wait = self.limiter.take(client, time.monotonic())
        if fault("limiter-missing"):
            left = BURST
        elif fault("quota-only-watched"):
            left = max(0, left)
        fields = [
            ("RateLimit-Policy", f'"client";q={BURST};w={BURST // PER_SECOND}'),
            ("RateLimit", f'"client";r={max(0, left)};t={math.ceil(wait)}'),
        ]
        if left >= 0:
            return fields
        after = 0 if fault("retry-after-zero") else max(1, math.ceil(wait))
        if not fault("no-retry-after"):
            fields.append(("Retry-After", str(after)))
        raise Refused(503 if fault("limiter-503") else 429, *fields)

    def is_shown(self, request):
        """Whether the stack is shown to who seems to be a developer."""
        if fault("html-traceback"):
            return b"text/html" in (request.one(b"accept") or b"")
        if fault("debug-parameter"):
            return b"debug" in parse_qs(request.query)
        return fault("json-traceback")


def key_of(request):
    key = request.one(b"x-api-key")
    values = parse_qs(request.query.decode("latin-1"))
    for name, names in PARAMETERS.items():
        if fault(name) and key is None:
            key = next((values[name][0].encode() for name in names if name in values), None)
    if fault("key-in-authorization") and key is None:
        scheme, _, given = (request.one(b"authorization") or b"").partition(b" ")
        key = given if scheme.lower() == b"bearer" and given else None
    return key


def told(key):
    """Fields of a refusal that tell its cause."""
    if fault("expired-key-field") and key == EXPIRED:
        return [("X-Key-Expired", "true")]
    if fault("wrong-secret-field") and key is not None and key.startswith(b"pys_valid_"):
        return [("X-Key-Id", "valid")]
    if fault("wrong-key-field") and key is not None:
        return [("X-Auth-Error", "invalid_key")]
    return []
