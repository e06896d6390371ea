"""hasql over asyncpg as a peer (see README.md). Nothing is set up beyond what hasql's README shows."""

import asyncio
import sys
from importlib.metadata import version

import asyncpg
from hasql.asyncpg import PoolManager

from line_protocol import SELECT, UPDATE, WRITE, serve


class Hasql:
    version = f"hasql {version('hasql')}, asyncpg {asyncpg.__version__}"

    def __init__(self, url):
        self.url = url

    async def open(self):
        self.pool = PoolManager(self.url)

    def acquire(self):
        return self.pool.acquire_master()

    async def write(self, connection, number):
        return await connection.fetchval(WRITE.format("$1"), number)

    async def select(self, connection, number):
        return await connection.fetchrow(SELECT.format("$1"), number)

    async def update(self, connection, number):
        return await connection.execute(UPDATE.format("$1"), number)

    def leaves_open(self, error):
        """A reply of the server is certain; a connection that asyncpg reports as lost (class 08) is not."""
        code = getattr(error, "sqlstate", None)
        return code is None or code.startswith("08")

    def offers(self, index):
        node = self.pool.pools[index]
        return node is not None and self.pool.pool_is_master(node)


asyncio.run(serve(Hasql(sys.argv[1])))
