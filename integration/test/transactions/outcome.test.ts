import { createTestCluster, type TestCluster } from '@pgherd/testing';
import { OutcomeUnknownError, type TransactionOptions } from 'pgherd';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { BY_TABLE, BY_XID, Ledger, WAYS } from '../../src/ledger.ts';
import { allCaughtUp, rejection, restore } from '../../src/support.ts';

let cluster: TestCluster;
let ledger: Ledger;

beforeAll(async () => {
  cluster = await createTestCluster({ standbys: 2, proxy: true });
  ledger = await Ledger.create(cluster);
});

afterEach(async () => {
  await ledger.closeAll();
  for (const node of cluster.nodes) await node.heal();
  await restore(cluster);
});

afterAll(() => cluster?.close());

/** The COMMIT that is sent next reaches the server or not, and its connection is cut there. */
function cutAtCommit(direction: 'to-server' | 'to-client'): void {
  let cut = false;
  cluster.primary.proxy.cutWhen((chunk, way) => {
    if (cut || way !== direction || !chunk.includes('COMMIT\0')) return false;
    cut = true;
    return true;
  });
}

describe.each(WAYS)('by %s', (_name, way) => {
  it('a COMMIT that was executed and whose answer was cut off is committed, once', async () => {
    const db = await ledger.open();
    cutAtCommit('to-client');
    const { work, done } = ledger.apply(db, way);
    expect(await done).toBe(work.id);
    expect(work).toMatchObject({ runs: 1, committed: 1 });
    expect(await ledger.count(work.id)).toBe(1);
  });

  it('a COMMIT that never arrived is not committed: the function runs again, and is applied once', async () => {
    const db = await ledger.open();
    cutAtCommit('to-server');
    const { work, done } = ledger.apply(db, way);
    expect(await done).toBe(work.id);
    expect(work).toMatchObject({ runs: 2, committed: 1 });
    expect(await ledger.count(work.id)).toBe(1);
  });

  it('without retry a COMMIT that never arrived is reported as rolled back, with what was lost', async () => {
    const db = await ledger.open();
    cutAtCommit('to-server');
    const { work, done } = ledger.apply(db, { ...way, retry: false });
    expect(await rejection(done)).toMatchObject({
      code: 'PGHERD_TRANSACTION_ROLLED_BACK',
      cause: { message: expect.stringMatching(/ECONNRESET|terminated/) },
    });
    expect(work).toMatchObject({ runs: 1, committed: 0 });
    expect(await ledger.count(work.id)).toBe(0);
  });

  it('a COMMIT that the network swallowed leaves no session in doubt: the server ends it, then it runs again', async () => {
    const db = await ledger.open(async ({ sever }) => {
      throw sever();
    });
    const { work, done } = ledger.apply(db, way);
    expect(await done).toBe(work.id);
    expect(work).toMatchObject({ runs: 2, committed: 1 });
    expect(await ledger.count(work.id)).toBe(1);
  });

  it('begin and commit by hand resolve as well', async () => {
    const db = await ledger.open();
    await using tx = await db.begin(way);
    const id = ledger.newId();
    await tx.query('insert into ledger values ($1)', [id]);
    cutAtCommit('to-client');
    await tx.commit();
    expect(tx.isOpen).toBe(false);
    expect(await ledger.count(id)).toBe(1);
  });
});

describe('what nobody can prove stays unknown', () => {
  it('without any way of finding out', async () => {
    const db = await ledger.open();
    cutAtCommit('to-client');
    const { work, done } = ledger.apply(db, {});
    const error = await rejection(done);
    expect(error).toBeInstanceOf(OutcomeUnknownError);
    expect(error).toMatchObject({ code: 'PGHERD_OUTCOME_UNKNOWN', kind: 'commit' });
    expect(work).toMatchObject({ runs: 1, committed: 0 });
    expect(await ledger.count(work.id)).toBe(1);
  });

  // Crash recovery gives the number of the lost transaction out again, and pg_xact_status then says "committed".
  it('by xid after a crash of the server, although the number is said to be committed', async () => {
    const db = await ledger.open(async ({ sever }) => {
      await crash(work.pid);
      throw sever();
    });
    const { work, done } = ledger.apply(db, { ...BY_XID, retry: false });
    const error = await rejection(done);
    expect(error).toMatchObject({ code: 'PGHERD_OUTCOME_UNKNOWN' });
    const xid = (error as OutcomeUnknownError).details['xid'];
    const text = 'insert into ledger values (0) returning pg_current_xact_id()::text as xid';
    const [reborn] = await cluster.primary.appSql(text);
    expect(BigInt(String(reborn?.['xid']))).toBeLessThanOrEqual(BigInt(String(xid)));
    expect(await ledger.count(work.id)).toBe(0);
  });

  it('by table after a crash it is known: it is not committed and runs again', async () => {
    const db = await ledger.open(async ({ sever }) => {
      await crash(work.pid);
      throw sever();
    });
    const { work, done } = ledger.apply(db, BY_TABLE);
    expect(await done).toBe(work.id);
    expect(work).toMatchObject({ runs: 2, committed: 1 });
    expect(await ledger.count(work.id)).toBe(1);
  });
});

