"""hasql as a client under test: told what to do by lines on its input, telling what came of it by lines on its output.

    write ID          ->  ok ID PORT | open ID MESSAGE | closed ID MESSAGE
    offers ID INDEX   ->  offers ID yes | offers ID no

`open` is an error that leaves open whether the row was written, `closed` one after which it certainly was not. The end
of the input is the end of the program. Needs hasql and asyncpg; nothing is set up beyond what hasql's README shows.
"""

import asyncio
import sys

import asyncpg
from hasql.asyncpg import PoolManager

WRITE = "insert into bench_write (id) values ($1) returning inet_server_port()"


def tell(*words):
    print(*words, flush=True)


def leaves_open(error):
    """A reply of the server is certain; a connection that asyncpg reports as lost (class 08) is not."""
    code = getattr(error, "sqlstate", None)
    return code is None or code.startswith("08")


async def write(pool, number):
    sent = False
    try:
        async with pool.acquire_master() as connection:
            sent = True
            port = await connection.fetchval(WRITE, number)
        tell("ok", number, port)
    except Exception as error:
        outcome = "open" if sent and leaves_open(error) else "closed"
        message = f"{type(error).__name__}: {error}".replace("\n", " ")
        tell(outcome, number, message)


def offers(pool, index):
    """Whether the node of this place in the URL is among those that writes may go to."""
    node = pool.pools[index]
    return node is not None and pool.pool_is_master(node)


async def main(url):
    pool = PoolManager(url)
    reader = asyncio.StreamReader()
    loop = asyncio.get_running_loop()
    await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin)
    running = set()
    while line := (await reader.readline()).decode().split():
        match line:
            case ["write", number]:
                task = asyncio.create_task(write(pool, int(number)))
                running.add(task)
                task.add_done_callback(running.discard)
            case ["offers", number, index]:
                tell("offers", number, "yes" if offers(pool, int(index)) else "no")


asyncio.run(main(sys.argv[1]))
