import { describe, expect, it } from 'vitest';
import type { Health } from '../../src/model/names.ts';
import {
  afterFailure,
  afterLookup,
  afterReached,
  MAX_ADDRESSES,
  type NameAddresses,
  UNKNOWN_ADDRESSES,
} from '../../src/names/addresses.ts';

/** Addresses of one family, by number. */
const v4 = (number: number) => `192.0.2.${number}`;
const v6 = (number: number) => `2001:db8::${number}`;

type Step =
  | { readonly lookup: readonly string[]; readonly health?: Readonly<Record<string, Health>> }
  | { readonly reached: string }
  | 'failed';

function play(...steps: readonly Step[]): NameAddresses {
  let name = UNKNOWN_ADDRESSES;
  for (const step of steps) {
    if (step === 'failed') name = afterFailure(name);
    else if ('reached' in step) name = afterReached(name, step.reached);
    else name = afterLookup(name, step.lookup, (address) => step.health?.[address]);
  }
  return name;
}

const nodesOf = (...steps: readonly Step[]) => play(...steps).nodes.map(({ address }) => address);
const OK = 'ok' as const;
const OFFLINE = 'offline' as const;
const all = (addresses: readonly string[], health: Health) =>
  Object.fromEntries(addresses.map((address) => [address, health]));
const many = (count: number) => Array.from({ length: count }, (_, index) => v4(index + 1));

const CASES: readonly (readonly [string, readonly Step[], readonly string[]])[] = [
  ['one address: the name is the node', [{ lookup: [v4(1)] }, { reached: v4(1) }], []],
  [
    'one address that is another one now',
    [{ lookup: [v4(1)] }, { reached: v4(1) }, { lookup: [v4(2)] }, { reached: v4(2) }],
    [],
  ],
  ['several of one family, before any is dialled', [{ lookup: [v4(2), v4(1)] }], [v4(2), v4(1)]],
  [
    'one that has several later',
    [{ lookup: [v4(1)] }, { reached: v4(1) }, { lookup: [v4(2), v4(1)] }],
    [v4(2), v4(1)],
  ],
  ['the same address twice', [{ lookup: [v4(1), v4(1)] }], []],
  ['what is no address', [{ lookup: ['db2', v4(1), ''] }], []],
  ['one of each family: both are of one server', [{ lookup: [v6(1), v4(1)] }, { reached: v4(1) }], []],
  ['several of both, before any is reached', [{ lookup: [v6(1), v6(2), v4(1), v4(2)] }], []],
  [
    'several of both: those of the family that is reached',
    [{ lookup: [v6(1), v6(2), v4(1), v4(2)] }, { reached: v4(1) }],
    [v4(1), v4(2)],
  ],
  [
    'several of one family, and the one of the other is reached',
    [{ lookup: [v6(1), v4(1), v4(2)] }, { reached: v6(1) }],
    [],
  ],
  [
    'then the other one is reached',
    [{ lookup: [v6(1), v4(1), v4(2)] }, { reached: v6(1) }, { reached: v4(2) }],
    [v4(1), v4(2)],
  ],
  [
    'several of both, and none lets us in: those that the resolver prefers',
    [{ lookup: [v6(1), v6(2), v4(1), v4(2)] }, 'failed'],
    [v6(1), v6(2)],
  ],
  ['a failure without any address', ['failed'], []],
  ['one that a lookup does not show', [{ lookup: many(3) }, { lookup: many(2) }], many(3)],
  [
    'one that three lookups do not show, and that does not answer',
    [{ lookup: many(3) }, ...Array.from({ length: 3 }, () => ({ lookup: many(2) }))],
    many(2),
  ],
  [
    'one that three lookups do not show, and that is ok',
    [
      { lookup: many(3) },
      ...Array.from({ length: 9 }, () => ({ lookup: many(2), health: all(many(3), OK) })),
    ],
    many(3),
  ],
  [
    'one that every third lookup shows',
    [
      { lookup: many(3) },
      ...Array.from({ length: 9 }, (_, index) => ({ lookup: index % 3 === 2 ? many(3) : many(2) })),
    ],
    many(3),
  ],
  [
    'a lookup without an answer is none without the address',
    [{ lookup: many(2) }, ...Array.from({ length: 9 }, () => ({ lookup: [] }))],
    many(2),
  ],
  [
    'one that is left of several is not the name again',
    [{ lookup: many(2) }, ...Array.from({ length: 5 }, () => ({ lookup: [v4(2)] }))],
    [v4(2)],
  ],
  [
    'all others in their place',
    [{ lookup: many(2) }, ...Array.from({ length: 3 }, () => ({ lookup: [v4(8), v4(9)] }))],
    [v4(8), v4(9)],
  ],
  ['more than are used: the first ones', [{ lookup: many(40) }], many(MAX_ADDRESSES)],
  [
    'more than are used, in another order each time: those that are used stay',
    [
      { lookup: many(40) },
      ...Array.from({ length: 9 }, () => ({ lookup: many(40).reverse(), health: all(many(40), OK) })),
    ],
    many(MAX_ADDRESSES),
  ],
  [
    'more than are used, one of which is ok: the others stay',
    [{ lookup: many(40) }, { lookup: many(40), health: { ...all(many(40), OFFLINE), [v4(3)]: OK } }],
    many(MAX_ADDRESSES),
  ],
  [
    'more than are used, all of which are dead: others take their place',
    [{ lookup: many(40) }, { lookup: many(40), health: all(many(40), OFFLINE) }],
    many(2 * MAX_ADDRESSES).slice(MAX_ADDRESSES),
  ],
  [
    'none of this family can be reached any more: those of the other as well',
    [{ lookup: [v6(1), v6(2)] }, { lookup: [v6(1), v6(2), v4(1)], health: all([v6(1), v6(2)], OFFLINE) }],
    [v6(1), v6(2), v4(1)],
  ],
  [
    'a suspect one of this family: the other family waits',
    [
      { lookup: [v6(1), v6(2)] },
      { lookup: [v6(1), v6(2), v4(1)], health: { [v6(1)]: 'suspect', [v6(2)]: OFFLINE } },
    ],
    [v6(1), v6(2)],
  ],
  [
    'this family is gone from DNS',
    [{ lookup: [v6(1), v6(2)] }, ...Array.from({ length: 3 }, () => ({ lookup: [v4(1), v4(2)] }))],
    [v4(1), v4(2)],
  ],
];

