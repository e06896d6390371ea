import { createTestCluster, disagreements, startLoad, type TestCluster } from '@pgherd/testing';
import { createCluster } from 'pgherd';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { PATIENT } from '../../src/support.ts';

let servers: TestCluster;

beforeAll(async () => {
  servers = await createTestCluster({ standbys: 0 });
  await servers.primary.appSql('create table journal (id int)');
});
afterAll(() => servers?.close());

/** The page docs/one-server.md has the figure. */
it('a lone server restarts under load, and no call fails', async () => {
  await using db = createCluster({ url: servers.url, ...PATIENT });
  await using load = startLoad({
    write: (id) => db.query('insert into journal values ($1)', [id]),
    read: () => db.read.query('select count(*) from journal where id = 1'),
  });
  await load.acknowledged(100);
  await servers.primary.stop('fast');
  await servers.primary.start();
  await load.acknowledged(100);
  await load.stop();

  const calls = load.writes.length + load.reads.length;
  const failed = [...load.failedReads, ...load.failedWrites];
  console.log(
    `${calls} calls through a restart: ${failed.length} errors, ${load.unknownWrites.length} unknown, ` +
      `longest gap ${Math.round(load.longestGapMs)} ms`,
  );
  expect(failed).toEqual([]);
  const stored = await servers.primary.appSql('select id from journal');
  expect(
    disagreements(
      load.books,
      stored.map((row) => Number(row['id'])),
    ),
  ).toEqual([]);
});
