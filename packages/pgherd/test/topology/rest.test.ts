import { describe, expect, it } from 'vitest';
import { RESTS, restingTopology } from '../../src/topology/rest.ts';
import { describedNode, pictureOf } from '../support/nodes.ts';

describe('the picture of a cluster that rests', () => {
  const before = {
    ...pictureOf([
      describedNode('a', { role: 'primary', timeline: 3, generation: 4, systemIdentifier: '7', rttMs: 1 }),
      describedNode('b', { role: 'standby', zone: 'z', promotable: false, systemIdentifier: '7', rttMs: 1 }),
    ]),
    systemIdentifier: '7',
    writable: 'a:5432',
    incumbent: 'a:5432',
    floor: 3,
    floors: { 7: 3 },
    writesOpen: true,
    startedAt: 5,
  };
  const after = restingTopology(before);

  it('knows no role, and believes nothing that is still on its way', () => {
    expect(after.nodes).toMatchObject([
      { name: 'a:5432', role: 'unknown', health: 'suspect', healthReason: RESTS, generation: 5 },
      { name: 'b:5432', role: 'unknown', health: 'suspect', timeline: undefined, rttMs: undefined },
    ]);
    expect(after).toMatchObject({ writable: undefined, writesOpen: false, startedAt: undefined });
    expect(after.version).toBe(before.version + 1);
  });

  it('keeps what keeps writes from the wrong node, and the labels', () => {
    const { floor, floors, incumbent, levels, givenUp, systemIdentifier } = before;
    expect(after).toMatchObject({ floor, floors, incumbent, levels, givenUp, systemIdentifier });
    expect(after.nodes).toMatchObject([
      { systemIdentifier: '7' },
      { systemIdentifier: '7', zone: 'z', promotable: false },
    ]);
  });
});
