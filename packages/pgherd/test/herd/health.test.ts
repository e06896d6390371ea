import { describe, expect, it } from 'vitest';
import { findingsOf, type HealthFacts } from '../../src/herd/health.ts';
import { HealthWatch } from '../../src/herd/health-watch.ts';
import type { NodeDescription, TopologyDescription } from '../../src/model/topology.ts';
import { selectNodes } from '../../src/routing/select.ts';
import { describedNode, pictureOf } from '../support/nodes.ts';
import { ANYTHING_GOES } from '../support/selection.ts';

const PRIMARY = { role: 'primary', timeline: 1 } as const;
const STANDBY = { role: 'standby' } as const;
const GONE = { health: 'offline', healthReason: 'refused' } as const;

interface Case {
  readonly a?: Partial<NodeDescription>;
  readonly b?: Partial<NodeDescription>;
  readonly picture?: Partial<TopologyDescription>;
  readonly facts?: Partial<HealthFacts>;
}

function findings({ a = PRIMARY, b = STANDBY, picture = {}, facts = {} }: Case) {
  const nodes = [describedNode('a', a), describedNode('b', b)];
  const writable = nodes.find((node) => node.role === 'primary' && node.health === 'ok')?.name;
  const topology = { ...pictureOf(nodes, true), writable, ...picture };
  const readers = selectNodes(topology, { target: 'any' }, ANYTHING_GOES);
  return findingsOf({
    topology,
    readers,
    expectsWrites: true,
    isResting: false,
    concerns: [],
    ...facts,
  });
}

describe('the health of a cluster', () => {
  const TABLE: readonly (readonly [string, Case, string, readonly (string | RegExp)[]])[] = [
    ['all well', {}, 'up', []],
    ['a standby that is gone', { b: { ...STANDBY, ...GONE } }, 'degraded', [/^b:5432 is offline: refused$/]],
    [
      'a primary that is gone',
      { a: { ...PRIMARY, ...GONE } },
      'degraded',
      [/^writes wait: no node/, /^a:5432 is offline/],
    ],
    ['no primary where none is wanted', { a: STANDBY, facts: { expectsWrites: false } }, 'up', []],
    [
      'all gone',
      { a: { ...PRIMARY, ...GONE }, b: { ...STANDBY, ...GONE } },
      'down',
      [/^no node serves/, /^writes wait/, /^a:5432/, /^b:5432/],
    ],
    [
      'two equal claims',
      { a: { ...PRIMARY, standing: 'ambiguous', standingReason: 'two' }, picture: { writable: undefined } },
      'degraded',
      [/several servers claim/, /^a:5432 is ambiguous: two$/],
    ],
    [
      'primaries of two clusters',
      { picture: { writable: undefined, identityConflict: ['1', '2'] } },
      'degraded',
      [/different clusters answer \(system identifiers 1 and 2\)/],
    ],
    [
      'another cluster in its place',
      {
        picture: { writable: undefined, replacement: { systemIdentifier: '9', since: 0, confirmed: true } },
      },
      'degraded',
      [/every node is of another cluster \(9\)/],
    ],
    ['before the first write may go out', { picture: { writesOpen: false } }, 'degraded', [/^writes wait/]],
    ['a second address of one server', { b: { ...PRIMARY, aliasOf: 'a:5432', ...GONE } }, 'up', []],
    ['a concern', { facts: { concerns: ['commits wait'] } }, 'degraded', [/^commits wait$/]],
    ['at rest, whatever is known', { a: GONE, b: GONE, facts: { isResting: true } }, 'up', []],
  ];

  it.each(TABLE)('%s', (_name, given, status, reasons) => {
    const found = findings(given);
    expect(found.status).toBe(status);
    expect(found.reasons).toHaveLength(reasons.length);
    for (const [index, reason] of reasons.entries()) expect(found.reasons[index]).toMatch(reason);
    expect(found.resting).toBe(given.facts?.isResting === true ? true : undefined);
    expect(JSON.parse(JSON.stringify(found)).nodes).toHaveLength(2);
  });
});

describe('since when', () => {
  it('the status has been what it is', () => {
    let time = 0;
    const clock = { now: () => time, wallTime: () => time, schedule: () => ({ cancel: () => undefined }) };
    const watch = new HealthWatch({ connectTimeoutMs: 5_000, clock, target: 'read-write' });
    const sinceAt = (at: number, given: Case) => {
      time = at;
      return watch.dated(findings(given)).since;
    };
    const broken: Case = { b: { ...STANDBY, ...GONE } };
    expect([
      sinceAt(1_000, {}),
      sinceAt(2_000, {}),
      sinceAt(3_000, broken),
      sinceAt(4_000, broken),
      sinceAt(5_000, {}),
    ]).toEqual([1_000, 1_000, 3_000, 3_000, 5_000].map((at) => new Date(at).toISOString()));
  });
});
