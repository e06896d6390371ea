import { createTestCluster, type TestCluster, waitUntil } from '@pgherd/testing';
import type { TransactionOptions } from 'pgherd';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import type { CommitFate } from '../../src/commit-tap.ts';
import { Ledger, WAYS, type Work } from '../../src/ledger.ts';
import { rejection, restore } from '../../src/support.ts';

let cluster: TestCluster;
let ledger: Ledger;

beforeAll(async () => {
  cluster = await createTestCluster({ standbys: 1, synchronous: { commit: 'on', any: 1 } });
  ledger = await Ledger.create(cluster);
});

afterEach(async () => {
  await restore(cluster);
  await ledger.closeAll();
});

afterAll(() => cluster?.close());

/** Waits until the process of `work` waits for the standby, or does no more. */
const waiting = (work: Work, wanted: boolean) =>
  waitUntil(
    async () => {
      const text = `select 1 from pg_stat_activity where pid = $1 and wait_event = 'SyncRep'`;
      return (await cluster.primary.sql(text, [work.pid])).length > 0 === wanted;
    },
    { what: `the COMMIT ${wanted ? '' : 'no longer '}to wait for the standby` },
  );

/**
 * One transaction whose COMMIT waits for a standby that stands still. The client's connection is lost while it waits, and
 * only then `then` happens.
 */
async function lostWhileWaiting(
  options: TransactionOptions,
  then: (work: Work) => Promise<unknown>,
): Promise<{ readonly work: Work; readonly done: Promise<unknown> }> {
  let lost: () => void = () => undefined;
  const isLost = new Promise<void>((resolve) => {
    lost = resolve;
  });
  const fate: CommitFate = async ({ connection, send }) => {
    const answer = send();
    answer.catch(() => undefined);
    await waiting(transaction.work, true);
    connection.destroy();
    lost();
    return answer;
  };
  const db = await ledger.open(fate);
  const [standby] = cluster.standbys;
  await standby?.freeze();
  const transaction = ledger.apply(db, options);
  await isLost;
  await then(transaction.work);
  return transaction;
}

const thaw = async () => cluster.standbys[0]?.thaw();

describe.each(WAYS)('by %s, while COMMIT waits for a synchronous standby', (_name, way) => {
  it('it is committed as soon as the standby has confirmed it, and its process is left alone until then', async () => {
    const { work, done } = await lostWhileWaiting(way, thaw);
    expect(await done).toBe(work.id);
    expect(work).toMatchObject({ runs: 1, committed: 1 });
    expect(await ledger.count(work.id)).toBe(1);
  });

  it('it stays unknown where the standby does not come back in time', async () => {
    const { work, done } = await lostWhileWaiting({ ...way, timeoutMs: 1_500 }, async () => undefined);
    expect(await rejection(done)).toMatchObject({ code: 'PGHERD_OUTCOME_UNKNOWN', kind: 'commit' });
    expect(work).toMatchObject({ runs: 1, committed: 0 });
    // Nobody has ended the process: it waits still.
    await waiting(work, true);
    await thaw();
    await waiting(work, false);
    expect(await ledger.count(work.id)).toBe(1);
  });

  // The server then calls it committed, although no standby has it.
  it('it stays unknown where somebody ends the wait, and it is never run again', async () => {
    const { work, done } = await lostWhileWaiting({ ...way, timeoutMs: 2_500 }, async (waits) => {
      await cluster.primary.sql('select pg_cancel_backend($1)', [waits.pid]);
      await waiting(waits, false);
    });
    expect(await rejection(done)).toMatchObject({ code: 'PGHERD_OUTCOME_UNKNOWN', kind: 'commit' });
    expect(work).toMatchObject({ runs: 1, committed: 0 });
    expect(await ledger.count(work.id)).toBe(1);
  });

  it.each([
    ['cancelled', 'pg_cancel_backend'],
    ['terminated', 'pg_terminate_backend'],
  ] as const)('it stays unknown where the wait is %s and the server says so', async (_what, verb) => {
    const db = await ledger.open();
    await cluster.standbys[0]?.freeze();
    const { work, done } = ledger.apply(db, way);
    await waitUntil(() => work.pid > 0, { what: 'the function to run' });
    await waiting(work, true);
    await cluster.primary.sql(`select ${verb}($1)`, [work.pid]);
    expect(await rejection(done)).toMatchObject({ code: 'PGHERD_OUTCOME_UNKNOWN', kind: 'commit' });
    expect(work).toMatchObject({ runs: 1, committed: 0 });
    expect(await ledger.count(work.id)).toBe(1);
  });
});
