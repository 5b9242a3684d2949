"""Routes."""

import asyncio
import json
import re
import secrets
import traceback
from urllib.parse import parse_qs, unquote, unquote_to_bytes

from answers import allowed, allows, encode, request_id
from planted import PREFLIGHT, REQUEST_SECONDS, Bad, Refused, fault


class Routes:
    """A handler for each."""

    def __init__(self):
        self.draining, self.pool = False, 16
        self.routes = {
            b"/health": ({b"GET": self.health}, False),
            b"/ready": ({b"GET": self.ready}, False),
            b"/api/hello": ({b"GET": self.hello}, True),
            b"/api/limited": ({b"GET": self.limited}, False),
            b"/api/echo": ({b"POST": self.echo}, False),
            b"/api/own": (self.methods_of_own(), True),
            b"/api/admin": ({b"GET": self.admin}, True),
            b"/metrics": ({b"GET": self.metrics}, not fault("metrics-open")),
            b"/": ({b"GET": self.page}, False),
            b"/api/panic": ({b"GET": self.panic}, False),
            b"/api/panic-body": ({b"GET": self.panic_body}, False),
            b"/api/slow": ({b"GET": self.slow}, False),
            b"/api/large": ({b"GET": self.large}, False),
        }

    async def ok(self, connection, request, body, kind="application/json", fields=()):
        head = [("Content-Type", kind), ("X-Request-Id", request_id(request)), *fields]
        await connection.send(request, 200, head, body, request.close or self.draining)

    async def options(self, connection, request, methods):
        if request.chunked or request.length:
            raise Bad
        head = [("Allow", allowed(methods))]
        if not fault("options-without-id"):
            head.append(("X-Request-Id", request_id(request)))
        if request.one(PREFLIGHT) is not None:
            origin = request.one(b"origin")
            if origin is None or not allows(origin.decode("latin-1")):
                raise Refused(403)
            names = "X-API-Key, Content-Type"
            if fault("preflight-headers-mirrored"):
                names = (request.one(b"access-control-request-headers") or b"").decode("latin-1")
            head += [
                ("Access-Control-Allow-Methods", allowed(methods)),
                ("Access-Control-Allow-Headers", names),
            ]
        await connection.send(request, 204, head, b"", request.close or self.draining)

    async def health(self, connection, request):
        body = {"status": "ok"}
        if fault("health-tells-dsn"):
            body["database"] = "postgresql://gallery:hunter2@db.internal:5432/gallery"
        if fault("sql-told") and "'" in unquote(request.query.decode("latin-1")):
            raise Refused(400, detail="sqlite3.OperationalError: unrecognized token: \"'\"")
        if fault("bytes-told"):
            read_text(request.query)
        if fault("host-forwarded"):
            body["host"] = (request.one(b"x-forwarded-host") or b"").decode("latin-1")
        await self.ok(connection, request, json.dumps(body).encode())

    async def ready(self, connection, request):
        if self.draining and not fault("ready-while-draining"):
            raise Refused(503)
        await self.ok(connection, request, b'{"status":"ready"}')

    async def hello(self, connection, request):
        who = b"guest" if hasattr(request, "guest") else b"client"
        await self.ok(connection, request, b'{"hello":"' + who + b'"}')

    async def limited(self, connection, request):
        fields = self.limit(connection, request)
        await self.ok(connection, request, b'{"limited":true}', fields=fields)

    async def echo(self, connection, request):
        kind = request.one(b"content-type") or b""
        if kind.startswith(b"application/json") and fault("json-fails", "json-traceback", "json-recursion"):
            read_json(request.body)
        shown = "application/octet-stream"
        if fault("content-type-echoed") and kind:
            shown = kind.decode("latin-1")
        await self.ok(connection, request, request.body, shown)

    def methods_of_own(self):
        return {b"GET": self.own, **({b"PUT": self.put_own} if fault("own-replaced-by-any") else {})}

    async def put_own(self, connection, request):
        if set(json.loads(request.body)) != {"balance"}:
            raise Refused(422)
        await self.ok(connection, request, request.body)

    async def own(self, connection, request):
        """What belongs to one client."""
        if fault("condition-before-owner") and request.one(b"if-match"):
            raise Refused(412)
        if fault("own-suffix-kept") and request.path != b"/api/own":
            kept = [("Cache-Control", "public, max-age=3600")]
            return await self.ok(connection, request, b'{"balance":"of the first client"}', fields=kept)
        if request.is_other and not fault("own-unchecked"):
            raise Refused(404)
        await self.ok(connection, request, b'{"balance":"of the first client"}')

    async def admin(self, connection, request):
        """What none of the keys may do."""
        is_head = fault("admin-head-unchecked") and request.method == b"HEAD"
        has_role = fault("admin-by-role-header") and request.one(b"x-role") == b"admin"
        is_spelled = fault("admin-encoded-unchecked") and request.path != b"/api/admin"
        if not is_head and not has_role and not is_spelled:
            raise Refused(403)
        await self.ok(connection, request, b'{"clients":"all of them"}')

    async def metrics(self, connection, request):
        await self.ok(connection, request, b"up 1\n", "text/plain; version=0.0.4")

    async def page(self, connection, request):
        nonce = secrets.token_urlsafe(16)
        policy = f"default-src 'none'; script-src 'nonce-{nonce}'; frame-ancestors 'none'"
        if fault("csp-unsafe-inline"):
            policy = "default-src 'none'; script-src 'self' 'unsafe-inline'; frame-ancestors 'none'"
        elif fault("csp-any-host"):
            policy = "default-src 'none'; script-src https:; frame-ancestors 'none'"
        body = f'<!doctype html><title>Gallery</title><script nonce="{nonce}"></script>'
        ranges = request.one(b"range")
        if fault("ranges-uncounted") and ranges:
            return await self.parts(connection, request, ranges, body)
        fields = [("Content-Security-Policy", policy)]
        await self.ok(connection, request, body.encode(), "text/html; charset=utf-8", fields)

    async def redirect(self, connection, request, place):
        head = [("Location", place.decode("latin-1")), ("X-Request-Id", request_id(request))]
        await connection.send(request, 308, head, b"", request.close or self.draining)

    async def panic(self, _connection, _request):
        if fault("pool-not-given-back"):
            self.pool -= 1
            if self.pool < 0:
                raise Refused(503)
        raise RuntimeError("siege panic: password of the store is hunter2")

    async def panic_body(self, connection, request):
        head = [("Content-Type", "text/plain"), ("X-Request-Id", request_id(request)),
                ("Transfer-Encoding", "chunked")]
        data = encode(200, connection.head_of(request, 200, head, False))
        if request.method == b"HEAD":
            return await connection.write(data)
        await connection.write(data + b"5\r\nfirst\r\n")
        if fault("panic-body-ended-clean"):
            return await connection.write(b"0\r\n\r\n")
        connection.writer.transport.abort()
        raise ConnectionAbortedError

    async def slow(self, connection, request):
        values = parse_qs(request.query.decode("latin-1")).get("ms", ["0"])
        if not re.fullmatch(r"[0-9]{1,7}", values[0]):
            raise Refused(400)
        try:
            limit = None if fault("deadline-missing") else REQUEST_SECONDS
            await asyncio.wait_for(asyncio.sleep(int(values[0]) / 1000), limit)
        except TimeoutError:
            raise Refused(503, ("Retry-After", "1")) from None
        await self.ok(connection, request, b'{"slow":true}')

    async def large(self, connection, request):
        piece, count = b"a" * (64 << 10), 256
        head = [("Content-Type", "application/octet-stream"), ("X-Request-Id", request_id(request)),
                ("Content-Length", str(len(piece) * count))]
        close = request.close or self.draining
        await connection.write(encode(200, connection.head_of(request, 200, head, close)))
        for _ in range(0 if request.method == b"HEAD" else count):
            await connection.write(piece)

    async def parts(self, connection, request, ranges, text):
        """Every range that was wanted."""
        parts = []
        for one in ranges.decode("latin-1").removeprefix("bytes=").split(","):
            first, _, last = one.strip().partition("-")
            piece = text[int(first):int(last) + 1 if last else None]
            parts.append(f"--part\r\nContent-Range: bytes {one}/{len(text)}\r\n\r\n{piece}\r\n")
        head = [("Content-Type", "multipart/byteranges; boundary=part"),
                ("X-Request-Id", request_id(request))]
        body = "".join(parts).encode() + b"--part--"
        await connection.send(request, 206, head, body, request.close)


def read_text(query):
    try:
        return unquote_to_bytes(query).decode()
    except UnicodeDecodeError:
        raise Refused(400, detail=traceback.format_exc()) from None


def read_json(body):
    try:
        return json.loads(body)
    except RecursionError:
        raise
    except ValueError:
        if fault("json-fails", "json-traceback"):
            raise
        return None
