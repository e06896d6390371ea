import { afterEach, describe, expect, it } from 'vitest';
import { type Cluster, createClusterOver } from '../../src/cluster/cluster.ts';
import { scriptedDriver } from '../support/scripted-driver.ts';

let db: Cluster | undefined;
afterEach(() => db?.close());

/** A cluster whose server ends the transaction at a text that looks harmless. */
function escaping() {
  const sent: string[] = [];
  const driver = scriptedDriver(async (text, connection) => {
    sent.push(text);
    if (text === 'select ends()') connection.status = 'idle';
    return {};
  });
  db = createClusterOver(driver, { url: 'postgres://u@a/d', env: {} });
  return { db, sent };
}

describe('a transaction that one of its statements ended, unseen', () => {
  it('is over at once: nothing runs behind it, and its outcome is unknown', async () => {
    const { db, sent } = escaping();
    let runs = 0;
    const call = db.transaction(async (tx) => {
      runs++;
      await tx.query('insert 1');
      await tx.query('select ends()').catch(() => undefined);
      await tx.query('insert 2').catch(() => undefined);
    });
    await expect(call).rejects.toMatchObject({ code: 'PGHERD_OUTCOME_UNKNOWN', kind: 'commit' });
    expect(runs).toBe(1);
    expect(sent).not.toContain('insert 2');
    expect(sent).not.toContain('COMMIT');
  });

  it('is not committed, and the error says what is known', async () => {
    const { db, sent } = escaping();
    const call = db.transaction((tx) => tx.query('select ends()'));
    await expect(call).rejects.toMatchObject({ code: 'PGHERD_OUTCOME_UNKNOWN', kind: 'commit' });
    expect(sent).not.toContain('COMMIT');
  });

  it('is never run again, whatever its function throws', async () => {
    const { db } = escaping();
    let runs = 0;
    const call = db.transaction(async (tx) => {
      runs++;
      await tx.query('select ends()').catch(() => undefined);
      throw Object.assign(new Error('as if'), { code: '40001', severity: 'ERROR' });
    });
    await expect(call).rejects.toMatchObject({ code: '40001' });
    expect(runs).toBe(1);
  });
});
