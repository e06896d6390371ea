import { describe, expect, it } from 'vitest';
import type { NodeDescription } from '../../src/model/topology.ts';
import { InFlight } from '../../src/node/in-flight.ts';
import {
  latencyWeighted,
  mostIdle,
  type NodeLoad,
  nearestWithin,
  POLICY_NAMES,
  type Policy,
  type PolicySettings,
  p2c,
  policyNamed,
  random,
  roundRobin,
} from '../../src/routing/policies.ts';
import type { Random } from '../../src/time/port.ts';
import { named } from '../support/evidence.ts';
import { describedNode } from '../support/nodes.ts';
import { fixedRandom, seededRandom } from '../support/random.ts';
import { virtualClock } from '../support/virtual-clock.ts';

const SETTINGS: PolicySettings = { nearestWindowMs: 5 };
const FRESH: NodeLoad = { inFlight: 0, idle: 0, ewmaMs: undefined, lastPick: 0 };

/** Picks again and again, and counts, as the engine does. */
class Table {
  readonly loads = new Map<string, NodeLoad>();
  readonly counts = new Map<string, number>();
  readonly rttMs = new Map<string, number>();
  readonly #policy: Policy;
  readonly #dice: Random;
  readonly #nodes = new Map<string, readonly NodeDescription[]>();
  #picks = 0;

  constructor(policy: Policy, seed = 1) {
    this.#policy = policy;
    this.#dice = seededRandom(seed);
  }

  load(letter: string, load: Partial<NodeLoad>): this {
    this.loads.set(named(letter), { ...(this.loads.get(named(letter)) ?? FRESH), ...load });
    return this;
  }

  pick(letters: string): string {
    const nodes = this.#nodesOf(letters);
    const picked = this.#policy(nodes, {
      load: (name) => this.loads.get(name) ?? FRESH,
      random: () => this.#dice.next(),
    });
    const letter = picked.name.charAt(0);
    this.#picks++;
    this.load(letter, { lastPick: this.#picks });
    this.counts.set(letter, (this.counts.get(letter) ?? 0) + 1);
    return letter;
  }

  #nodesOf(letters: string): readonly NodeDescription[] {
    let nodes = this.#nodes.get(letters);
    if (nodes === undefined) {
      nodes = [...letters].map((letter) => describedNode(letter, { rttMs: this.rttMs.get(letter) }));
      this.#nodes.set(letters, nodes);
    }
    return nodes;
  }

  picks(letters: string, times: number): Record<string, number> {
    this.counts.clear();
    for (let turn = 0; turn < times; turn++) this.pick(letters);
    return Object.fromEntries(this.counts);
  }
}

/** Sum of squared deviations from equal shares, in units of the expected count. */
function chiSquare(counts: readonly number[]): number {
  const expected = counts.reduce((sum, count) => sum + count, 0) / counts.length;
  return counts.reduce((sum, count) => sum + (count - expected) ** 2 / expected, 0);
}

describe('every policy', () => {
  it.each(POLICY_NAMES)('%s takes the only node there is', (name) => {
    expect(new Table(policyNamed(name, SETTINGS)).pick('a')).toBe('a');
  });

  it.each(POLICY_NAMES)('%s picks only who is there, whatever the dice say', (name) => {
    for (const dice of [0, 0.5, 1 - Number.EPSILON / 2]) {
      const nodes = [...'abc'].map((letter) => describedNode(letter, {}));
      const picked = policyNamed(name, SETTINGS)(nodes, {
        load: () => FRESH,
        random: () => fixedRandom(dice).next(),
      });
      expect(nodes).toContain(picked);
    }
  });

  it.each(POLICY_NAMES)('%s refuses to pick of none', (name) => {
    expect(() => policyNamed(name, SETTINGS)([], { load: () => FRESH, random: () => 0 })).toThrow(RangeError);
  });
});

describe('round-robin', () => {
  it('is exactly fair while all are up', () => {
    expect(new Table(roundRobin).picks('abc', 3_000)).toEqual({ a: 1_000, b: 1_000, c: 1_000 });
  });

  it('is exactly fair among the others while one is down', () => {
    const table = new Table(roundRobin);
    table.picks('abc', 30);
    expect(table.picks('bc', 1_000)).toEqual({ b: 500, c: 500 });
  });

  it('stays fair while one comes and goes, and gives who comes back no more than its share', () => {
    const table = new Table(roundRobin);
    table.picks('bc', 1_000);
    expect(table.picks('abc', 3)).toEqual({ a: 1, b: 1, c: 1 });
    expect(table.picks('abc', 300)).toEqual({ a: 100, b: 100, c: 100 });
  });
});

