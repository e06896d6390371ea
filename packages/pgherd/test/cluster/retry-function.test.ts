import { describe, expect, it } from 'vitest';
import { type RetryNotice, type RetryPolicy, retry, retryable } from '../../src/cluster/retry-function.ts';
import { retryAttemptsFrom } from '../../src/options/env-options.ts';
import { virtualClock } from '../support/virtual-clock.ts';

/** An error after which it is right to run the work again. */
function passing(message = 'met another'): Error {
  return Object.assign(new Error(message), { code: '40001', severity: 'ERROR' });
}

/** A policy on a clock of the test, whose dice always fall on the highest number. */
function onClock(policy: RetryPolicy = {}) {
  const clock = virtualClock();
  return { clock, policy: { clock, random: { next: () => 1 }, env: {}, ...policy } };
}

/** Runs what fails `times` times and then gives its number of runs; tells the pauses. */
async function failing(times: number, given: RetryPolicy = {}, error: unknown = passing()) {
  const { clock, policy } = onClock(given);
  const notices: RetryNotice[] = [];
  let runs = 0;
  const work = retry(
    ({ attempt }) => {
      runs++;
      expect(attempt).toBe(runs);
      if (runs <= times) throw error;
      return runs;
    },
    { onRetry: (notice) => notices.push(notice), ...policy },
  ).then(
    (value) => ({ value, error: undefined }),
    (thrown: unknown) => ({ value: undefined, error: thrown }),
  );
  await clock.advance(3_600_000);
  const { value, error: thrown } = await work;
  expect(clock.pending).toBe(0);
  return { runs, value, thrown, pauses: notices.map(({ delayMs }) => delayMs), notices };
}

describe('retry', () => {
  it('runs once what succeeds', async () => {
    expect(await failing(0)).toMatchObject({ runs: 1, value: 1, pauses: [] });
  });

  it('runs again until it succeeds, with pauses that grow up to their limit', async () => {
    const result = await failing(5, { attempts: 6, baseMs: 10, factor: 3, maxMs: 100 });
    expect(result).toMatchObject({ runs: 6, value: 6, pauses: [10, 30, 90, 100, 100] });
    expect(result.notices.map(({ attempt }) => attempt)).toEqual([1, 2, 3, 4, 5]);
  });

  it('passes the last error as it was thrown when there are no attempts left', async () => {
    const error = passing();
    const result = await failing(10, { attempts: 2 }, error);
    expect(result.runs).toBe(2);
    expect(result.thrown).toBe(error);
  });

  it('does not run again what it would do harm to run again', async () => {
    const lost = Object.assign(new Error('read ECONNRESET'), { code: 'ECONNRESET', syscall: 'read' });
    expect(await failing(1, {}, lost)).toMatchObject({ runs: 1, thrown: lost });
    expect(await failing(1, {}, new Error('oops'))).toMatchObject({ runs: 1 });
  });

  it('asks the user', async () => {
    const asked: unknown[] = [];
    const isRetryable = (error: unknown, attempt: number) => {
      asked.push([String(error), attempt]);
      return true;
    };
    expect(await failing(1, { isRetryable }, new Error('oops'))).toMatchObject({ runs: 2, value: 2 });
    expect(asked).toEqual([['Error: oops', 1]]);
    expect(await failing(1, { isRetryable: () => false })).toMatchObject({ runs: 1 });
  });

  it('what onRetry throws ends the work', async () => {
    const onRetry = () => {
      throw new Error('no more');
    };
    expect(await failing(1, { onRetry })).toMatchObject({ runs: 1, thrown: { message: 'no more' } });
  });

  it('ends with the time, in a pause', async () => {
    const result = await failing(100, { attempts: 100, baseMs: 60, factor: 1, timeoutMs: 100 });
    expect(result).toMatchObject({ runs: 2, thrown: { code: 'PGHERD_TIMEOUT', cause: { code: '40001' } } });
  });

  it('ends with the time, also where the function never returns, and tells it so', async () => {
    const { clock, policy } = onClock({ timeoutMs: 100 });
    let told: AbortSignal | undefined;
    const work = retry<never>(({ signal }) => {
      told = signal;
      return new Promise(() => undefined);
    }, policy);
    const ended = expect(work).rejects.toMatchObject({ code: 'PGHERD_TIMEOUT', details: { tookMs: 100 } });
    await clock.advance(99);
    expect(told?.aborted).toBe(false);
    await clock.advance(1);
    await ended;
    expect(told?.aborted).toBe(true);
    expect(clock.pending).toBe(0);
  });

  it('ends with the signal, before, during and between attempts', async () => {
    const aborted = AbortSignal.abort(new Error('enough'));
    const before = retry(() => 1, { ...onClock().policy, signal: aborted });
    await expect(before).rejects.toMatchObject({ code: 'PGHERD_ABORTED', cause: { message: 'enough' } });
    for (const fail of [true, false]) {
      const controller = new AbortController();
      const { clock, policy } = onClock({ signal: controller.signal });
      const work = retry<never>(() => {
        if (fail) throw passing();
        return new Promise(() => undefined);
      }, policy);
      const ended = expect(work).rejects.toMatchObject({ code: 'PGHERD_ABORTED' });
      await clock.settle();
      controller.abort();
      await ended;
      expect(clock.pending).toBe(0);
    }
  });

  it.each<[RetryPolicy, string]>([
    [{ attempts: 0 }, 'attempts is 0'],
    [{ attempts: 1.5 }, 'attempts is 1.5'],
    [{ baseMs: -1 }, 'baseMs is -1'],
    [{ factor: 0.5 }, 'factor is 0.5'],
    [{ maxMs: Number.NaN }, 'maxMs is NaN'],
    [{ timeoutMs: 0 }, 'timeoutMs is 0'],
    [{ baseMs: Number.POSITIVE_INFINITY }, 'baseMs is Infinity'],
    [{ env: { PGHERD_RETRY_ATTEMPTS: 'many' } }, 'PGHERD_RETRY_ATTEMPTS (environment) is "many"'],
  ])('a policy of %o is refused', async (policy, told) => {
    await expect(retry(() => 1, policy)).rejects.toMatchObject({ code: 'PGHERD_INVALID_OPTIONS' });
    await expect(retry(() => 1, policy)).rejects.toThrow(told);
    expect(() => retryable(() => 1, policy)).toThrow(told);
  });
});

