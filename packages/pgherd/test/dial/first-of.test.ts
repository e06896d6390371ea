import { describe, expect, it } from 'vitest';
import { firstOf } from '../../src/dial/first-of.ts';
import { virtualClock } from '../support/virtual-clock.ts';

function started(laterMs: readonly number[], signal = new AbortController().signal) {
  const clock = virtualClock();
  const running: { resolve(value: string): void; reject(error: unknown): void; signal: AbortSignal }[] = [];
  const discarded: string[] = [];
  const attempts = {
    laterMs,
    attempt: (aborted: AbortSignal) =>
      new Promise<string>((resolve, reject) => running.push({ resolve, reject, signal: aborted })),
    discard: (late: string) => discarded.push(late),
  };
  const outcome = firstOf(clock, attempts, signal).catch((error: unknown) => error);
  const aborted = () => running.map((one) => one.signal.aborted);
  return { clock, running, discarded, outcome, aborted };
}

describe('several attempts, one after the other', () => {
  it('the first that succeeds counts; the others are aborted, and no more begin', async () => {
    const { clock, running, discarded, outcome, aborted } = started([100, 400]);
    await clock.advance(100);
    running[1]?.resolve('second');
    expect(await outcome).toBe('second');
    expect(aborted()).toEqual([true, false]);
    running[0]?.resolve('first');
    await clock.advance(1_000);
    expect([discarded, running.length, clock.pending]).toEqual([['first'], 2, 0]);
  });

  it('the first that fails counts as well', async () => {
    const { clock, running, outcome, aborted } = started([100]);
    await clock.advance(100);
    running[1]?.reject('no');
    expect(await outcome).toBe('no');
    expect(aborted()).toEqual([true, true]);
  });

  it('are all aborted with their signal', async () => {
    const controller = new AbortController();
    const { clock, outcome, aborted } = started([100], controller.signal);
    controller.abort('enough');
    expect(await outcome).toBe('enough');
    expect([aborted(), clock.pending]).toEqual([[true], 0]);
  });

  it('do not begin if the signal has aborted', async () => {
    const { running, outcome } = started([], AbortSignal.abort('enough'));
    expect(await outcome).toBe('enough');
    expect(running).toEqual([]);
  });
});
