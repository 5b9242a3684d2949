"""Routes."""

import asyncio
import json
import re
from urllib.parse import parse_qs

from answers import allowed, allows, encode, request_id
from planted import PREFLIGHT, REQUEST_SECONDS, Bad, Refused, fault


class Routes:
    """A handler for each."""

    def __init__(self):
        self.draining = False
        self.routes = {
            b"/health": ({b"GET": self.health}, False),
            b"/ready": ({b"GET": self.ready}, False),
            b"/api/hello": ({b"GET": self.hello}, True),
            b"/api/limited": ({b"GET": self.limited}, False),
            b"/api/echo": ({b"POST": self.echo}, False),
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
        head = [("Allow", allowed(methods)), ("X-Request-Id", request_id(request))]
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
        if fault("host-forwarded"):
            body["host"] = (request.one(b"x-forwarded-host") or b"").decode("latin-1")
        await self.ok(connection, request, json.dumps(body).encode())

    async def ready(self, connection, request):
        if self.draining:
            raise Refused(503)
        await self.ok(connection, request, b'{"status":"ready"}')

    async def hello(self, connection, request):
        await self.ok(connection, request, b'{"hello":"client"}')

    async def limited(self, connection, request):
        fields = self.limit(connection, request)
        await self.ok(connection, request, b'{"limited":true}', fields=fields)

    async def echo(self, connection, request):
        await self.ok(connection, request, request.body, "application/octet-stream")

    async def panic(self, _connection, _request):
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
