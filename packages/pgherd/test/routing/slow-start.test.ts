import { describe, expect, it } from 'vitest';
import type { NodeDescription } from '../../src/model/topology.ts';
import { comesBack, shareAfter } from '../../src/routing/slow-start.ts';
import { describedNode } from '../support/nodes.ts';

const OFFLINE = describedNode('a', { health: 'offline' });
const SUSPECT = describedNode('a', { health: 'suspect' });
const WELL = describedNode('a', {});
const RESTARTED = describedNode('a', { postmasterStartedAt: '18' });

describe('a node comes back', () => {
  it.each<[string, NodeDescription | undefined, NodeDescription, boolean]>([
    ['after it was offline', OFFLINE, WELL, true],
    ['when it is new on the list', undefined, WELL, true],
    ['with another start of its server, however short it was away', SUSPECT, RESTARTED, true],
    ['with another start of its server, unseen', WELL, RESTARTED, true],
    ['not while it is offline', WELL, OFFLINE, false],
    ['not while its new server is not known to be ok', WELL, { ...RESTARTED, health: 'suspect' }, false],
    ['not after a missed probe', SUSPECT, WELL, false],
    ['not when nothing has changed', WELL, WELL, false],
    ['not when its start becomes known', { ...WELL, postmasterStartedAt: undefined }, WELL, false],
    ['not when its start is not known any more', WELL, { ...WELL, postmasterStartedAt: undefined }, false],
  ])('%s', (_name, before, after, expected) => {
    expect(comesBack(before, after)).toBe(expected);
  });

  it('and has a tenth of its share at once, all of it at the end', () => {
    const shares = [-5, 0, 2_500, 5_000, 9_999, 10_000, 60_000].map((ms) => shareAfter(ms, 10_000));
    expect(shares.map((share) => Math.round(share * 1_000) / 1_000)).toEqual([
      0.1, 0.1, 0.325, 0.55, 1, 1, 1,
    ]);
  });
});
