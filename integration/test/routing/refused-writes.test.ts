import { waitUntil } from '@pgherd/testing';
import { PgHerdError } from 'pgherd';
import { describe, expect, it } from 'vitest';
import { slowPolling } from '../../src/slow-polling.ts';
import { allCaughtUp, quiet, rejection } from '../../src/support.ts';

const setUp = slowPolling();

describe('25006', () => {
  it("of the user's own read-only transaction is an error like any other", async () => {
    const changes: unknown[] = [];
    setUp.db.on('topology:changed', ({ after }) => {
      if (after.nodes.some((node) => node.health !== 'ok')) changes.push(after);
    });
    setUp.db.on('primary:changed', (event) => changes.push(event));
    const pid = await setUp.db.one('select pg_backend_pid() as pid');
    let runs = 0;
    const error = await rejection(
      setUp.db.transaction(
        async (tx) => {
          runs++;
          await tx.query('insert into journal values (0)');
        },
        { readOnly: true, target: 'primary' },
      ),
    );
    expect(error).toMatchObject({ code: '25006', node: setUp.primaryName() });
    expect(runs).toBe(1);
    const own = rejection(
      setUp.db.transaction(async (tx) => {
        await tx.query('set transaction read only');
        await tx.query('insert into journal values (0)');
      }),
    );
    expect(await own).toMatchObject({ code: '25006' });
    expect(changes).toEqual([]);
    expect(setUp.roleOf(setUp.primaryName())).toBe('primary');
    await quiet(setUp.db);
    expect(await setUp.db.one('select pg_backend_pid() as pid')).toEqual(pid);
  });

  it('of a setting of the session passes too, and the primary stays', async () => {
    const error = await rejection(
      setUp.db.use(async (lease) => {
        await lease.query('set default_transaction_read_only = on');
        await lease.query('insert into journal values (0)');
      }),
    );
    expect(error).toMatchObject({ code: '25006' });
    expect((await setUp.db.query('insert into journal values (0)')).node).toBe(setUp.primaryName());
  });

  it('of ALTER ROLE passes at once: the primary is healthy and keeps its role', async () => {
    const changes: unknown[] = [];
    setUp.db.on('primary:changed', (event) => changes.push(event));
    await setUp.cluster.primary.sql('alter role app set default_transaction_read_only = on');
    try {
      // The sessions that are open keep what they began with; a new one is read-only.
      const error = await rejection(
        setUp.db.use(async (first) => {
          await first.query('select 1');
          await using second = await setUp.db.acquire();
          await second.query('insert into journal values (0)');
        }),
      );
      expect(error).toMatchObject({ code: '25006' });
      await setUp.terminateAll('herd');
      await waitUntil(() => setUp.db.stats().total.size === 0);
      const refused = {
        code: '25006',
        node: setUp.primaryName(),
        message: expect.stringMatching(
          /^cannot execute INSERT in a read-only transaction\. default_transaction_read_only is on for role app,.*ALTER ROLE app RESET default_transaction_read_only/,
        ),
      };
      const insert = 'insert into journal values (0)';
      expect(await rejection(setUp.db.query(insert))).toMatchObject(refused);
      expect(await rejection(setUp.db.transaction((tx) => tx.query(insert)))).toMatchObject(refused);
      expect(await rejection(setUp.db.use((lease) => lease.query(insert)))).toMatchObject(refused);
      await using tx = await setUp.db.begin();
      expect(await rejection(tx.query(insert))).toMatchObject(refused);
      await tx.rollback();
      expect(changes).toEqual([]);
      expect(setUp.roleOf(setUp.primaryName())).toBe('primary');
    } finally {
      await setUp.cluster.primary.sql('alter role app reset default_transaction_read_only');
      await allCaughtUp(setUp.cluster);
    }
  });

  it('of ALTER SYSTEM makes it primary-read-only: writes wait until it is undone, reads go on', async () => {
    const set = async (value: string) => {
      await setUp.cluster.primary.sql(`alter system ${value}`);
      await setUp.cluster.primary.sql('select pg_reload_conf()');
    };
    await setUp.db.query('insert into journal values (0)');
    await set('set default_transaction_read_only = on');
    let undone = false;
    try {
      const told = new Promise<string>((resolve) => {
        setUp.db.on('node:role-changed', (event) => resolve(event.after), { once: true });
      });
      // Nobody polls for seconds: it is the first refused write that finds out.
      const write = (async () => {
        for (;;) {
          const { node } = await setUp.db.query('insert into journal values (0)');
          if (undone) return node;
        }
      })();
      expect(await told).toBe('primary-read-only');
      expect((await setUp.db.read.query('select 1')).rowCount).toBe(1);
      expect((await setUp.db.with({ target: 'primary' }).query('select 1')).node).toBe(setUp.primaryName());
      const late = await rejection(setUp.db.query('insert into journal values (0)', [], { timeoutMs: 100 }));
      expect(late).toBeInstanceOf(PgHerdError);
      expect(String(late)).toContain('primary-read-only');
      undone = true;
      await set('reset default_transaction_read_only');
      expect(await write).toBe(setUp.primaryName());
    } finally {
      if (!undone) await set('reset default_transaction_read_only');
    }
  });
});
