import { afterEach, describe, expect, it } from 'vitest';
import { type Cluster, createClusterOver } from '../../src/cluster/cluster.ts';
import type { Row } from '../../src/model/statement.ts';
import { scriptedDriver } from '../support/scripted-driver.ts';

let db: Cluster | undefined;
afterEach(() => db?.close());

/** The answer to the question for the outcome, as the server gives it for `status`. */
const report = (status: string): Row => ({
  status,
  started: '7',
  in_recovery: 'false',
  standby_names: '',
  wait_event: null,
});

/** A transaction whose COMMIT is not answered; `outcome` answers the question what became of it. */
function unanswered(outcome: () => Promise<Row>, signal?: AbortSignal) {
  const driver = scriptedDriver(async (text, connection) => {
    if (text.startsWith('BEGIN')) return { rows: [{ xid: '5', pid: '6', started: '7' }] };
    if (text.includes('pg_xact_status')) return { rows: [await outcome()] };
    if (text !== 'COMMIT') return {};
    connection.closed = true;
    throw new Error('Connection terminated unexpectedly');
  });
  db = createClusterOver(driver, { url: 'postgres://u@a/d', env: {} });
  return db.begin({ outcome: 'xid', signal });
}

describe('a transaction whose COMMIT was not answered', () => {
  it.each([
    ['committed', 'committed'],
    ['aborted', 'rolled-back'],
    ['forgotten', 'unknown'],
  ])('is asking, and then, as the server says %s, exactly once %s', async (status, end) => {
    let answer: (row: Row) => void = () => undefined;
    let asked: () => void = () => undefined;
    const question = new Promise<void>((resolve) => {
      asked = resolve;
    });
    const tx = await unanswered(() => {
      asked();
      return new Promise((resolve) => {
        answer = resolve;
      });
    });
    const commit = tx.commit().then(
      () => 'committed',
      (error: { code: string }) => error.code,
    );
    await question;
    expect(tx.isOpen).toBe(false);
    await expect(tx.query('select 1')).rejects.toThrow('(asking)');
    answer(report(status));
    expect(await commit).toBe(
      {
        committed: 'committed',
        aborted: 'PGHERD_TRANSACTION_ROLLED_BACK',
        forgotten: 'PGHERD_OUTCOME_UNKNOWN',
      }[status],
    );
    await expect(tx.query('select 1')).rejects.toThrow(`(${end})`);
    await tx.rollback();
    await expect(tx.commit()).rejects.toThrow(`(${end})`);
  });

  it('stops asking when its signal aborts in the pause between two questions', async () => {
    const control = new AbortController();
    let questions = 0;
    const tx = await unanswered(async () => {
      questions++;
      // The first answer makes it end the server process, the second one makes it pause before the next question.
      if (questions === 2) setImmediate(() => control.abort());
      return report('in progress');
    }, control.signal);
    await expect(tx.commit()).rejects.toMatchObject({ code: 'PGHERD_OUTCOME_UNKNOWN', kind: 'commit' });
    expect(questions).toBe(2);
  });
});

describe('a COMMIT that is answered', () => {
  it.each([
    ['COMMIT', 'committed'],
    ['ROLLBACK', 'PGHERD_TRANSACTION_ROLLED_BACK'],
    ['BEGIN', 'PGHERD_OUTCOME_UNKNOWN'],
    ['SELECT', 'PGHERD_OUTCOME_UNKNOWN'],
    ['', 'PGHERD_OUTCOME_UNKNOWN'],
  ])('by the tag %o ends as %s', async (command, end) => {
    const driver = scriptedDriver(async (text) => (text === 'COMMIT' ? { command } : {}));
    db = createClusterOver(driver, { url: 'postgres://u@a/d', env: {} });
    const tx = await db.begin();
    const ended = await tx.commit().then(
      () => 'committed',
      (error: { code: string }) => error.code,
    );
    expect(ended).toBe(end);
  });
});
