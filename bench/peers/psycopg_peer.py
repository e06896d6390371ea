"""psycopg with libpq's list of hosts as a peer (see README.md).

As its documentation says: an AsyncConnectionPool, the URL of all nodes with target_session_attrs, autocommit for single statements.
libpq has no limit for an answer; connect_timeout is for connecting.
"""

import asyncio
import sys
from importlib.metadata import version

from psycopg_pool import AsyncConnectionPool

from line_protocol import SELECT, UPDATE, WRITE, serve


class Psycopg:
    version = f"psycopg {version('psycopg')}, psycopg_pool {version('psycopg_pool')}"

    def __init__(self, url):
        self.url = f"{url}?target_session_attrs=read-write&connect_timeout=2"

    async def open(self):
        self.pool = AsyncConnectionPool(self.url, max_size=10, kwargs={"autocommit": True}, open=False)
        await self.pool.open()

    def acquire(self):
        return self.pool.connection()

    async def write(self, connection, number):
        cursor = await connection.execute(WRITE.format("%s"), [number])
        return (await cursor.fetchone())[0]

    async def select(self, connection, number):
        cursor = await connection.execute(SELECT.format("%s"), [number])
        return await cursor.fetchone()

    async def update(self, connection, number):
        await connection.execute(UPDATE.format("%s"), [number])

    def leaves_open(self, error):
        """A reply of the server is certain; a lost connection has no SQLSTATE."""
        return getattr(error, "sqlstate", None) is None

    def offers(self, index):
        raise NotImplementedError("libpq has no picture of the nodes")


asyncio.run(serve(Psycopg(sys.argv[1])))