/** Kills one process of the server: its postmaster ends all others and recovers. */
async function crash(pid: number): Promise<void> {
  const since = cluster.primary.log.mark();
  process.kill(pid, 'SIGKILL');
  await cluster.primary.log.waitFor(/database system is ready to accept connections/, { since });
}

describe('across a failover', () => {
  it.each([
    ['swallowed', 'not committed on the new primary and runs there', 2],
    ['executed', 'committed on the new primary', 1],
  ] as const)('a COMMIT that was %s is, by table, %s', async (what, _then, runs) => {
    const db = await ledger.open(async ({ connection, send, sever }) => {
      if (what === 'executed') {
        await send();
        await allCaughtUp(cluster);
      }
      await cluster.primary.kill();
      await cluster.failover();
      connection.destroy();
      throw sever();
    });
    const { work, done } = ledger.apply(db, BY_TABLE);
    expect(await done).toBe(work.id);
    expect(work).toMatchObject({ runs, committed: 1 });
    expect(await ledger.count(work.id)).toBe(1);
  });

  it('by xid it stays unknown, and nothing is applied twice', async () => {
    const db = await ledger.open(async ({ send, sever }) => {
      await send();
      await allCaughtUp(cluster);
      await cluster.primary.kill();
      await cluster.failover();
      throw sever();
    });
    const { work, done } = ledger.apply(db, BY_XID);
    expect(await rejection(done)).toMatchObject({ code: 'PGHERD_OUTCOME_UNKNOWN' });
    expect(work).toMatchObject({ runs: 1, committed: 0 });
    expect(await ledger.count(work.id)).toBe(1);
  });

  it('a commit that only the lost primary has is not committed, by table, on the new one', async () => {
    const db = await ledger.open(async ({ send, sever }) => {
      for (const standby of cluster.standbys) await standby.kill();
      await send();
      await cluster.primary.kill();
      for (const standby of cluster.standbys) await standby.start();
      await cluster.failover();
      throw sever();
    });
    const { work, done } = ledger.apply(db, BY_TABLE);
    expect(await done).toBe(work.id);
    expect(work).toMatchObject({ runs: 2, committed: 1 });
    expect(await ledger.count(work.id)).toBe(1);
  });
});

describe('bad input', () => {
  it.each([
    ['an outcome nobody knows', { outcome: 'yes' }],
    ['an empty table', { outcomeTable: '' }],
    ['a table with NUL', { outcomeTable: 'a\0b' }],
    ['a table that is no name', { outcomeTable: { schema: 'public' } }],
    ['a table in a transaction that must not write', { ...BY_TABLE, readOnly: true }],
  ])('%s is refused before anything is sent', async (_what, options) => {
    const db = await ledger.open();
    const error = await rejection(db.transaction(() => 1, options as TransactionOptions));
    expect(error).toMatchObject({ code: 'PGHERD_INVALID_ARGUMENT' });
  });

  it('a table that does not exist is the error of the server, and nothing is run', async () => {
    const db = await ledger.open();
    const { work, done } = ledger.apply(db, { outcomeTable: 'nowhere' });
    expect(await rejection(done)).toMatchObject({ code: '42P01' });
    expect(work.runs).toBe(0);
  });

  it('readOnly needs no way of finding out', async () => {
    const db = await ledger.open();
    expect(
      await db.transaction((tx) => tx.one('select 1 as one'), { outcome: 'xid', readOnly: true }),
    ).toEqual({
      one: 1,
    });
  });
});
