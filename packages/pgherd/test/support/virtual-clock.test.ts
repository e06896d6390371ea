import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { virtualClock } from './virtual-clock.ts';

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