describe('retryable', () => {
  it('passes on arguments and this, each call with attempts of its own', async () => {
    const { clock, policy } = onClock({ attempts: 2, baseMs: 0 });
    const counter = {
      runs: 0,
      add: retryable(async function add(this: { runs: number }, by: number, times: number) {
        this.runs++;
        if (this.runs % 2 === 1) throw passing();
        return by * times;
      }, policy),
    };
    for (const call of [1, 2]) {
      const sum = counter.add(2, 3);
      await clock.advance(1);
      expect(await sum).toBe(6);
      expect(counter.runs).toBe(2 * call);
    }
  });
});

describe('the number of attempts in the environment', () => {
  it.each<[Record<string, string | undefined>, number | undefined]>([
    [{}, undefined],
    [{ PGHERD_RETRY_ATTEMPTS: '' }, undefined],
    [{ PGHERD_RETRY_ATTEMPTS: '5' }, 5],
    [{ DB_RETRY_RETRIES_NUMBER: ' 7 ' }, 7],
    [{ PGHERD_RETRY_ATTEMPTS: '5', DB_RETRY_RETRIES_NUMBER: '7' }, 5],
    [{ PGHERD_RETRY_ATTEMPTS: '', DB_RETRY_RETRIES_NUMBER: '7' }, 7],
  ])('%o: %s', (env, expected) => {
    expect(retryAttemptsFrom(env)).toBe(expected);
  });

  it.each(['0', '-1', '2.5', 'x', '1e3', '99999999999'])('%s is refused', (text) => {
    expect(() => retryAttemptsFrom({ DB_RETRY_RETRIES_NUMBER: text })).toThrow('DB_RETRY_RETRIES_NUMBER');
  });

  it('counts where the program says nothing', async () => {
    const env = { PGHERD_RETRY_ATTEMPTS: '2' };
    expect(await failing(9, { env })).toMatchObject({ runs: 2 });
    expect(await failing(9, { env, attempts: 4 })).toMatchObject({ runs: 4 });
  });
});
