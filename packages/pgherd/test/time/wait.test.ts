import { getEventListeners } from 'node:events';
import { describe, expect, it } from 'vitest';
import { onAbort, sleep, unlessAborted, within, withLimit } from '../../src/time/wait.ts';
import { type VirtualClock, virtualClock } from '../support/virtual-clock.ts';

/** Listeners for the abort of a signal. */
function listenersOf(signal: AbortSignal): number {
  return getEventListeners(signal, 'abort').length;
}

/** Work that ends when the test says so. */
function work(): { readonly promise: Promise<string>; answer(): void; fail(): void } {
  let resolve: (value: string) => void = () => undefined;
  let reject: (error: unknown) => void = () => undefined;
  const promise = new Promise<string>((one, other) => {
    resolve = one;
    reject = other;
  });
  return { promise, answer: () => resolve('answer'), fail: () => reject(new Error('failed')) };
}

/** What became of a promise, in a word; `pending` until then. */
function outcomeOf(promise: Promise<unknown>): { now: string } {
  const outcome = { now: 'pending' };
  promise.then(
    (value) => {
      outcome.now = String(value);
    },
    (error: unknown) => {
      outcome.now = error instanceof Error ? error.message : String(error);
    },
  );
  return outcome;
}

describe('a function for the abort of a signal', () => {
  it('is called at once if the signal has aborted, and leaves no listener', () => {
    const controller = new AbortController();
    controller.abort();
    const calls: string[] = [];
    onAbort(controller.signal, () => calls.push('aborted'))();
    expect([calls, listenersOf(controller.signal)]).toEqual([['aborted'], 0]);
  });

  it('is called once when the signal aborts', () => {
    const controller = new AbortController();
    const calls: string[] = [];
    onAbort(controller.signal, () => calls.push('aborted'));
    expect(listenersOf(controller.signal)).toBe(1);
    controller.abort();
    expect([calls, listenersOf(controller.signal)]).toEqual([['aborted'], 0]);
  });

  it('is not called once it was withdrawn, which may be done twice', () => {
    const controller = new AbortController();
    const calls: string[] = [];
    const forget = onAbort(controller.signal, () => calls.push('aborted'));
    forget();
    forget();
    expect(listenersOf(controller.signal)).toBe(0);
    controller.abort();
    expect(calls).toEqual([]);
  });

  it('is never called without a signal', () => {
    onAbort(undefined, () => expect.unreachable())();
  });
});

/** A case: what happens when, and what comes of it. `abortAt` and `endAt` are milliseconds; -1 is before the beginning. */
interface Case {
  readonly name: string;
  readonly ms?: number | undefined;
  readonly abortAt?: number | undefined;
  readonly answerAt?: number | undefined;
  readonly failAt?: number | undefined;
  readonly outcome: string;
  readonly at: number;
}

/** Runs a case: the outcome, when it came, and what was left behind. */
async function run(
  { abortAt, answerAt, failAt, at }: Case,
  begin: (clock: VirtualClock, promise: Promise<string>, signal: AbortSignal) => Promise<unknown>,
): Promise<{ readonly before: string; readonly outcome: string; readonly left: readonly number[] }> {
  const clock = virtualClock(1_000);
  const controller = new AbortController();
  const { promise, answer, fail } = work();
  if (abortAt === -1) controller.abort();
  else if (abortAt !== undefined) clock.schedule(abortAt, () => controller.abort());
  if (answerAt !== undefined) clock.schedule(answerAt, answer);
  if (failAt !== undefined) clock.schedule(failAt, fail);
  const outcome = outcomeOf(begin(clock, promise, controller.signal));
  if (at > 0) await clock.advance(at - 1);
  const before = outcome.now;
  if (at > 0) await clock.advance(1);
  else await clock.advance(0);
  const reached = outcome.now;
  const left = [listenersOf(controller.signal), clock.pending - pendingOf({ abortAt, answerAt, failAt }, at)];
  // What comes later changes nothing, and no rejection of it is left unhandled.
  await clock.advance(1_000);
  expect(outcome.now).toBe(reached);
  return { before, outcome: reached, left };
}

