import { afterEach, describe, expect, it } from 'vitest';
import type { Cluster } from '../../src/cluster/cluster.ts';
import { createClusterOver } from '../../src/cluster/cluster.ts';
import { type ErrorCode, PgHerdError } from '../../src/model/errors.ts';
import { classifyError } from '../../src/retry/classify.ts';
import { isOutcomeUnknown, sqlState } from '../../src/retry/predicates.ts';
import type { RetryVerdict } from '../../src/retry/verdict.ts';
import { serverError } from '../support/scripted-connection.ts';
import { scriptedDriver } from '../support/scripted-driver.ts';

let db: Cluster | undefined;
afterEach(() => db?.close());

const ours = (code: ErrorCode) => new PgHerdError(code, 'ours');
const WRITE = 'insert into t values (1)';

/** Runs one write, whose connection fails it with `error`: what the hook is given, what the caller gets, how often it ran. */
async function failing(error: unknown, text = WRITE, answer?: boolean) {
  let runs = 0;
  const verdicts: RetryVerdict[] = [];
  const driver = scriptedDriver(async (sent) => {
    if (sent === text) runs++;
    throw error;
  });
  db = createClusterOver(driver, {
    url: 'postgres://u@a/d',
    env: {},
    retry: {
      baseMs: 0,
      isRetryable: (_error, verdict) => {
        verdicts.push(verdict);
        return answer;
      },
    },
  });
  const caught: unknown = await db.query(text).then(
    () => 'answered',
    (thrown: unknown) => thrown,
  );
  return { caught, verdicts, runs };
}

describe('what `retry.isRetryable` is given is what the caller gets', () => {
  it.each<[string, unknown, string, boolean]>([
    ['an argument that was refused', ours('PGHERD_INVALID_ARGUMENT'), WRITE, false],
    ['an occupied connection', ours('PGHERD_CONNECTION_BUSY'), WRITE, false],
    ['something that the driver has not', ours('PGHERD_UNSUPPORTED'), WRITE, false],
    ['a pooler that refuses us', ours('PGHERD_AUTHENTICATION_FAILED'), WRITE, false],
    ['a bare close', new Error('Connection terminated unexpectedly'), WRITE, true],
    ['something that nothing is known of', new Error('something else'), WRITE, true],
    ['an outcome that the server does not know', serverError('?', '08007', 'ERROR'), WRITE, true],
    ['an ERROR of a procedure', serverError('limit', '53300', 'ERROR'), 'call p()', false],
    ['a FATAL of a procedure', serverError('limit', '53300', 'FATAL'), 'call p()', true],
    ['a FATAL with the code of a refused write', serverError('no', '25006', 'FATAL'), WRITE, true],
    ['a FATAL with the code of a deadlock', serverError('no', '40P01', 'FATAL'), WRITE, true],
  ])('%s', async (_what, error, text, unknown) => {
    const { caught, verdicts } = await failing(error, text);
    expect(verdicts.at(-1)?.outcomeUnknown).toBe(unknown);
    expect(isOutcomeUnknown(caught)).toBe(unknown);
    if (unknown)
      expect(caught).toMatchObject({ code: 'PGHERD_OUTCOME_UNKNOWN', kind: 'statement', cause: error });
    else expect(caught).toBe(error);
  });

  it('also after its `true` and the last attempt', async () => {
    const { caught, verdicts, runs } = await failing(new Error('something else'), WRITE, true);
    expect(verdicts.map(({ outcomeUnknown }) => outcomeUnknown)).toEqual([true, true, true]);
    expect(runs).toBe(3);
    expect(caught).toMatchObject({ code: 'PGHERD_OUTCOME_UNKNOWN' });
  });

  it('and the error of the server can still be asked for', async () => {
    const { caught } = await failing(serverError('who knows', '08007', 'ERROR'));
    expect(sqlState(caught)).toBe('08007');
    expect(classifyError(caught).kind).toBe('outcome-unknown');
    expect(String(caught)).toMatch(
      /a:5432 answered that the outcome of \w+, sent at \S+, \d+ ms ago, is unknown: who knows/,
    );
  });
});

describe('a driver that is not ours loses the connection', () => {
  const lost = (phase?: string) =>
    new PgHerdError('PGHERD_CONNECTION_LOST', 'gone', { details: phase === undefined ? {} : { phase } });

  it.each([
    undefined,
    'sent',
    'lost',
  ])('after it sent the write, phase %s: it does not run twice', async (phase) => {
    const { caught, runs } = await failing(lost(phase));
    expect(runs).toBe(1);
    expect(caught).toMatchObject({ code: 'PGHERD_OUTCOME_UNKNOWN', kind: 'statement' });
  });

  it('before it sent the write, and says so: the write runs again', async () => {
    let runs = 0;
    const driver = scriptedDriver(async () => {
      if (++runs === 1) throw lost('not-handed');
      return { rowCount: 1 };
    });
    db = createClusterOver(driver, { url: 'postgres://u@a/d', env: {} });
    expect((await db.query(WRITE)).rowCount).toBe(1);
    expect(runs).toBe(2);
  });
});
