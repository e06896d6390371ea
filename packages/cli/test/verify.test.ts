import { describe, expect, it } from 'vitest';
import { compare } from '../src/demo/verify.ts';

const books = (acknowledged: number[], unknown: number[] = [], failed: number[] = []) => ({
  acknowledged,
  idsOf: (outcome: 'failed' | 'unknown') => (outcome === 'unknown' ? unknown : failed),
});

describe('compare', () => {
  it.each([
    { title: 'nothing is wrong', found: [1, 2, 3], books: books([1, 2, 3]), expected: {} },
    { title: 'an acknowledged write is absent', found: [1], books: books([1, 2]), expected: { lost: 1 } },
    { title: 'a write is there twice', found: [1, 1, 2], books: books([1, 2]), expected: { duplicated: 1 } },
    {
      title: 'an unknown write is there twice',
      found: [1, 9, 9],
      books: books([1], [9]),
      expected: { duplicated: 1, unknownExecuted: 1 },
    },
    {
      title: 'unknown writes are there, or not',
      found: [7],
      books: books([], [7, 8]),
      expected: { unknownExecuted: 1 },
    },
    {
      title: 'a failed write is there',
      found: [5],
      books: books([], [], [5]),
      expected: { failedExecuted: 1 },
    },
  ])('says so when $title', ({ found, books: ledger, expected }) => {
    const times = new Map<number, number>();
    for (const id of found) times.set(id, (times.get(id) ?? 0) + 1);
    expect(compare(times, ledger, 64_000)).toEqual({
      lost: 0,
      duplicated: 0,
      unknownExecuted: 0,
      failedExecuted: 0,
      balance: 64_000,
      ...expected,
    });
  });
});
