import { describe, expect, it } from 'vitest';
import { type BarredReport, BarredWritesWatch } from '../../src/herd/barred-writes.ts';
import type { BarredWrites } from '../../src/model/floors.ts';
import { virtualClock } from '../support/virtual-clock.ts';

const BARRED: BarredWrites = {
  systemIdentifier: '7300000000000000001',
  floor: 2,
  witnesses: ['c:5432'],
  barred: ['a:5432'],
  missing: ['c:5432 is offline'],
  named: undefined,
  progress: undefined,
};

function watch() {
  const clock = virtualClock();
  const lines: string[] = [];
  const events: (BarredReport & { readonly at: number })[] = [];
  const calls = { waiting: 0 };
  const watcher = new BarredWritesWatch({
    clock,
    logger: { warn: (line) => lines.push(`${clock.now()} ${line}`) },
    callsWaiting: () => calls.waiting,
    announce: (report) => events.push({ ...report, at: clock.now() }),
  });
  return { clock, lines, events, calls, watcher };
}

describe('writes that the floor bars', () => {
  it('are reported at once and every 30 s, with what is missing by then', async () => {
    const { clock, events, watcher } = watch();
    watcher.follow(BARRED);
    await clock.advance(29_999);
    watcher.follow({ ...BARRED, missing: ['it must follow'] });
    await clock.advance(40_001);
    expect(events.map(({ at, missing }) => [at, missing.join()])).toEqual([
      [0, 'c:5432 is offline'],
      [30_000, 'it must follow'],
      [60_000, 'it must follow'],
    ]);
  });

  it('are in the log every 10 s between, while calls wait', async () => {
    const { calls, clock, lines, watcher } = watch();
    watcher.follow(BARRED);
    await clock.advance(10_000);
    expect(lines).toEqual([]);
    calls.waiting = 1;
    await clock.advance(30_000);
    expect(lines.map((line) => line.split(' ')[0])).toEqual(['20000', '40000']);
    expect(lines[0]).toContain(
      'Writes wait: a:5432 could take them, but the higher timeline 2 was shown out of recovery by c:5432. Missing: c:5432 is offline',
    );
  });

  it('are forgotten once they go on, and begin anew later', async () => {
    const { calls, clock, events, lines, watcher } = watch();
    calls.waiting = 1;
    watcher.follow(BARRED);
    watcher.follow(undefined);
    await clock.advance(60_000);
    expect([events.length, lines.length, clock.pending]).toEqual([1, 0, 0]);
    watcher.follow(BARRED);
    expect(events.length).toBe(2);
    watcher.stop();
    expect(clock.pending).toBe(0);
  });
});
