import { inspect } from 'node:util';
import { createTestCluster, type TestCluster, waitUntil } from '@pgherd/testing';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createTable, described, nameOf, open } from '../../src/support.ts';

let cluster: TestCluster;
beforeAll(async () => {
  cluster = await createTestCluster({ standbys: 1 });
  await createTable(cluster, 'items', 'id int');
});
afterAll(() => cluster?.close());

interface Shown {
  readonly nodes: readonly { readonly name: string; readonly role: string; readonly since?: string }[];
}

describe('while no node takes writes', () => {
  it('the log says every 10 s since when, for how many calls, why, and what would help', async () => {
    const lines: string[] = [];
    const note = (line: string) => void lines.push(line);
    await using db = open(cluster, { logger: { debug: note, info: note, warn: note, error: note } });
    await db.ready({ primaries: 1, standbys: 1 });
    const [primary, standby] = [nameOf(cluster.primary), nameOf(cluster.standbys[0])];
    const shown = () => JSON.parse(JSON.stringify(db)) as Shown;
    const sinceOf = (name: string) => shown().nodes.find((node) => node.name === name)?.since ?? '';
    const before = sinceOf(standby);
    expect(Math.abs(Date.parse(before) - Date.now())).toBeLessThan(60_000);
    expect(inspect(db)).toContain(before);

    const lostAt = Date.now();
    await cluster.primary.kill();
    await waitUntil(() => db.topology.writable === undefined, { what: 'the primary to be missed' });
    const writes = Promise.all([
      db.query('insert into items values (1)'),
      db.query('insert into items values (2)'),
    ]);
    const isSaid = () => lines.some((line) => line.includes('No node takes writes'));
    await waitUntil(isSaid, { what: 'the line that writes wait', timeoutMs: 30_000 });
    const line = lines.find((one) => one.includes('No node takes writes')) ?? '';
    const [, since = ''] = /since (\S+Z), 2 calls wait\./.exec(line) ?? [];
    expect(Date.parse(since)).toBeGreaterThanOrEqual(lostAt - 100);
    expect(Date.parse(since)).toBeLessThan(lostAt + 5_000);
    expect(line).toContain(`${primary}: `);
    expect(line).toContain(`What would help: promote ${standby}, or start the server that was the primary.`);

    await cluster.failover();
    await writes;
    expect(described(db, cluster.primary).role).toBe('primary');
    expect(Date.parse(sinceOf(standby))).toBeGreaterThan(Date.parse(before));
    const said = lines.filter((one) => one.includes('No node takes writes')).length;
    expect(said).toBeLessThanOrEqual(3);
  });
});
