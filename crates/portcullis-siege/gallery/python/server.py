#!/usr/bin/env python3
"""A right HTTP/1.1 server on raw asyncio, and with `--fault NAME` exactly one thing wrong.

The siege is tested on it: nothing must be found in the right one, and each fault (`faults.txt`, beside
this file) by its attack. What no standard forbids (`lawful.txt`) is no must. Every byte is parsed here,
strictly: what is ambiguous is refused and closes the connection. The standard library only.
"""

import asyncio
import signal
import socket
import sys

sys.dont_write_bytecode = True

from planted import ARGUMENTS, HEAD_BYTES, fault  # noqa: E402
from serving import Server  # noqa: E402


async def main(port):
    server, stop = Server(), asyncio.Event()
    longest = HEAD_BYTES * (100 if fault("head-unbounded", "target-unbounded") else 1)
    bound = socket.create_server(("127.0.0.1", port))
    # So many are accepted at once, before they are counted.
    listener = await asyncio.start_server(server.accept, sock=bound, limit=longest, backlog=4)
    bound.listen(1024)
    loop = asyncio.get_running_loop()
    for name in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(name, stop.set)
    print(f"listening on http://127.0.0.1:{listener.sockets[0].getsockname()[1]}", flush=True)
    await stop.wait()
    await server.drain(listener)
    if fault("ends-by-the-signal"):
        loop.remove_signal_handler(signal.SIGTERM)
        signal.raise_signal(signal.SIGTERM)


if __name__ == "__main__":
    asyncio.run(main(ARGUMENTS.port))
