import { describe, expect, it } from 'vitest';
import { type EjectionRecords, ejectedNodes, judge, type NodeSample } from '../../src/routing/ejection.ts';

const SETTINGS = { baseMs: 10_000, maxMs: 35_000 };

function sample(node: string, rest: Partial<NodeSample> = {}): NodeSample {
  return { node, answered: 100, failed: 0, ewmaMs: 2, ...rest };
}

/** Looks once a second at what `samples` gives; the changes as words. */
class Watch {
  records: EjectionRecords = new Map();
  now = 0;

  look(samples: readonly NodeSample[]): string[] {
    this.now += 1_000;
    const { records, changes } = judge(this.records, samples, this.now, SETTINGS);
    this.records = records;
    return changes.map((change) =>
      change.kind === 'ejected'
        ? `${change.node} for ${change.forMs}: ${change.reason}`
        : `${change.node} is back`,
    );
  }

  looks(times: number, samples: readonly NodeSample[]): string[] {
    return Array.from({ length: times }, () => this.look(samples)).flat();
  }
}

describe('a node that stands out', () => {
  it.each<[string, Partial<NodeSample>, string | undefined]>([
    ['fails in half of its calls', { answered: 5, failed: 5 }, '5 of its 10 calls failed within a second'],
    [
      'fails in a fifth of its calls',
      { answered: 80, failed: 20 },
      '20 of its 100 calls failed within a second',
    ],
    ['fails less often', { answered: 85, failed: 15 }, undefined],
    ['fails four times', { answered: 0, failed: 4 }, undefined],
    ['is as quick as the others', {}, undefined],
    ['is slow with few calls', { answered: 4, ewmaMs: 900 }, undefined],
    ['was never measured', { ewmaMs: undefined }, undefined],
  ])('%s', (_name, rest, reason) => {
    const changes = new Watch().look([sample('a'), sample('b'), sample('c', rest)]);
    expect(changes).toEqual(reason === undefined ? [] : [`c for 10000: ${reason}`]);
  });

  it.each<[string, number, number, boolean]>([
    ['three times slower, by 20 ms', 10, 30, true],
    ['three times slower, by little', 2, 12, false],
    ['slower by much, but not three times', 100, 290, false],
  ])('%s, in three looks in a row', (_name, usualMs, ewmaMs, ejected) => {
    const watch = new Watch();
    const samples = [
      sample('a', { ewmaMs: usualMs }),
      sample('b', { ewmaMs: usualMs }),
      sample('c', { ewmaMs }),
    ];
    expect(watch.looks(2, samples)).toEqual([]);
    const reason = `its statements take ${ewmaMs} ms, those of the others ${usualMs} ms`;
    expect(watch.look(samples)).toEqual(ejected ? [`c for 10000: ${reason}`] : []);
  });

  it('is not ejected for a slowness that ends before the third look', () => {
    const watch = new Watch();
    const slow = [sample('a'), sample('b'), sample('c', { ewmaMs: 90 })];
    for (let round = 0; round < 5; round++) {
      expect(watch.looks(2, slow)).toEqual([]);
      expect(watch.look([sample('a'), sample('b'), sample('c')])).toEqual([]);
    }
  });

  it('does not stand out where the others fail too, or have no calls', () => {
    const failing = { answered: 50, failed: 50 };
    expect(new Watch().look([sample('a', failing), sample('b', failing), sample('c', failing)])).toEqual([]);
    const idle = { answered: 0, ewmaMs: undefined };
    const alone = [sample('a', idle), sample('b', idle), sample('c', { ...failing, ewmaMs: 500 })];
    expect(new Watch().looks(5, alone)).toEqual([]);
  });
});

describe('an ejection', () => {
  const failing = [sample('a'), sample('b'), sample('c', { failed: 100 })];
  const well = [sample('a'), sample('b'), sample('c')];
  const without = [sample('a'), sample('b'), sample('c', { answered: 0 })];

  it('ends, is longer each time, up to a limit, and earlier ones are forgiven one by one', () => {
    const watch = new Watch();
    const durations: number[] = [];
    for (let round = 0; round < 5; round++) {
      const [ejected = ''] = watch.look(failing);
      durations.push(Number(/for (\d+)/.exec(ejected)?.[1]));
      const looks = (durations.at(-1) ?? 0) / 1_000;
      expect(watch.looks(looks - 1, without)).toEqual([]);
      expect([...ejectedNodes(watch.records).keys()]).toEqual(['c']);
      expect(watch.look(without)).toEqual(['c is back']);
      expect(ejectedNodes(watch.records).size).toBe(0);
    }
    expect(durations).toEqual([10_000, 20_000, 30_000, 35_000, 35_000]);
    watch.looks(50, well);
    expect(watch.look(failing)).toEqual([expect.stringContaining('c for 10000')]);
  });

  it.each([
    [2, 0],
    [3, 1],
    [5, 1],
    [6, 2],
    [9, 3],
  ])('of %i nodes never more than %i', (count, most) => {
    const watch = new Watch();
    const bad = count - 1;
    const samples = Array.from({ length: count }, (_, at) =>
      // The good one has nearly all the calls, so that each of the others stands out.
      at < bad ? sample(`n${at}`, { answered: 4, failed: 5 + at }) : sample(`n${at}`, { answered: 100_000 }),
    );
    for (let round = 0; round < 5; round++) {
      watch.look(samples);
      expect(ejectedNodes(watch.records).size).toBe(most);
    }
  });

  it('takes the worst first', () => {
    const samples = [
      sample('a', { answered: 10, failed: 5 }),
      sample('b', { answered: 1, failed: 9 }),
      sample('c', { answered: 100_000 }),
    ];
    expect(new Watch().look(samples)).toEqual([expect.stringContaining('b for 10000')]);
  });

  it('ends with a node that left the list', () => {
    const watch = new Watch();
    watch.look(failing);
    watch.look([sample('a'), sample('b')]);
    expect(ejectedNodes(watch.records).size).toBe(0);
  });
});
