import { describe, expect, it } from 'vitest';
import type { CausalToken } from '../../src/model/causal-token.ts';
import { type CausalRoute, hasReplayed, routeToken, strictest } from '../../src/routing/causal.ts';

const NOW = 1_800_000_000_000;
const TTL_MS = 60_000;
const SYSTEM = '7000000000000000001';

const TOKEN: CausalToken = {
  systemIdentifier: SYSTEM,
  timeline: 3,
  lsn: 500n,
  at: NOW - 10,
  node: 'db1:5432',
};
const POSITIONS = [{ node: 'db1:5432', timeline: 3, at: 0, lsn: 400n }];
const PICTURE = { systemIdentifier: SYSTEM, floor: 3, positions: POSITIONS };

type Picture = Parameters<typeof routeToken>[1];

const REPLAYED: CausalRoute = { kind: 'replayed', position: { timeline: 3, lsn: 500n } };
const PRIMARY: CausalRoute = { kind: 'primary' };

describe('what a token demands', () => {
  it.each<[string, Partial<CausalToken>, Partial<Picture>, CausalRoute]>([
    ['of this epoch: a node that has replayed it', {}, {}, REPLAYED],
    ['without a system identifier, its own or ours', { systemIdentifier: undefined }, {}, REPLAYED],
    ['where ours is not known', {}, { systemIdentifier: undefined }, REPLAYED],
    ['where no position of the primary is known', {}, { positions: [] }, REPLAYED],
    ['just before it lapses', { at: NOW - TTL_MS }, {}, REPLAYED],
    ['just after', { at: NOW - TTL_MS - 1 }, {}, { kind: 'anywhere' }],
    ['lapsed, of another cluster', { at: 0, systemIdentifier: '1' }, {}, { kind: 'anywhere' }],
    ['of a clock that is a little ahead', { at: NOW + 59_000 }, {}, REPLAYED],
    ['of a time that is not to come for minutes', { at: NOW + 120_000 }, {}, PRIMARY],
    ['of another cluster', { systemIdentifier: '7' }, {}, PRIMARY],
    ['of an earlier timeline', { timeline: 2 }, {}, PRIMARY],
    ['of a later timeline', { timeline: 4 }, {}, { kind: 'look' }],
    ['before any primary was seen', {}, { floor: undefined }, PRIMARY],
    ['without a position', { lsn: undefined }, {}, PRIMARY],
    ['with the position nothing has', { lsn: 0n }, {}, PRIMARY],
    ['without a timeline', { timeline: undefined }, {}, PRIMARY],
    ['with the timeline nothing has', { timeline: 0 }, {}, PRIMARY],
    ['beyond what any log has reached', { lsn: (1n << 64n) - 1n }, {}, PRIMARY],
    [
      'beyond that, where the known position is of an earlier timeline',
      { lsn: 1n << 50n },
      { positions: [{ node: 'db1:5432', timeline: 2, at: 0, lsn: 400n }] },
      { kind: 'replayed', position: { timeline: 3, lsn: 1n << 50n } },
    ],
  ])('%s', (_what, token, picture, route) => {
    expect(routeToken({ ...TOKEN, ...token }, { ...PICTURE, ...picture }, NOW, TTL_MS)).toEqual(route);
  });
});

describe('two tokens', () => {
  const later: CausalRoute = { kind: 'replayed', position: { timeline: 3, lsn: 900n } };
  const look: CausalRoute = { kind: 'look' };
  const anywhere: CausalRoute = { kind: 'anywhere' };

  it.each<[string, CausalRoute, CausalRoute, CausalRoute]>([
    ['the later position counts', REPLAYED, later, later],
    ['what has lapsed demands nothing beside it', anywhere, REPLAYED, REPLAYED],
    ['both lapsed demand nothing', anywhere, anywhere, anywhere],
    ['the primary shows both', REPLAYED, PRIMARY, PRIMARY],
    ['first the nodes are asked', PRIMARY, look, look],
  ])('%s', (_what, one, other, both) => {
    expect(strictest(one, other)).toEqual(both);
    expect(strictest(other, one)).toEqual(both);
  });
});

describe('a standby', () => {
  it.each<[string, bigint | undefined, number | undefined, number, boolean]>([
    ['at the position has it', 500n, 1, 1, true],
    ['beyond it has it', 501n, undefined, 1, true],
    ['before it has not', 499n, 1, 1, false],
    ['of unknown position is not known to have it', undefined, 1, 1, false],
    ['of the same later timeline has it', 500n, 3, 3, true],
    ['of a timeline after that has it', 500n, 4, 3, true],
    ['that may follow a former primary is not known to have it', 900n, 2, 3, false],
    ['of unknown timeline is not known to have it', 900n, undefined, 2, false],
  ])('%s', (_what, lsn, timelineAtLeast, timeline, has) => {
    expect(hasReplayed({ lsn, timelineAtLeast }, { timeline, lsn: 500n })).toBe(has);
  });
});
