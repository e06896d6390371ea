"""The line protocol of README.md for peers in Python: they are given what to do by lines, and say by lines what came of it.

A peer is an object with
    version              what is measured, in words
    open()               connects, or begins to
    acquire()            an asynchronous context with a connection; an error before it is entered means that nothing was sent
    write(connection, id)    executes WRITE, gives the port
    select(connection, id), update(connection, id)
    leaves_open(error)   whether a write that failed with it may have been executed
    offers(index)        whether writes may go to the node of this place in the URL (only where the client has such a picture)
"""

import asyncio
import json
import math
import random
import sys
import time

WRITE = "insert into bench_write (id) values ({0}) returning inet_server_port()"
SELECT = "select id, n, label from bench where id = {0}"
UPDATE = "update bench set n = n + 1 where id = {0}"
ROWS = 10_000
# Load runs for so long before anything counts, and the callers have spread out.
RAMP_S = 0.1


def tell(*words):
    print(*words, flush=True)


class Peer:
    """Does what the lines say."""

    def __init__(self, client):
        self.client = client
        self.updates = 0

    async def write(self, number):
        sent = False
        try:
            async with self.client.acquire() as connection:
                sent = True
                port = await self.client.write(connection, int(number))
            tell("ok", number, port)
        except Exception as error:
            outcome = "open" if sent and self.client.leaves_open(error) else "closed"
            tell(outcome, number, one_line(error))

    async def slice(self, number, work, callers, seconds):
        try:
            tell("slice", number, json.dumps(await self.measure(work, int(callers), float(seconds))))
        except Exception as error:
            tell("failed", number, one_line(error))

    async def measure(self, work, callers, seconds):
        begin = time.perf_counter() + RAMP_S
        end = begin + seconds
        times = []
        done = 0
        statement = self.client.update if work == "update" else self.client.select

        async def caller():
            nonlocal done
            while (begun := time.perf_counter()) < end:
                async with self.client.acquire() as connection:
                    await statement(connection, random.randint(1, ROWS))
                ended = time.perf_counter()
                done += 1
                if begin <= ended < end:
                    times.append((ended - begun) * 1000)

        before = time.process_time()
        await asyncio.gather(*(caller() for _ in range(callers)))
        busy = time.process_time() - before
        if work == "update":
            self.updates += done
        times.sort()
        return {
            "perSecond": len(times) / seconds,
            "p95Ms": percentile(times, 0.95),
            "p99Ms": percentile(times, 0.99),
            "clientUs": busy * 1e6 / max(1, done),
            "updates": self.updates,
        }


def percentile(times, share):
    return times[max(0, math.ceil(len(times) * share) - 1)] if times else 0


def one_line(error):
    return f"{type(error).__name__}: {error}".replace("\n", " ")


async def serve(client):
    """Until the input ends."""
    await client.open()
    tell("hello", client.version)
    peer = Peer(client)
    reader = asyncio.StreamReader()
    loop = asyncio.get_running_loop()
    await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin)
    running = set()

    def start(work):
        task = asyncio.create_task(work)
        running.add(task)
        task.add_done_callback(running.discard)

    while line := (await reader.readline()).decode().split():
        match line:
            case ["write", number]:
                start(peer.write(number))
            case ["slice", number, work, callers, seconds]:
                start(peer.slice(number, work, callers, seconds))
            case ["offers", number, index]:
                tell("offers", number, "yes" if client.offers(int(index)) else "no")