describe('random', () => {
  it.each([1, 2, 3])('gives equal chances (seed %i)', (seed) => {
    const counts = Object.values(new Table(random, seed).picks('abcde', 10_000));
    // Four degrees of freedom: 18.5 is passed by one in a thousand.
    expect(chiSquare(counts)).toBeLessThan(18.5);
    expect(counts).toHaveLength(5);
  });
});

describe('p2c', () => {
  it('shares equally among equals', () => {
    const table = new Table(p2c);
    for (const letter of 'abc') table.load(letter, { ewmaMs: 1 });
    expect(chiSquare(Object.values(table.picks('abc', 9_000)))).toBeLessThan(13.8);
  });

  it.each<[string, Partial<NodeLoad>, Partial<NodeLoad>]>([
    ['less than a millisecond', { ewmaMs: 0.1 }, { ewmaMs: 0.4 }],
    ['just under 5 ms', { ewmaMs: 0.1 }, { ewmaMs: 9.9 }],
    ['less than a fifth, though many ms', { ewmaMs: 100 }, { ewmaMs: 124 }],
    ['one call of ten', { inFlight: 9, ewmaMs: 1 }, { inFlight: 8, ewmaMs: 1 }],
  ])('takes a gain of %s for noise', (_name, one, other) => {
    const table = new Table(p2c).load('a', one).load('b', other);
    expect(chiSquare(Object.values(table.picks('ab', 4_000)))).toBeLessThan(10.8);
  });

  it.each([1, 2, 3])('is even over two equal nodes for one call at a time (seed %i)', async (seed) => {
    const clock = virtualClock();
    const dice = seededRandom(seed);
    const table = new Table(p2c, seed);
    const nodes = new Map([...'ab'].map((letter) => [letter, new InFlight(clock, () => undefined)]));
    for (let call = 0; call < 2_000; call++) {
      for (const [letter, { ewmaMs }] of nodes) table.load(letter, { ewmaMs });
      const picked = nodes.get(table.pick('ab'));
      const running = picked?.start();
      await clock.advance(0.3 + 4 * dice.next());
      if (running !== undefined) picked?.ended(running, true);
    }
    expect(chiSquare(Object.values(Object.fromEntries(table.counts)))).toBeLessThan(10.8);
  });

  it.each<[string, Partial<NodeLoad>, Partial<NodeLoad>]>([
    ['with fewer calls in flight', { inFlight: 9, ewmaMs: 1 }, { inFlight: 1, ewmaMs: 1 }],
    ['that is free, where the other has a call', { inFlight: 1, ewmaMs: 1 }, { inFlight: 0, ewmaMs: 1 }],
    ['that is 5 ms and a fifth faster', { ewmaMs: 25 }, { ewmaMs: 20 }],
    ['that is faster', { inFlight: 2, ewmaMs: 50 }, { inFlight: 2, ewmaMs: 5 }],
    ['that is much faster, though busier', { inFlight: 0, ewmaMs: 1_000 }, { inFlight: 9, ewmaMs: 5 }],
  ])('takes the one of two %s', (_name, worse, better) => {
    expect(new Table(p2c).load('a', worse).load('b', better).picks('ab', 200)).toEqual({ b: 200 });
  });

  it('never takes the most loaded of three, and both others', () => {
    const table = new Table(p2c);
    for (const [letter, inFlight] of [
      ['a', 1],
      ['b', 2],
      ['c', 90],
    ] as const) {
      table.load(letter, { inFlight, ewmaMs: 2 });
    }
    const counts = table.picks('abc', 3_000);
    expect(counts['c']).toBeUndefined();
    expect(counts['a']).toBeGreaterThan(counts['b'] ?? 0);
    expect(counts['b']).toBeGreaterThan(500);
  });

  it('does not send everything to a node that has not answered yet', () => {
    const table = new Table(p2c).load('a', { inFlight: 0, ewmaMs: 2 }).load('b', { inFlight: 500 });
    expect(table.picks('ab', 100)).toEqual({ a: 100 });
  });

  it('takes a node that it has not measured yet', () => {
    const table = new Table(p2c).load('a', { ewmaMs: 10 });
    expect(table.picks('ab', 10)).toEqual({ b: 10 });
  });

  it('spreads load that stays by what each node can carry', () => {
    const table = new Table(p2c);
    const speed = { a: 10, b: 20, c: 40 };
    for (const [letter, ewmaMs] of Object.entries(speed)) table.load(letter, { ewmaMs });
    const inFlight = new Map([...'abc'].map((letter) => [letter, 0]));
    for (let call = 0; call < 700; call++) {
      const letter = table.pick('abc');
      inFlight.set(letter, (inFlight.get(letter) ?? 0) + 1);
      table.load(letter, { inFlight: inFlight.get(letter) ?? 0 });
    }
    const [a = 0, b = 0, c = 0] = [...'abc'].map((letter) => inFlight.get(letter));
    expect(a).toBeGreaterThan(b);
    expect(b).toBeGreaterThan(c);
    expect(c).toBeGreaterThan(50);
  });
});

