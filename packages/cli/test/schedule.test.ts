import { describe, expect, it } from 'vitest';
import { EVENT_NAMES, EVENT_WORDS, planSchedule, SECONDS } from '../src/demo/schedule.ts';

describe('planSchedule', () => {
  it.each([20, 25, 60, 600])('orders all events within %d s', (seconds) => {
    const { events, durationMs } = planSchedule(seconds);
    expect(events.map(({ name }) => name)).toEqual(EVENT_NAMES);
    const times = events.map(({ atMs }) => atMs);
    expect(times).toEqual([...times].sort((a, b) => a - b));
    expect(durationMs).toBe(seconds * 1_000);
    expect(times.every((atMs) => atMs < durationMs)).toBe(true);
  });

  it.each([
    { seconds: 20, promoteAfterMs: 500, strayMs: 500 },
    { seconds: 40, promoteAfterMs: 1_000, strayMs: 1_000 },
    { seconds: 60, promoteAfterMs: 1_000, strayMs: 1_500 },
    { seconds: 600, promoteAfterMs: 1_000, strayMs: 2_000 },
  ])('promotes $promoteAfterMs ms after a loss in $seconds s', ({ seconds, ...expected }) => {
    expect(planSchedule(seconds)).toMatchObject(expected);
  });

  it('leaves a server two seconds to rejoin even in the shortest demo', () => {
    const { events, durationMs } = planSchedule(SECONDS.min);
    const times = [...events.map(({ atMs }) => atMs), durationMs];
    const slots = times.slice(2).map((atMs, index) => atMs - (times[index + 1] ?? 0));
    expect(Math.min(...slots)).toBeGreaterThanOrEqual(2_000);
  });

  it('has words that fit for every event', () => {
    for (const { title, sentence } of Object.values(EVENT_WORDS)) {
      expect(title.length).toBeLessThanOrEqual(20);
      expect(sentence.length).toBeLessThanOrEqual(80);
    }
  });
});
