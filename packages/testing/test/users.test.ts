import { EventEmitter } from 'node:events';
import { type Cluster, createCluster } from 'pgherd';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import {
  breakCluster,
  createTestCluster,
  createTestDatabase,
  disagreements,
  FAULT_NAMES,
  type FaultName,
  inRollback,
  sharedServers,
  startLoad,
  type TestCluster,
  waitFor,
} from '../src/index.ts';

let cluster: TestCluster;

beforeAll(async () => {
  cluster = await createTestCluster({ standbys: 2, proxy: true, synchronous: { commit: 'on', any: 1 } });
});
afterEach(() => cluster.repair());
afterAll(() => cluster?.close());

function open(url = cluster.url): Cluster {
  return createCluster({ url, env: {}, waitTimeoutMs: 60_000 });
}

describe('a database of a template', () => {
  it('is filled once for all that are made at the same time, and is there on every standby', async () => {
    let filled = 0;
    const prepare = async ({ url }: { url: string }): Promise<void> => {
      filled += 1;
      await using db = open(url);
      await db.query('create table animal (name text)');
      await db.query(`insert into animal values ('ox')`);
    };
    const databases = await Promise.all(
      Array.from({ length: 3 }, () => createTestDatabase(sharedServers(cluster), { prepare })),
    );
    expect(filled).toBe(1);
    expect(new Set(databases.map(({ name }) => name)).size).toBe(3);
    for (const database of databases) {
      await using db = open(database.url);
      expect(await db.with({ target: 'standby' }).rows('select * from animal')).toEqual([{ name: 'ox' }]);
      await database.sql(`insert into animal values ('hen')`);
      expect(await database.sql('select count(*)::int as n from animal')).toEqual([{ n: 2 }]);
    }
    await Promise.all(databases.map((database) => database.close()));
    const left = await cluster.primary.sql(`select datname from pg_database where datname like 'test\\_%'`);
    expect(left).toEqual([]);
  });

  it('is removed while a session is open in it, and a second time does nothing', async () => {
    const database = await createTestDatabase(cluster);
    await using db = open(database.url);
    await db.query('select 1');
    await database.close();
    await database.close();
    expect(
      await cluster.primary.sql('select 1 from pg_database where datname = $1', [database.name]),
    ).toEqual([]);
  });

  it('fails with what prepare throws, and the next attempt fills the template anew', async () => {
    let works = false;
    const prepare = async (): Promise<void> => {
      if (!works) throw new Error('a migration is wrong');
    };
    await expect(createTestDatabase(cluster, { prepare })).rejects.toThrow('a migration is wrong');
    works = true;
    await using database = await createTestDatabase(cluster, { prepare });
    expect(await database.sql('select 1 as n')).toEqual([{ n: 1 }]);
  });

  it('tells templates apart by their name, and refuses unknown options', async () => {
    const prepareAs = (name: string) => ({
      template: name,
      prepare: async ({ url }: { url: string }): Promise<void> => {
        await using db = open(url);
        await db.script(`create table ${name} ()`);
      },
    });
    await using one = await createTestDatabase(cluster, prepareAs('one'));
    await using two = await createTestDatabase(cluster, prepareAs('two'));
    await one.sql('select * from one');
    await two.sql('select * from two');
    await expect(createTestDatabase(cluster, { prepared: 1 } as never)).rejects.toThrow(
      'prepared is not an option of a test database; did you mean prepare?',
    );
  });
});

describe('inRollback', () => {
  it('leaves nothing of a transaction of a cluster of pgherd, and returns what the function did', async () => {
    await using db = open();
    const n = await inRollback(db, async (tx) => {
      await tx.query('create table gone ()');
      return (await tx.one<{ n: number }>('select count(*)::int as n from gone')).n;
    });
    expect(n).toBe(0);
    expect(await cluster.primary.appSql(`select to_regclass('gone') as it`)).toEqual([{ it: null }]);
    await expect(inRollback(db, () => Promise.reject(new Error('the test')))).rejects.toThrow('the test');
  });
});

