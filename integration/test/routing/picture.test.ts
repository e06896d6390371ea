import { describe, expect, it } from 'vitest';
import { itemClient } from '../../src/item-client.ts';
import { open, quiet, rejection, standbyNames } from '../../src/support.ts';

const setUp = itemClient();

describe('the picture', () => {
  it('tells one primary and two standbys, of one cluster and with known positions', () => {
    const nodes = setUp.db.nodes();
    expect(nodes.filter((node) => node.role === 'primary').map((node) => node.name)).toEqual([
      setUp.primaryName(),
    ]);
    expect(
      nodes
        .filter((node) => node.role === 'standby')
        .map((node) => node.name)
        .sort(),
    ).toEqual(standbyNames(setUp.cluster));
    for (const node of nodes) {
      expect(node).toMatchObject({ health: 'ok', standing: 'current', aliasOf: undefined });
      expect(node.lsn).toBeTypeOf('bigint');
      expect(node.systemIdentifier).toBe(setUp.db.topology.systemIdentifier);
      expect(node.serverVersion).toBeGreaterThanOrEqual(setUp.cluster.version * 10_000);
    }
    expect(setUp.db.topology.floor).toBe(1);
  });

  it('is frozen all through', () => {
    const { topology } = setUp.db;
    expect(Object.isFrozen(topology)).toBe(true);
    expect(Object.isFrozen(topology.nodes)).toBe(true);
    for (const node of topology.nodes) {
      expect(Object.isFrozen(node)).toBe(true);
      expect(Object.isFrozen(node.lag)).toBe(true);
      expect(Object.isFrozen(node.address)).toBe(true);
    }
  });

  it('explains who serves a target and why the others do not', () => {
    const writes = setUp.db.explainTarget('read-write');
    expect(writes.tiers).toEqual([[setUp.primaryName()]]);
    expect(writes.rejections.map((one) => one.node).sort()).toEqual(standbyNames(setUp.cluster));
    for (const { reason } of writes.rejections) expect(reason).toBe('its role is standby');
    const reads = setUp.db.explainTarget('prefer-standby');
    expect(reads.tiers.map((tier) => [...tier].sort())).toEqual([
      standbyNames(setUp.cluster),
      [setUp.primaryName()],
    ]);
    expect(reads.nodes.map(({ node, tier }) => [node, tier]).slice(-1)).toEqual([[setUp.primaryName(), 1]]);
    expect(reads.nodes.map(({ tier }) => tier)).toEqual([0, 0, 1]);
    for (const { reason } of reads.nodes) expect(reason).not.toBe('');
    const weighted = setUp.db.explainTarget('standby', { primaryReadWeight: 0.01 });
    expect(weighted.tiers.flat()).toContain(setUp.primaryName());
    const one = setUp.db.explainTarget('any', { node: setUp.primaryName() });
    expect(one.tiers).toEqual([[setUp.primaryName()]]);
    expect(one.rejections[0]?.reason).toContain(`only ${setUp.primaryName()} was asked for`);
  });

  it('counts what ran where', async () => {
    await using own = open(setUp.cluster);
    await own.query('select 1');
    await rejection(own.query('select 1/0'));
    await quiet(own);
    const stats = own.stats();
    expect(Object.isFrozen(stats)).toBe(true);
    expect(stats.total).toMatchObject({ answered: 1, failures: 1, leased: 0, waiting: 0, inFlight: 0 });
    expect(stats.nodes.find((node) => node.node === setUp.primaryName())?.pool).toMatchObject({
      size: 1,
      idle: 1,
    });
  });

  it('nextProbe resolves with fresh positions of every node', async () => {
    const before = setUp.db.nodes().map((node) => node.roleAt ?? 0);
    await setUp.db.nextProbe();
    setUp.db.nodes().forEach((node, index) => {
      expect(node.roleAt).toBeGreaterThan(before[index] ?? 0);
    });
  });
});
