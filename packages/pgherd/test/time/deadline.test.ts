import { describe, expect, it } from 'vitest';
import { deadlineAfter, earliest, isPast, remainingMs } from '../../src/time/deadline.ts';

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