describe('waitFor', () => {
  it('returns the event that fits', async () => {
    await using db = open();
    await db.ready({ primaries: 1 });
    const moved = waitFor(db, 'primary:changed', { where: ({ after }) => after !== undefined });
    await cluster.switchover(cluster.node(cluster.standbys[0]?.name ?? ''));
    expect((await moved).after).toBe(`${cluster.primary.host}:${cluster.primary.port}`);
  });

  it('says what came instead', async () => {
    await using db = open();
    const wanted = waitFor(db, 'node:ejected', { timeoutMs: 2_000 });
    await db.query('select 1');
    await expect(wanted).rejects.toThrow(
      /^Waited 2000 ms for the event node:ejected; what came instead: .*(?:topology:changed|connection:opened)/,
    );
  });

  it('takes any emitter, passes over what does not fit, and leaves no listener', async () => {
    const source = new EventEmitter<{ tick: [number] }>();
    const third = waitFor(source, 'tick', { where: (n: number) => n === 3 });
    for (const n of [1, 2, 3]) source.emit('tick', n);
    expect(await third).toBe(3);
    const none = waitFor(source, 'tick', { where: (n: number) => n === 9, timeoutMs: 10 });
    source.emit('tick', 4);
    await expect(none).rejects.toThrow('Waited 10 ms for the event tick; what came instead: tick 4.');
    expect(source.listenerCount('tick')).toBe(0);
  });
});

describe('the books of a load', () => {
  it('name what is lost, what ran twice, and what is there that failed', () => {
    const books = { acknowledged: new Set([1, 2, 3]), unknown: new Set([4]) };
    expect(disagreements(books, [3, 1, 2])).toEqual([]);
    expect(disagreements(books, [1, 2, 3, 4])).toEqual([]);
    expect(disagreements(books, [1, 1, 2, 5])).toEqual([
      '1 writes ran twice',
      'acknowledged writes are lost: 3',
      'writes are there that failed for their caller: 5',
    ]);
  });

  it('are those of the callers', async () => {
    const load = startLoad({
      everyMs: 1,
      write: async (id) => {
        if (id % 3 === 0) throw Object.assign(new Error('in doubt'), { code: 'PGHERD_OUTCOME_UNKNOWN' });
        if (id % 3 === 1) throw new Error('refused');
        return { node: 'a:1' };
      },
    });
    await load.acknowledged(3);
    await load.stop();
    const { acknowledged, unknown } = load.books;
    expect([...acknowledged].every((id) => id % 3 === 2)).toBe(true);
    expect([...unknown].every((id) => id % 3 === 0)).toBe(true);
    expect(load.failedWrites[0]).toMatch(/undefined: Error: refused$/);
    expect(load.writes.find(({ id }) => id === 2)).toMatchObject({ outcome: 'acknowledged', node: 'a:1' });
    expect(() => startLoad({ write: async () => 1, wirte: 1 } as never)).toThrow(
      'wirte is not an option of a load; did you mean write?',
    );
  });
});

describe('a fault by name', () => {
  it.each(
    FAULT_NAMES,
  )('%s: calls succeed afterwards, and its undo makes the cluster whole', async (name: FaultName) => {
    const fault = await breakCluster(cluster, name, { promoteAfterMs: 0, forMs: 500 });
    await fault.undo();
    expect(cluster.nodes.map((node) => node.state)).toEqual(['running', 'running', 'running']);
    await cluster.primary.appSql('create table if not exists kept (id int)');
    await cluster.primary.appSql('insert into kept values (1)');
    await cluster.waitForReplay();
    for (const node of cluster.standbys) {
      expect((await node.appSql('select count(*)::int as n from kept'))[0]?.['n']).toBeGreaterThan(0);
    }
  });

  it('that does not exist, or that the cluster cannot have, is an error', async () => {
    await expect(breakCluster(cluster, 'flood' as never)).rejects.toThrow(
      "There is no fault 'flood'; there are",
    );
    await using lone = await createTestCluster({ standbys: 0 });
    await expect(breakCluster(lone, 'switchover')).rejects.toThrow('The cluster has no standby.');
    await expect(breakCluster(lone, 'connections reset')).rejects.toThrow('proxy: true');
  });
});

describe('repair', () => {
  it('takes back several faults at once, also a demoted primary', async () => {
    const [first, second] = cluster.standbys;
    await first?.lag(60_000);
    await second?.pauseReplay();
    await cluster.primary.partition();
    await cluster.primary.demote();
    await cluster.repair();
    await cluster.primary.appSql('create table if not exists whole ()');
    await cluster.waitForReplay();
  });
});
