"""Passes connections on. Its argument is a JSON list of [from, [to, ...]]; an address is a path or host:port.

A load balancer in small: each connection goes to the next target that takes it.
"""

import asyncio
import itertools
import json
import sys

CONNECT_SECONDS = 3


async def connect(address):
    if address.startswith("/"):
        return await asyncio.open_unix_connection(address)
    host, _, port = address.rpartition(":")
    return await asyncio.wait_for(asyncio.open_connection(host, int(port)), CONNECT_SECONDS)


async def pump(reader, writer):
    try:
        while data := await reader.read(65536):
            writer.write(data)
            await writer.drain()
        writer.write_eof()
    except OSError:
        writer.close()


class Relay:
    def __init__(self, targets):
        self.targets = targets
        self.turn = itertools.count()

    async def serve(self, reader, writer):
        first = next(self.turn)
        for offset in range(len(self.targets)):
            try:
                other = await connect(self.targets[(first + offset) % len(self.targets)])
            except (OSError, asyncio.TimeoutError):
                continue
            await asyncio.gather(pump(reader, other[1]), pump(other[0], writer))
            other[1].close()
            break
        writer.close()


async def main():
    servers = []
    for address, targets in json.loads(sys.argv[1]):
        relay = Relay(targets)
        if address.startswith("/"):
            servers.append(await asyncio.start_unix_server(relay.serve, address))
        else:
            host, _, port = address.rpartition(":")
            servers.append(await asyncio.start_server(relay.serve, host, int(port)))
    print("ready", flush=True)
    await asyncio.gather(*(server.serve_forever() for server in servers))


asyncio.run(main())
