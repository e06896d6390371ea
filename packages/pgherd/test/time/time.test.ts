import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { deadlineAfter, earliest, isPast, remainingMs } from '../../src/time/deadline.ts';
import { STALL_MS, watchdog } from '../../src/time/watchdog.ts';
import { virtualClock } from '../support/virtual-clock.ts';

describe('a deadline', () => {
  it('without a timeout never comes', () => {
    const never = deadlineAfter(1_000, undefined);
    expect(never).toBe(Number.POSITIVE_INFINITY);
    expect(isPast(never, Number.MAX_VALUE)).toBe(false);
    expect(remainingMs(never, 5)).toBe(Number.POSITIVE_INFINITY);
  });

  it('is past from its moment on', () => {
    expect([999, 1_000, 1_001].map((now) => isPast(deadlineAfter(0, 1_000), now))).toEqual([
      false,
      true,
      true,
    ]);
  });

  it('leaves what is left, never less than nothing', () => {
    expect(remainingMs(1_000, 400)).toBe(600);
    expect(remainingMs(1_000, 1_400)).toBe(0);
  });

  it('is the earliest of several, and none of none', () => {
    expect(earliest(7, Number.POSITIVE_INFINITY, 3)).toBe(3);
    expect(earliest()).toBe(Number.POSITIVE_INFINITY);
  });
});

describe('a watchdog', () => {
  it('barks when the time is over', async () => {
    const clock = virtualClock();
    const waits: number[] = [];
    watchdog(clock, 1_000, (waitedMs) => waits.push(waitedMs));
    await clock.advance(999);
    expect(waits).toEqual([]);
    await clock.advance(1);
    expect(waits).toEqual([1_000]);
    expect(clock.pending).toBe(0);
  });

  it('says nothing once it was called off', async () => {
    const clock = virtualClock();
    const waits: number[] = [];
    watchdog(clock, 1_000, (waitedMs) => waits.push(waitedMs)).cancel();
    await clock.advance(5_000);
    expect(waits).toEqual([]);
  });

  it('gives one more moment when our own event loop stood still', async () => {
    const clock = virtualClock();
    const waits: number[] = [];
    watchdog(clock, 1_000, (waitedMs) => waits.push(waitedMs));
    clock.stall(2_500);
    await clock.advance(0);
    expect(waits).toEqual([]);
    await clock.advance(STALL_MS);
    expect(waits).toEqual([2_500 + STALL_MS]);
  });

  it('can be called off in that moment', async () => {
    const clock = virtualClock();
    const waits: number[] = [];
    const dog = watchdog(clock, 1_000, (waitedMs) => waits.push(waitedMs));
    clock.stall(2_500);
    await clock.advance(0);
    dog.cancel();
    await clock.advance(1_000);
    expect(waits).toEqual([]);
    expect(clock.pending).toBe(0);
  });

  it('lets what has come in be read first, also when it is in time', async () => {
    const clock = virtualClock();
    const waits: number[] = [];
    let read = false;
    const dog = watchdog(clock, 1_000, (waitedMs) => waits.push(waitedMs));
    clock.schedule(1_000, () => {
      read = true;
      dog.cancel();
    });
    await clock.advance(1_000);
    expect([read, waits]).toEqual([true, []]);
  });

  it('gives no second moment', async () => {
    const clock = virtualClock();
    const waits: number[] = [];
    watchdog(clock, 1_000, (waitedMs) => waits.push(waitedMs));
    clock.stall(2_500);
    await clock.advance(0);
    clock.stall(2_500);
    await clock.advance(0);
    expect(waits).toEqual([5_000]);
  });

  it(`takes up to ${STALL_MS} ms for the ordinary lateness of timers`, async () => {
    const clock = virtualClock();
    const waits: number[] = [];
    watchdog(clock, 1_000, (waitedMs) => waits.push(waitedMs));
    clock.stall(1_000 + STALL_MS);
    await clock.advance(0);
    expect(waits).toEqual([1_000 + STALL_MS]);
  });
});

describe('the virtual clock of these tests', () => {
  it('runs timers in the order of their moments, then of their scheduling', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(fc.nat(50), { maxLength: 40 }), fc.nat(60), async (delays, until) => {
        const clock = virtualClock(7);
        const ran: (readonly [number, number])[] = [];
        for (const [index, ms] of delays.entries()) {
          clock.schedule(ms, () => {
            expect(clock.now()).toBe(7 + ms);
            ran.push([ms, index]);
          });
        }
        await clock.advance(until);
        const expected = delays
          .map((ms, index) => [ms, index] as const)
          .filter(([ms]) => ms <= until)
          .sort(([a, i], [b, j]) => a - b || i - j);
        expect(ran).toEqual(expected);
        expect(clock.now()).toBe(7 + until);
        expect(clock.pending).toBe(delays.length - expected.length);
      }),
    );
  });

  it('runs what a timer schedules within the time, after promises have settled', async () => {
    const clock = virtualClock();
    const seen: string[] = [];
    clock.schedule(10, async () => {
      await null;
      await null;
      seen.push(`settled at ${clock.now()}`);
      clock.schedule(5, () => seen.push(`again at ${clock.now()}`));
    });
    clock.schedule(12, () => seen.push(`other at ${clock.now()}`));
    await clock.advance(20);
    expect(seen).toEqual(['settled at 10', 'other at 12', 'again at 15']);
    expect(clock.nextAt).toBeUndefined();
  });

  it('forgets cancelled timers', async () => {
    const clock = virtualClock();
    const timer = clock.schedule(5, () => expect.unreachable());
    clock.schedule(9, () => undefined);
    timer.cancel();
    expect(clock.nextAt).toBe(9);
    await clock.advance(20);
    timer.cancel();
  });
});