describe('nearest', () => {
  function tableOf(rttMs: Record<string, number>, windowMs = 5): Table {
    const table = new Table(nearestWithin(windowMs));
    for (const [letter, ms] of Object.entries(rttMs)) table.rttMs.set(letter, ms);
    return table;
  }

  it('shares equally within the window, whose edge belongs to it, and gives the others nothing', () => {
    const counts = tableOf({ a: 3, b: 0.5, c: 5.5, d: 5.6, e: 90 }).picks('abcde', 9_000);
    expect(Object.keys(counts).sort()).toEqual(['a', 'b', 'c']);
    expect(chiSquare(Object.values(counts))).toBeLessThan(13.8);
  });

  it('with a window of 0, takes the nearest alone', () => {
    expect(tableOf({ a: 1.1, b: 1 }, 0).picks('ab', 100)).toEqual({ b: 100 });
  });

  it('goes by the round trip, however busy the near node is; within the window by the load', () => {
    const table = tableOf({ a: 1, b: 2, c: 40 }).load('a', { inFlight: 500 });
    expect(table.picks('ac', 100)).toEqual({ a: 100 });
    expect(table.picks('abc', 100)).toEqual({ b: 100 });
  });

  it('takes a node without a round trip only where none has one', () => {
    expect(tableOf({ b: 80 }).picks('ab', 100)).toEqual({ b: 100 });
    expect(chiSquare(Object.values(tableOf({}).picks('ab', 4_000)))).toBeLessThan(10.8);
  });
});

describe('most-idle', () => {
  it('takes the one with the most free connections, then the one with the fewest calls', () => {
    const table = new Table(mostIdle)
      .load('a', { idle: 2, inFlight: 0 })
      .load('b', { idle: 5, inFlight: 9 })
      .load('c', { idle: 5, inFlight: 3 });
    expect(table.pick('abc')).toBe('c');
    expect(table.load('c', { idle: 1 }).pick('abc')).toBe('b');
  });

  it('takes the one with the fewest calls where none has a free connection', () => {
    expect(new Table(mostIdle).load('a', { inFlight: 4 }).load('b', { inFlight: 3 }).pick('ab')).toBe('b');
  });
});

/** Sum of squared deviations from the expected shares, in units of the expected counts. */
function deviation(counts: Record<string, number>, shares: Record<string, number>): number {
  const drawn = Object.values(counts).reduce((sum, count) => sum + count, 0);
  const weight = Object.values(shares).reduce((sum, share) => sum + share, 0);
  return Object.entries(shares).reduce((sum, [letter, share]) => {
    const expected = (drawn * share) / weight;
    return sum + ((counts[letter] ?? 0) - expected) ** 2 / expected;
  }, 0);
}

describe('latency-weighted', () => {
  // Two degrees of freedom: 13.8 is passed by one in a thousand; one degree: 10.8.
  it.each([1, 2, 3])('gives chances inverse to latency (seed %i)', (seed) => {
    const table = new Table(latencyWeighted, seed)
      .load('a', { ewmaMs: 1 })
      .load('b', { ewmaMs: 2 })
      .load('c', { ewmaMs: 5 });
    expect(deviation(table.picks('abc', 17_000), { a: 1, b: 1 / 2, c: 1 / 5 })).toBeLessThan(13.8);
    expect(deviation(table.picks('bc', 7_000), { b: 1 / 2, c: 1 / 5 })).toBeLessThan(10.8);
  });

  it('gives equal chances to equals, wherever they stand in the list', () => {
    const table = new Table(latencyWeighted);
    for (const letter of 'abc') table.load(letter, { ewmaMs: 3 });
    expect(deviation(table.picks('abc', 9_000), { a: 1, b: 1, c: 1 })).toBeLessThan(13.8);
    expect(deviation(table.picks('cba', 9_000), { a: 1, b: 1, c: 1 })).toBeLessThan(13.8);
  });

  it('goes by the round trip of the probes before the first statement, and by statements afterwards', () => {
    const table = new Table(latencyWeighted).load('a', { ewmaMs: 2 });
    table.rttMs.set('a', 50).set('b', 4);
    expect(deviation(table.picks('ab', 9_000), { a: 1 / 2, b: 1 / 4 })).toBeLessThan(10.8);
  });

  it('takes a node without any measure for one of the fastest', () => {
    const table = new Table(latencyWeighted).load('a', { ewmaMs: 2 }).load('b', { ewmaMs: 8 });
    expect(deviation(table.picks('abc', 9_000), { a: 4, b: 1, c: 4 })).toBeLessThan(13.8);
  });

  it('gives equal chances where nothing was measured', () => {
    expect(deviation(new Table(latencyWeighted).picks('abc', 9_000), { a: 1, b: 1, c: 1 })).toBeLessThan(
      13.8,
    );
  });

  it('does not tell times below a tenth of a millisecond apart', () => {
    const table = new Table(latencyWeighted).load('a', { ewmaMs: 0 }).load('b', { ewmaMs: 0.09 });
    expect(deviation(table.picks('ab', 9_000), { a: 1, b: 1 })).toBeLessThan(10.8);
  });
});

