"""From a connection to a route."""

import asyncio
import resource
import sys
import traceback

from answers import allowed
from bodies import unpacked
from clients import Buckets, Locks
from confusion import EXACT, checked_path, is_exempt, redirect_of, routed_path, served_method
from connections import Connection
from guards import Guards
from odd import read_head
from planted import (
    CLIENT_CONNECTIONS, CONNECTIONS, DRAIN_SECONDS, IN_FLIGHT, METHODS, PROBES, Refused, fault,
)
from routes import Routes


class Server(Guards, Routes):
    """What all connections share."""

    def __init__(self):
        super().__init__()
        self.limiter, self.locks = Buckets(), Locks()
        self.connections, self.in_flight, self.uploads = {}, 0, 0
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
            if fault("too-large-kept") and refused.status == 413 and not request.chunked:
                return await self.keep(connection, request, refused)
            if fault("expectation-refusal-kept") and refused.status == 417:
                return await self.keep(connection, request, refused)
            if refused.close:
                raise
            if request.chunked or request.length:
                kept = {405: "method-refusal-kept", 415: "media-refusal-kept"}.get(refused.status)
                if kept and fault(kept):
                    return await self.keep(connection, request, refused)
                if fault("early-refusal-kept") and refused.status in (401, 403, 404, 413, 429):
                    return await self.keep(connection, request, refused)
                if not fault(
                    "cl-te-kept-open", "te-cl-kept-open", "te-on-http10-kept-open",
                    "lengths-checked-once",
                ):
                    # What is left of a body would be the next request.
                    refused.close = True
                    raise
                await connection.body(request)
            close = request.close or self.draining
            detail = refused.detail
            if fault("version-told") and refused.status == 404:
                detail = "Python/3.11 aiohttp/3.8.1"
            await connection.problem(request, refused.status, refused.fields, close, detail)
        except (ConnectionError, asyncio.IncompleteReadError, TimeoutError):
            return False
        except Exception as error:
            print("".join(traceback.format_exception(error)), file=sys.stderr, flush=True)
            detail = None
            if fault("panic-text-leaked"):
                detail = f"exception in a handler: {error}"
            elif fault("traceback-in-500") or self.is_shown(request):
                detail = "".join(traceback.format_exception(error))
            if fault("panic-kills-connection"):
                return False
            await connection.refuse(request, Refused(500), detail)
            return False
        if request.close or self.draining:
            await connection.linger()
            return False
        return True

    async def keep(self, connection, request, refused):
        """A refusal, and the next request: whatever is left of this one."""
        await connection.problem(request, refused.status, refused.fields, request.close)
        return not request.close

    async def answer(self, connection, request):
        if fault("trace-echoed") and request.method == b"TRACE":
            body = b"".join(name + b": " + value + b"\r\n" for name, value in request.fields)
            return await self.ok(connection, request, body, "message/http")
        read_head(request)
        path, place = routed_path(request), redirect_of(request)
        if place is not None:
            return await self.redirect(connection, request, place)
        if fault("slash-needs-no-key") and path == b"/api/hello/":
            return await self.hello(connection, request)
        methods, _ = self.routes.get(path, ({}, False))
        is_probe = path in PROBES
        if not is_probe:
            self.shed()
        if is_probe and fault("probes-limited"):
            self.limit(connection, request)
        if request.method == b"TRACE":
            raise Refused(405, ("Allow", "GET, HEAD, OPTIONS"))
        if request.method not in METHODS:
            raise Refused(501)
        is_exempted = is_exempt(request)
        if fault("options-tell-methods") and request.method == b"OPTIONS" and not is_exempted:
            head = [("Allow", allowed(methods))]
            return await self.ok(connection, request, b"", "text/html", head)
        if fault("trailers-merged") and request.chunked:
            connection.merged = request
            await connection.body(request)
            request.chunked = False
        needs_key = self.needs_key(request) or is_probe and fault("probes-need-key")
        if needs_key and not is_exempted:
            self.authenticate(connection, request)
        method = served_method(request)
        if method == b"OPTIONS":
            return await self.options(connection, request, methods)
        if not methods:
            raise Refused(404)
        if method not in methods:
            raise Refused(405, ("Allow", allowed(methods)))
        await self.handle(methods[method], connection, request)

    def needs_key(self, request):
        """What is unknown below /api needs one too: who has none is not told what there is."""
        path = checked_path(request)
        if path in self.routes:
            return self.routes[path][1]
        return path.startswith(b"/api/") and not fault(*EXACT)

    async def handle(self, handler, connection, request):
        """A handler with its body. Who sends one where none is wanted has it read within the limit."""
        codings = b",".join(request.all(b"content-encoding")).lower().split(b",")
        codings = [coding.strip() for coding in codings if coding.strip() not in (b"", b"identity")]
        if codings and not fault("unpacked-eightfold", "codings-unpacked-unbounded", "deflate-unbounded"):
            raise Refused(415, ("Accept-Encoding", "identity"))
        if fault("upload-permits-leaked"):
            self.uploads += 1
        request.body = unpacked(await connection.body(request), codings)
        if fault("upload-permits-leaked"):
            self.uploads -= 1
        if not fault("get-body-unread", "chunked-get-unread"):
            request.chunked, request.length = False, 0
        if request.path not in PROBES:
            self.shed()
        is_kept = fault("panic-keeps-place")
        self.in_flight += 1
        try:
            await handler(connection, request)
            is_kept = False
        except Refused:
            is_kept = False
            raise
        finally:
            self.in_flight -= not is_kept

    def shed(self):
        """A body that is still read takes nobody's place; a handler does."""
        if self.in_flight + self.uploads >= IN_FLIGHT and not fault("no-shedding"):
            raise Refused(503, ("Retry-After", "1"))

    async def drain(self, listener):
        """No new connection, none that idles, and an end to those that work."""
        self.draining = True
        if fault("ready-while-draining"):
            await asyncio.sleep(DRAIN_SECONDS - 2)
        listener.close()
        for task, connection in list(self.connections.items()):
            if not connection.busy or fault("stop-drops-requests"):
                task.cancel()
        _, late = await asyncio.wait([*self.connections, asyncio.create_task(asyncio.sleep(0))],
                                     timeout=DRAIN_SECONDS - 1)
        for task in late:
            task.cancel()
        await asyncio.sleep(0.05)