/** The test's own timers that are not due yet at `at`. */
function pendingOf(times: Pick<Case, 'abortAt' | 'answerAt' | 'failAt'>, at: number): number {
  return [times.abortAt, times.answerAt, times.failAt].filter((one) => one !== undefined && one > at).length;
}

function table(
  cases: readonly Case[],
  begin: (
    one: Case,
  ) => (clock: VirtualClock, promise: Promise<string>, signal: AbortSignal) => Promise<unknown>,
): void {
  it.each(cases.map((one) => [one.name, one] as const))('%s', async (_name, one) => {
    const { before, outcome, left } = await run(one, begin(one));
    if (one.at > 0) expect(before).toBe('pending');
    expect(outcome).toBe(one.outcome);
    expect(left, 'listeners and timers that are left').toEqual([0, 0]);
  });
}

describe('a sleep', () => {
  table(
    [
      { name: 'ends after its time', ms: 50, outcome: 'true', at: 50 },
      { name: 'of no time ends at the next turn', ms: 0, outcome: 'true', at: 0 },
      { name: 'of a negative time ends at the next turn', ms: -5, outcome: 'true', at: 0 },
      { name: 'ends at once if the signal has aborted before', ms: 50, abortAt: -1, outcome: 'false', at: 0 },
      { name: 'ends with an abort during it', ms: 50, abortAt: 20, outcome: 'false', at: 20 },
      { name: 'is not changed by an abort after it', ms: 50, abortAt: 60, outcome: 'true', at: 50 },
    ],
    ({ ms = 0 }) =>
      (clock, _promise, signal) =>
        sleep(clock, ms, signal),
  );

  it('needs no signal', async () => {
    const clock = virtualClock();
    const outcome = outcomeOf(sleep(clock, 10));
    await clock.advance(10);
    expect([outcome.now, clock.pending]).toEqual(['true', 0]);
  });
});

describe('work with a limit', () => {
  table(
    [
      { name: 'gives its answer', ms: 50, answerAt: 20, outcome: 'answer', at: 20 },
      { name: 'gives its error', ms: 50, failAt: 20, outcome: 'failed', at: 20 },
      { name: 'fails at the limit', ms: 50, outcome: 'no answer within 50 ms', at: 50 },
      {
        name: 'gives an answer that comes in the same turn as the limit',
        ms: 50,
        answerAt: 50,
        outcome: 'answer',
        at: 50,
      },
      {
        name: 'ignores an error after the limit',
        ms: 50,
        failAt: 60,
        outcome: 'no answer within 50 ms',
        at: 50,
      },
    ],
    ({ ms = 0 }) =>
      (clock, promise) =>
        withLimit(clock, ms, promise),
  );
});

describe('work unless aborted', () => {
  table(
    [
      { name: 'gives its answer', answerAt: 20, outcome: 'answer', at: 20 },
      { name: 'gives its error', failAt: 20, outcome: 'failed', at: 20 },
      { name: 'fails at once if the signal has aborted before', abortAt: -1, outcome: 'ended', at: 0 },
      { name: 'fails with an abort during it', abortAt: 20, answerAt: 30, outcome: 'ended', at: 20 },
      { name: 'ignores an error after an abort', abortAt: 20, failAt: 30, outcome: 'ended', at: 20 },
      { name: 'is not changed by an abort after it', abortAt: 30, answerAt: 20, outcome: 'answer', at: 20 },
    ],
    () => (_clock, promise, signal) => unlessAborted(promise, signal, () => new Error('ended')),
  );

  it('fails with the reason of the signal unless told otherwise', async () => {
    const reason = new Error('the reason');
    await expect(unlessAborted(work().promise, AbortSignal.abort(reason))).rejects.toBe(reason);
  });
});

