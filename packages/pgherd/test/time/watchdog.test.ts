import { describe, expect, it } from 'vitest';
import { STALL_MS, watchdog } from '../../src/time/watchdog.ts';
import { virtualClock } from '../support/virtual-clock.ts';

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
