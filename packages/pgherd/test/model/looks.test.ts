import { inspect } from 'node:util';
import { describe, expect, it } from 'vitest';
import { createCluster } from '../../src/cluster/cluster.ts';
import { parseLsn } from '../../src/model/lsn.ts';
import type { TopologyDescription } from '../../src/model/topology.ts';
import { sql } from '../../src/sql/tag.ts';
import { shownTopology } from '../../src/topology/shown.ts';
import { initialTopology } from '../../src/topology/topology.ts';

const lsn = parseLsn('16/B374D848');

function topologyWithPositions(): TopologyDescription {
  const first = initialTopology([{ host: 'a', port: 5432, transport: 'tcp' }]);
  const nodes = first.nodes.map((node) => ({ ...node, lsn, receivedLsn: 0n }));
  const positions = [{ node: 'a:5432', timeline: 1, at: 5, lsn: lsn ?? 0n }];
  return Object.freeze({ ...first, nodes, positions });
}

describe('a topology', () => {
  it('and its nodes can be written as JSON, with log positions as PostgreSQL writes them', () => {
    const shown = shownTopology(topologyWithPositions());
    expect(JSON.parse(JSON.stringify(shown))).toMatchObject({
      version: 0,
      positions: [{ node: 'a:5432', lsn: '16/B374D848' }],
      nodes: [{ name: 'a:5432', role: 'unknown', lsn: '16/B374D848', receivedLsn: '0/0' }],
    });
    expect(JSON.parse(JSON.stringify(shown.nodes))).toMatchObject([{ lsn: '16/B374D848' }]);
    expect(inspect(shown, { depth: 5 })).toContain("lsn: '16/B374D848'");
    expect(inspect(shown.nodes[0])).not.toContain('undefined');
  });

  it('has the same content as before, is frozen, and the same object while nothing changed', () => {
    const raw = topologyWithPositions();
    const shown = shownTopology(raw);
    expect({ ...shown, nodes: shown.nodes.map((node) => ({ ...node })) }).toEqual({ ...raw });
    expect(Object.keys(shown)).toEqual(Object.keys(raw));
    expect([shown, shown.nodes, shown.nodes[0]].every(Object.isFrozen)).toBe(true);
    expect(shownTopology(raw)).toBe(shown);
    const later = shownTopology(Object.freeze({ ...raw, version: 1 }));
    expect(later).not.toBe(shown);
    expect(later.nodes[0]).toBe(shown.nodes[0]);
    expect(structuredClone(shown)).toEqual({ ...raw });
  });
});

describe('what console.log and JSON show', () => {
  const db = createCluster('postgres://app:hunter2@127.0.0.1:1,127.0.0.1:2/app');

  it.each([
    ['a cluster', db, /^Cluster \{.*127\.0\.0\.1:1.*unknown/s, { isOpen: true, nodes: [{}, {}] }],
    [
      'a fragment',
      sql`select ${'hunter2'}`,
      /^sql \{ text: 'select \$1', values: 1 \}$/,
      { text: 'select $1', values: 1 },
    ],
    [
      'a fragment that runs',
      db.sql`select ${'hunter2'}`,
      /^sql \{ text: 'select \$1', values: 1 \}$/,
      { values: 1 },
    ],
  ])('of %s is what matters, and no secret', (_what, value, shown, json) => {
    expect(inspect(value)).toMatch(shown);
    expect(JSON.parse(JSON.stringify(value))).toMatchObject(json);
    for (const text of [inspect(value, { depth: 9, showHidden: true }), JSON.stringify(value)])
      expect(text).not.toContain('hunter2');
  });
});
