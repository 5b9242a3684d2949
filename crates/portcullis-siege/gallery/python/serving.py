"""From a connection to a route."""

import asyncio
import math
import resource
import sys
import time
import traceback
from urllib.parse import parse_qs

from answers import allowed
from clients import Buckets, Locks, client_of, status_of
from connections import Connection
from planted import (
    BURST, CLIENT_CONNECTIONS, CONNECTIONS, DRAIN_SECONDS, IN_FLIGHT, METHODS, PER_SECOND, PREFLIGHT,
    PROBES, Refused, fault,
)
from routes import Routes


class Server(Routes):
    """What all connections share."""

    def __init__(self):
        super().__init__()
        self.limiter, self.locks = Buckets(), Locks()
        self.connections, self.in_flight = {}, 0
        # asyncio is busy where no descriptor is left: some must be.
        descriptors, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
        self.most = min(CONNECTIONS, descriptors - 64)

    async def accept(self, reader, writer):
        connection = Connection(self, reader, writer)
        same = sum(other.peer == connection.peer for other in self.connections.values())
        task = asyncio.current_task()
        try:
            if len(self.connections) < self.most and same < CLIENT_CONNECTIONS:
                writer.transport.set_write_buffer_limits(high=0)
                self.connections[task] = connection
                await connection.run()
        except asyncio.CancelledError:
            writer.transport.abort()
        finally:
            self.connections.pop(task, None)
            writer.close()

    async def serve(self, connection, request):
        """Answers one request. Returns whether the connection goes on."""
        try:
            await self.answer(connection, request)
        except Refused as refused:
            if refused.close:
                raise
            if request.chunked or request.length:
                if not fault("cl-te-kept-open", "te-cl-kept-open", "lengths-checked-once"):
                    # What is left of a body would be the next request.
                    refused.close = True
                    raise
                await connection.body(request)
            close = request.close or self.draining
            await connection.problem(request, refused.status, refused.fields, close)
        except (ConnectionError, asyncio.IncompleteReadError, TimeoutError):
            return False
        except Exception as error:
            print("".join(traceback.format_exception(error)), file=sys.stderr, flush=True)
            detail = None
            if fault("panic-text-leaked"):
                detail = f"exception in a handler: {error}"
            elif fault("traceback-in-500"):
                detail = "".join(traceback.format_exception(error))
            if fault("panic-kills-connection"):
                return False
            await connection.refuse(request, Refused(500), detail)
            return False
        if request.close or self.draining:
            await connection.linger()
            return False
        return True

    async def answer(self, connection, request):
        if fault("trace-echoed") and request.method == b"TRACE":
            body = b"".join(name + b": " + value + b"\r\n" for name, value in request.fields)
            return await self.ok(connection, request, body, "message/http")
        path = request.path
        if fault("slash-needs-no-key") and path == b"/api/hello/":
            return await self.hello(connection, request)
        methods, needs_key = self.routes.get(path, ({}, False))
        is_probe = path in PROBES
        if not is_probe:
            self.shed()
        if is_probe and fault("probes-limited"):
            self.limit(connection, request)
        is_preflight = request.method == b"OPTIONS" and request.one(PREFLIGHT) is not None
        if request.method == b"TRACE":
            raise Refused(405, ("Allow", "GET, HEAD, OPTIONS"))
        if request.method not in METHODS:
            raise Refused(501)
        if needs_key and not is_preflight:
            self.authenticate(connection, request)
        if request.method == b"OPTIONS":
            return await self.options(connection, request, methods)
        method = b"GET" if request.method == b"HEAD" else request.method
        if not methods:
            raise Refused(404)
        if method not in methods:
            raise Refused(405, ("Allow", allowed(methods)))
        await self.handle(methods[method], connection, request)

    async def handle(self, handler, connection, request):
        """A handler with its body. Who sends one where none is wanted has it read within the limit."""
        coding = request.one(b"content-encoding")
        if coding is not None and coding.lower() != b"identity":
            raise Refused(415, ("Accept-Encoding", "identity"))
        request.body = await connection.body(request)
        request.chunked, request.length = False, 0
        if request.path not in PROBES:
            self.shed()
        self.in_flight += 1
        try:
            await handler(connection, request)
        finally:
            self.in_flight -= 1

    def shed(self):
        """A body that is still read takes nobody's place; a handler does."""
        if self.in_flight >= IN_FLIGHT and not fault("no-shedding"):
            raise Refused(503, ("Retry-After", "1"))

    def authenticate(self, connection, request):
        if fault("head-needs-no-key") and request.method == b"HEAD":
            return
        client, now = client_of(connection.peer, request), time.monotonic()
        seconds = self.locks.seconds(client, now)
        if seconds:
            raise Refused(429, ("Retry-After", str(seconds)))
        key = request.one(b"x-api-key")
        if fault("key-in-query") and key is None:
            values = parse_qs(request.query.decode("latin-1"))
            key = next((values[name][0].encode() for name in ("api_key", "key", "x-api-key")
                        if name in values), None)
        status = status_of(key) if key is not None else 401
        if status == 401:
            if key is not None:
                self.locks.add(client, now)
            challenge = [] if fault("challenge-missing") else [("WWW-Authenticate", "ApiKey")]
            if fault("wrong-key-differs") and key is not None:
                raise Refused(403)
            raise Refused(401, *challenge)
        if fault("lockout-forgotten-by-success"):
            self.locks.forget(client)
        if status == 403:
            raise Refused(403)

    def limit(self, connection, request):
        """Charges the client. Returns the fields that tell of its quota."""
        client = client_of(connection.peer, request)
        if fault("limiter-one-for-all"):
            client = ""
        elif fault("limiter-by-connection"):
            client = id(connection)
        elif fault("limiter-by-agent"):
            client = (client, request.one(b"user-agent"))
        elif fault("limiter-by-path"):
            client = (client, request.path, request.query)
        left, wait = self.limiter.take(client, time.monotonic())
        if fault("limiter-missing"):
            left = BURST
        fields = [
            ("RateLimit-Policy", f'"client";q={BURST};w={BURST // PER_SECOND}'),
            ("RateLimit", f'"client";r={max(0, left)};t={math.ceil(wait)}'),
        ]
        if left >= 0:
            return fields
        after = 0 if fault("retry-after-zero") else max(1, math.ceil(wait))
        if not fault("no-retry-after"):
            fields.append(("Retry-After", str(after)))
        raise Refused(429, *fields)

    async def drain(self, listener):
        """No new connection, none that idles, and an end to those that work."""
        self.draining = True
        listener.close()
        for task, connection in list(self.connections.items()):
            if not connection.busy or fault("stop-drops-requests"):
                task.cancel()
        _, late = await asyncio.wait([*self.connections, asyncio.create_task(asyncio.sleep(0))],
                                     timeout=DRAIN_SECONDS - 1)
        for task in late:
            task.cancel()
        await asyncio.sleep(0.05)
