import { describe, expect, it } from 'vitest';
import { diceOf } from '../src/demo/dice.ts';
import { Ledger } from '../src/demo/ledger.ts';
import { type Bank, startWorkload, TOTAL_BALANCE } from '../src/demo/workload.ts';

/** A bank that does nothing, and fails as it is told. */
function bankOf(fail: { write?: Error; total?: number } = {}): Bank {
  const result = async () => {
    if (fail.write !== undefined) throw fail.write;
    return { rows: [], rowCount: 1, fields: [], command: 'INSERT', node: 'h:1' };
  };
  return {
    query: result,
    transaction: async (fn: (tx: { query: typeof result }) => unknown) => fn({ query: result }),
    read: { one: async () => ({ total: String(fail.total ?? TOTAL_BALANCE) }) },
  } as unknown as Bank;
}

async function booksOf(bank: Bank, until: (ledger: Ledger) => boolean): Promise<Ledger> {
  const ledger = new Ledger();
  let now = 0;
  const workload = startWorkload(bank, ledger, { writers: 2, readers: 2, seed: 1 }, () => ++now);
  await expect.poll(() => until(ledger)).toBe(true);
  await workload.stop();
  return ledger;
}

describe('startWorkload', () => {
  it('enters each write once and under an identifier of its own', async () => {
    const ledger = await booksOf(bankOf(), ({ acknowledged }) => acknowledged.length >= 10);
    expect(new Set(ledger.acknowledged).size).toBe(ledger.acknowledged.length);
    expect(ledger.reads.count).toBeGreaterThan(0);
    expect(ledger.failures).toEqual([]);
  });

  it('enters failed writes with the identifier they would have had', async () => {
    const bank = bankOf({ write: new Error('boom') });
    const ledger = await booksOf(bank, ({ failures }) => failures.length >= 3);
    expect(
      ledger
        .idsOf('failed')
        .toSorted((a, b) => a - b)
        .slice(0, 3),
    ).toEqual([1, 2, 3]);
    expect(ledger.acknowledged).toEqual([]);
  });

  it('takes a wrong sum for a failed read', async () => {
    const ledger = await booksOf(bankOf({ total: 1 }), ({ failures }) => failures.length >= 2);
    expect(ledger.failures[0]).toMatchObject({ kind: 'read', outcome: 'failed' });
    expect(ledger.failures[0]?.reason).toContain('added up to 1');
  });

  it('has settled once those calls have ended that ran when it was asked', async () => {
    const answers: (() => void)[] = [];
    const slow = bankOf();
    const bank = {
      ...slow,
      read: {
        one: () =>
          new Promise<void>((resolve) => answers.push(resolve)).then(() => ({ total: TOTAL_BALANCE })),
      },
    } as unknown as Bank;
    const ledger = new Ledger();
    const workload = startWorkload(bank, ledger, { writers: 0, readers: 2, seed: 1 }, () => 1);
    let settled = false;
    const waiting = workload.settled().then(() => {
      settled = true;
    });
    answers[0]?.();
    await expect.poll(() => answers.length).toBe(3);
    expect(settled).toBe(false);
    answers[1]?.();
    await waiting;
    expect(ledger.reads.count).toBe(2);
    workload.abandon();
    for (const answer of answers) answer();
    await workload.stop();
  });

  it('enters nothing any more once it was abandoned', async () => {
    const ledger = new Ledger();
    const workload = startWorkload(bankOf(), ledger, { writers: 1, readers: 1, seed: 1 }, () => 1);
    workload.abandon();
    await workload.stop();
    expect(ledger.acknowledged).toEqual([]);
  });
});

describe('diceOf', () => {
  it('falls the same way for the same seed', () => {
    const thrown = (seed: number) => {
      const dice = diceOf(seed);
      return Array.from({ length: 5 }, () => dice.below(100));
    };
    expect(thrown(7)).toEqual(thrown(7));
    expect(thrown(7)).not.toEqual(thrown(8));
  });

  it('spreads evenly', () => {
    const dice = diceOf(3);
    const counts = Array(10).fill(0);
    for (let index = 0; index < 10_000; index++) counts[dice.below(10)]++;
    expect(Math.min(...counts)).toBeGreaterThan(850);
  });
});
