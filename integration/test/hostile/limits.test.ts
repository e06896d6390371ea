import { inspect } from 'node:util';
import { createTestCluster, type TestCluster } from '@pgherd/testing';
import { type Cluster, createCluster } from 'pgherd';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { GUESTS } from '../../src/guests.ts';
import { PATIENT, rejection } from '../../src/support.ts';

const MOST_BYTES = 50_000;
const LONG = `select repeat('x', ${2 * MOST_BYTES}) as it`;
const FITS = `select repeat('x', ${MOST_BYTES / 2}) as it`;

let cluster: TestCluster;
const opened: Cluster[] = [];

function openWith(options: object): Cluster {
  const db = createCluster({ url: cluster.url, ...PATIENT, ...options });
  opened.push(db);
  return db;
}

beforeAll(async () => {
  cluster = await createTestCluster({ standbys: 0, auth: 'scram-sha-256' });
});
afterEach(async () => {
  for (const db of opened.splice(0)) await db.close();
});
afterAll(() => cluster?.close());

describe('maxMessageBytes', () => {
  it('a longer row ends its connection, and the next call has another one', async () => {
    const db = openWith({ maxMessageBytes: MOST_BYTES, pool: { max: 1 } });
    const before = await db.one('select pg_backend_pid() as pid');
    expect(inspect(await rejection(db.query(LONG)))).toContain(`and ${MOST_BYTES} are the limit`);
    expect((await db.one(FITS))['it']).toHaveLength(MOST_BYTES / 2);
    expect(await db.one('select pg_backend_pid() as pid')).not.toEqual(before);
  });

  it.each(GUESTS)('it holds for %s as a guest, too', async (_client, make) => {
    const db = openWith({ maxMessageBytes: MOST_BYTES });
    await using guest = make(db);
    expect(inspect(await rejection(guest.run(LONG)))).toContain(`and ${MOST_BYTES} are the limit`);
    expect(await guest.run(FITS)).toMatchObject([{ it: 'x'.repeat(MOST_BYTES / 2) }]);
  });
});

describe('scramMaxIterations', () => {
  it('a server that asks for more is refused before the password is used, unless the option allows it', async () => {
    await cluster.sql(
      cluster.primary,
      "set scram_iterations = 150000; alter role app password 'app'; reset scram_iterations",
    );
    const refused = await rejection(openWith({ waitTimeoutMs: 5_000 }).query('select 1'));
    expect(inspect(refused)).toContain('100000 are allowed (option scramMaxIterations)');
    expect(await openWith({ scramMaxIterations: 150_000 }).one('select 1 as n')).toEqual({ n: 1 });
  });
});