describe('the nodes of a name', () => {
  it.each(CASES)('%s', (_what, steps, nodes) => {
    expect(nodesOf(...steps)).toEqual(nodes);
  });

  it('are never none once there were some, nor more than allowed, whatever DNS says', () => {
    let dice = 1;
    const next = (below: number) => {
      dice = (dice * 48_271) % 2_147_483_647;
      return dice % below;
    };
    let name = afterLookup(UNKNOWN_ADDRESSES, many(2), () => undefined);
    for (let round = 0; round < 2_000; round++) {
      const lookup = Array.from({ length: next(30) }, () => (next(3) === 0 ? v6(next(40)) : v4(next(40))));
      name = afterLookup(name, lookup, () => (['ok', 'suspect', 'offline'] as const)[next(3)]);
      expect(name.nodes.length).toBeGreaterThan(0);
      expect(name.nodes.length).toBeLessThanOrEqual(MAX_ADDRESSES);
      expect(new Set(name.nodes.map(({ address }) => address)).size).toBe(name.nodes.length);
    }
  });

  it('the picture stays the same object if nothing was shown', () => {
    const name = play({ lookup: [v4(1)] }, { reached: v4(1) });
    expect(afterLookup(name, [], () => undefined)).toBe(name);
    expect(afterReached(name, v4(1))).toBe(name);
    expect(afterFailure(name)).toBe(name);
  });
});
