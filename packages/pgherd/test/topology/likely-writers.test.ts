import { describe, expect, test } from 'vitest';
import type { NodeDescription, TopologyDescription } from '../../src/model/topology.ts';
import { initialTopology } from '../../src/topology/topology.ts';
import { chooseWritable, likelyWriters } from '../../src/topology/writable.ts';

const HOSTS = ['a', 'b', 'c'].map((host) => ({ transport: 'tcp' as const, host, port: 5432 }));
const EMPTY = initialTopology(HOSTS);

/** A topology whose nodes differ from a healthy standby as told. */
function topology(nodes: readonly Partial<NodeDescription>[], incumbent = 'a:5432'): TopologyDescription {
  const standby = { health: 'ok', role: 'standby', systemIdentifier: '7', timeline: undefined } as const;
  const described = EMPTY.nodes.map((node, index) => ({ ...node, ...standby, ...nodes[index] }));
  return {
    ...EMPTY,
    writable: chooseWritable(described, 'strict')?.name,
    incumbent: incumbent === '' ? undefined : incumbent,
    nodes: described,
  };
}

const PRIMARY = { role: 'primary', timeline: 1 } as const;
const HEALTHY = topology([PRIMARY]);
const LOST = topology([{ ...PRIMARY, health: 'offline' }]);

describe('nodes that may be written to soon', () => {
  test('are the healthy standbys when the primary is lost, once', () => {
    expect(likelyWriters(HEALTHY, LOST)).toEqual(['b:5432', 'c:5432']);
    expect(likelyWriters(HEALTHY, topology([{ health: 'offline' }, { health: 'suspect' }]))).toEqual([
      'c:5432',
    ]);
    expect(likelyWriters(LOST, LOST)).toEqual([]);
  });

  test('are the node that just left recovery and has not told its timeline', () => {
    const promoted = topology([{ ...PRIMARY, health: 'offline' }, { role: 'primary' }]);
    expect(likelyWriters(LOST, promoted)).toEqual(['b:5432']);
    expect(likelyWriters(promoted, promoted)).toEqual([]);
  });

  test('are none where nothing was written yet, or a primary serves', () => {
    const readOnly = { ...LOST, incumbent: undefined };
    expect(likelyWriters({ ...HEALTHY, incumbent: undefined }, readOnly)).toEqual([]);
    expect(likelyWriters(LOST, topology([{ health: 'offline' }, { role: 'primary', timeline: 2 }]))).toEqual(
      [],
    );
  });
});
