"""The one way out of a sandbox: a port of its own loopback that leads to a Unix socket of the server's.

``python bridge.py PORT SOCKET COMMAND...`` listens first and then becomes the command; a child of it carries what
comes. It imports nothing of the package: only the standard library is sure to be seen in there.
"""

from __future__ import annotations

import asyncio
import os
import socket
import sys
from contextlib import suppress


def main() -> None:
    """Listen, and become the command."""
    port, path, *command = sys.argv[1:]
    listener = socket.create_server(("127.0.0.1", int(port)))
    if os.fork():
        listener.close()
        os.execv(command[0], command)  # noqa: S606
    asyncio.run(_carry(listener, path))


async def _carry(listener: socket.socket, path: str) -> None:
    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        answers, asked = await asyncio.open_unix_connection(path)
        await asyncio.gather(_pump(reader, asked), _pump(answers, writer))

    server = await asyncio.start_server(serve, sock=listener)
    await server.serve_forever()


async def _pump(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with suppress(ConnectionError):
        while data := await reader.read(2**16):
            writer.write(data)
            await writer.drain()
    writer.close()


if __name__ == "__main__":
    main()