describe('what each policy makes of three nodes', () => {
  const EQUAL: Partial<NodeLoad> = { ewmaMs: 4 };
  type Shares = Record<string, number>;

  it.each<[(typeof POLICY_NAMES)[number], Shares, Shares, Shares]>([
    // All up; a down; c ten times slower.
    ['round-robin', { a: 1, b: 1, c: 1 }, { b: 1, c: 1 }, { a: 1, b: 1, c: 1 }],
    ['random', { a: 1, b: 1, c: 1 }, { b: 1, c: 1 }, { a: 1, b: 1, c: 1 }],
    ['p2c', { a: 1, b: 1, c: 1 }, { b: 1, c: 1 }, { a: 1, b: 1 }],
    ['latency-weighted', { a: 1, b: 1, c: 1 }, { b: 1, c: 1 }, { a: 10, b: 10, c: 1 }],
  ])('%s: shares %o; without the first %o; with a slow one %o', (name, all, firstDown, oneSlow) => {
    const table = new Table(policyNamed(name, SETTINGS), 7);
    for (const letter of 'abc') table.load(letter, EQUAL);
    expect(deviation(table.picks('abc', 9_000), all)).toBeLessThan(13.8);
    expect(deviation(table.picks('bc', 9_000), firstDown)).toBeLessThan(10.8);
    table.load('c', { ewmaMs: 40 });
    const counts = table.picks('abc', 9_000);
    expect(Object.keys(counts).sort()).toEqual(Object.keys(oneSlow));
    expect(deviation(counts, oneSlow)).toBeLessThan(13.8);
  });

  it('most-idle spreads calls as their connections are taken, also without the first and past a slow one', () => {
    const share = (letters: string, keeps: string) => {
      const table = new Table(mostIdle);
      for (const letter of letters) table.load(letter, { idle: 10 });
      for (let call = 0; call < 3_000; call++) {
        const letter = table.pick(letters);
        // Who keeps its connections busy has one fewer each time.
        const idle = table.loads.get(named(letter))?.idle ?? 0;
        if (keeps.includes(letter)) table.load(letter, { idle: idle - 1 });
        else table.load(letter, { inFlight: call });
      }
      return Object.fromEntries(table.counts);
    };
    expect(share('abc', 'abc')).toEqual({ a: 1_000, b: 1_000, c: 1_000 });
    expect(share('bc', 'bc')).toEqual({ b: 1_500, c: 1_500 });
    // Once it holds one connection more than the others, it is passed over.
    expect(share('abc', 'c')).toEqual({ a: 1_500, b: 1_499, c: 1 });
  });
});

describe('the share of the primary among reads', () => {
  // The weight is the chance that the primary counts at all: then it is one of the nodes and takes its turn.
  it.each(
    (['random', 'p2c'] as const).flatMap((name) => [0, 0.1, 0.5, 1].map((weight) => [name, weight] as const)),
  )('%s, weight %f: the weight times the share of one node', (name, weight) => {
    const table = new Table(policyNamed(name, SETTINGS), 5);
    const dice = seededRandom(11);
    for (const letter of 'pst') table.load(letter, { ewmaMs: 2 });
    for (let call = 0; call < 12_000; call++) table.pick(dice.next() < weight ? 'pst' : 'st');
    const share = weight / 3;
    const [p = 0, others = 0] = [table.counts.get('p'), 12_000 - (table.counts.get('p') ?? 0)];
    if (weight === 0) expect(p).toBe(0);
    else expect(deviation({ p, others }, { p: share, others: 1 - share })).toBeLessThan(10.8);
  });

  it('round-robin: one in (standbys + 1 / weight), for it is its turn as soon as it counts', () => {
    for (const weight of [0.1, 0.5, 1]) {
      const table = new Table(roundRobin);
      const dice = seededRandom(3);
      for (let call = 0; call < 20_000; call++) table.pick(dice.next() < weight ? 'pst' : 'st');
      expect((table.counts.get('p') ?? 0) / 20_000).toBeCloseTo(1 / (2 + 1 / weight), 2);
    }
  });
});
