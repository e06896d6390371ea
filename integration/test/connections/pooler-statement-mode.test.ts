import { createTestCluster } from '@pgherd/testing';
import { createCluster } from 'pgherd';
import { describe, expect, it } from 'vitest';
import { pgbouncerPath, startPgBouncer } from '../../src/pgbouncer.ts';
import { PATIENT, rejection } from '../../src/support.ts';

// Where CI runs it is installed; elsewhere a machine may lack it.
const suite = pgbouncerPath === undefined && process.env['CI'] === undefined ? describe.skip : describe;

suite('PgBouncer with pool_mode = statement', () => {
  it('is refused by its name, whatever comes first', async () => {
    await using cluster = await createTestCluster({ standbys: 0 });
    await using bouncer = await startPgBouncer(cluster.primary, { pool_mode: 'statement' });
    await using db = createCluster({ url: bouncer.url, ...PATIENT });
    const works = [
      () => db.transaction((tx) => tx.query('select 1')),
      () => db.read.query('select 1'),
      () => db.begin(),
    ];
    for (const work of works) {
      expect(await rejection(work())).toMatchObject({
        code: 'PGHERD_UNSUPPORTED',
        message: expect.stringContaining('pool_mode = statement'),
      });
    }
  });
});