describe('work within limits', () => {
  const begin =
    ({ ms = Number.POSITIVE_INFINITY }: Case) =>
    (clock: VirtualClock, promise: Promise<string>, signal: AbortSignal) =>
      within(clock, promise, {
        deadline: clock.now() + ms,
        signal,
        late: (now) => new Error(`late at ${now}`),
        aborted: () => new Error('ended'),
      });

  table(
    [
      { name: 'gives its answer', ms: 50, answerAt: 20, outcome: 'answer', at: 20 },
      { name: 'gives its error', ms: 50, failAt: 20, outcome: 'failed', at: 20 },
      { name: 'gives its answer if there is no deadline', answerAt: 500, outcome: 'answer', at: 500 },
      { name: 'fails at the deadline', ms: 50, outcome: 'late at 1050', at: 50 },
      { name: 'ignores an error after the deadline', ms: 50, failAt: 60, outcome: 'late at 1050', at: 50 },
      { name: 'fails with a deadline in the past', ms: -50, outcome: 'late at 1000', at: 0 },
      {
        name: 'gives an answer that is there although the deadline is past',
        ms: -50,
        answerAt: 0,
        outcome: 'answer',
        at: 0,
      },
      {
        name: 'gives an answer that comes in the same turn as the deadline',
        ms: 50,
        answerAt: 50,
        outcome: 'answer',
        at: 50,
      },
      {
        name: 'fails at once if the signal has aborted before',
        ms: 50,
        abortAt: -1,
        outcome: 'ended',
        at: 0,
      },
      { name: 'fails with an abort during it', ms: 50, abortAt: 20, answerAt: 30, outcome: 'ended', at: 20 },
      {
        name: 'fails with an abort in the turn of the deadline',
        ms: 50,
        abortAt: 50,
        outcome: 'ended',
        at: 50,
      },
      {
        name: 'is not changed by an abort after it',
        ms: 50,
        abortAt: 30,
        answerAt: 20,
        outcome: 'answer',
        at: 20,
      },
      {
        name: 'is not changed by an abort after the deadline',
        ms: 50,
        abortAt: 60,
        outcome: 'late at 1050',
        at: 50,
      },
    ],
    begin,
  );

  it('is the very promise if there is neither deadline nor signal', () => {
    const { promise } = work();
    const limits = { deadline: Number.POSITIVE_INFINITY, signal: undefined };
    const never = () => expect.unreachable();
    expect(within(virtualClock(), promise, { ...limits, late: never, aborted: never })).toBe(promise);
  });

  it('with a deadline alone needs no signal', async () => {
    const clock = virtualClock();
    const limits = { deadline: 10, signal: undefined, late: () => new Error('late') };
    const outcome = outcomeOf(
      within(clock, work().promise, { ...limits, aborted: () => expect.unreachable() }),
    );
    await clock.advance(10);
    expect([outcome.now, clock.pending]).toEqual(['late', 0]);
  });
});

describe('an abort by the one who has just got the answer', () => {
  it.each([
    [
      'work unless aborted',
      (promise: Promise<string>, signal: AbortSignal, end: () => unknown) =>
        unlessAborted(promise, signal, end),
    ],
    [
      'work within limits',
      (promise: Promise<string>, signal: AbortSignal, end: () => unknown) =>
        within(virtualClock(), promise, { deadline: 10, signal, late: end, aborted: end }),
    ],
  ] as const)('ends nothing that the work held: %s', async (_name, begin) => {
    const ended: string[] = [];
    const controller = new AbortController();
    const { promise, answer } = work();
    const result = begin(promise, controller.signal, () => ended.push('ended'));
    const used = result.then((value) => {
      controller.abort();
      return value;
    });
    answer();
    expect(await used).toBe('answer');
    expect(ended).toEqual([]);
  });
});
