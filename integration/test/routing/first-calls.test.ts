import { createTestCluster, type TestCluster, type TestNode } from '@pgherd/testing';
import { type Cluster, type ClusterOptions, createCluster } from 'pgherd';
import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from 'vitest';
import { createTable, nameOf, PATIENT, rejection, standbyNames } from '../../src/support.ts';

let cluster: TestCluster;

beforeAll(async () => {
  cluster = await createTestCluster({ standbys: 2, proxy: true });
  await createTable(cluster, 'item', 'id int primary key');
});

afterAll(() => cluster?.close());

/** A node whose answers take this long does not answer first, however busy the machine is; milliseconds. */
const LATE_MS = 150;
/** Nodes of the first choice are waited for longer than any machine is slow, milliseconds. */
const GRACE: ClusterOptions = { ...PATIENT, firstWriteGraceMs: 60_000 };

function urlOf(nodes: readonly TestNode[], words = ''): string {
  const hosts = nodes.map(nameOf).join(',');
  return `postgres://app:app@${hosts}/app${words}`;
}

function program(options: ClusterOptions = {}, words = ''): Cluster {
  return createCluster({ url: urlOf(cluster.nodes, words), ...GRACE, ...options });
}

/** Delays all that these nodes answer until the end of the scope. */
async function late(nodes: readonly TestNode[]): Promise<AsyncDisposable> {
  const undos = await Promise.all(nodes.map((node) => node.proxy.delay(LATE_MS / 2)));
  return {
    [Symbol.asyncDispose]: async () => {
      for (const undo of undos) await undo.undo();
    },
  };
}

describe('the first call of a program', () => {
  it.each([
    ['db.read', {}, '', (db: Cluster) => db.read],
    ['the option prefer-standby', { target: 'prefer-standby' }, '', (db: Cluster) => db],
    ['prefer-standby in the URL', {}, '?target_session_attrs=prefer-standby', (db: Cluster) => db],
    ['a fallback', {}, '', (db: Cluster) => db.with({ target: 'standby', fallback: 'primary' })],
  ] as const)('by %s goes to a standby, though the primary answers first', async (_, options, words, part) => {
    await using _late = await late(cluster.standbys);
    await using db = program(options, words);
    const { node } = await part(db).query('select 1');
    expect(standbyNames(cluster)).toContain(node);
  });

  it('by prefer-primary goes to the primary, though the standbys answer first', async () => {
    await using _late = await late([cluster.primary]);
    await using db = program({ target: 'prefer-primary' });
    expect((await db.query('select 1')).node).toBe(nameOf(cluster.primary));
  });

  it('takes the second choice when firstWriteGraceMs is over', async () => {
    await using _cut = await cutOff(cluster.standbys);
    await using db = program({ firstWriteGraceMs: 50, connectTimeoutMs: 60_000 });
    expect((await db.read.query('select 1')).node).toBe(nameOf(cluster.primary));
  });

  it('takes the second choice as soon as the nodes of the first have refused the login', async () => {
    const url = `postgres://app:app@${nameOf(cluster.primary)}/app`;
    await using db = createCluster({ url, ...GRACE });
    expect((await db.read.query('select 1')).node).toBe(nameOf(cluster.primary));
    const logins = Object.fromEntries(standbyNames(cluster).map((name) => [name, { user: 'not_there' }]));
    await using refused = program({ nodes: logins });
    expect((await refused.read.query('select 1')).node).toBe(nameOf(cluster.primary));
  });
});

async function cutOff(nodes: readonly TestNode[]): Promise<AsyncDisposable> {
  const undos = await Promise.all(nodes.map((node) => node.proxy.partition()));
  return {
    [Symbol.asyncDispose]: async () => {
      for (const undo of undos) await undo.undo();
    },
  };
}

describe('target_session_attrs=any', () => {
  const ANY = '?target_session_attrs=any';

  it('means any node: a standby serves if there is nothing else', async () => {
    await using db = createCluster({ url: urlOf(cluster.standbys, ANY), ...PATIENT });
    expect(await db.one('select pg_is_in_recovery() as standby')).toEqual({ standby: true });
  });

  it('writes on the primary, and is refused on a standby', async () => {
    await using one = createCluster({ url: urlOf([cluster.primary], ANY), ...PATIENT });
    await one.query('insert into item values (1001) on conflict do nothing');
    await one.batch([{ text: 'insert into item values (1002) on conflict do nothing' }]);
    await using standby = createCluster({ url: urlOf(cluster.standbys, ANY), ...PATIENT });
    expect(await rejection(standby.query('insert into item values (1003)'))).toMatchObject({ code: '25006' });
    await one.query('delete from item where id > 1000');
  });

  it('leaves transactions to the primary, and read-only ones to a standby', async () => {
    await using db = program({}, ANY);
    const where = 'select pg_is_in_recovery() as standby';
    for (let round = 0; round < 5; round++) {
      expect(await db.transaction((tx) => tx.one(where))).toEqual({ standby: false });
      expect(await db.transaction((tx) => tx.one(where), { readOnly: true })).toEqual({ standby: true });
      await using tx = await db.begin();
      expect(await tx.one(where)).toEqual({ standby: false });
    }
  });

  it('is a read where a call asks for it, on the primary as well', async () => {
    await using one = createCluster({ url: urlOf([cluster.primary]), ...PATIENT });
    const write = one.with({ target: 'any' }).query('insert into item values (1004)');
    expect(await rejection(write)).toMatchObject({ code: '25006' });
  });

  it('serves reads of what was just written in a causal scope', async () => {
    await using db = program({}, ANY);
    await db.causal(async () => {
      for (let id = 1010; id < 1030; id++) {
        await db.transaction((tx) => tx.query('insert into item values ($1)', [id]));
        expect(await db.one('select count(*)::int as n from item where id = $1', [id])).toEqual({ n: 1 });
      }
    });
    await db.transaction((tx) => tx.query('delete from item where id > 1000'));
  });

  it('over several hosts is warned of once in a process', async () => {
    Reflect.deleteProperty(globalThis, Symbol.for('pgherd.process-warnings.1'));
    const given = vi.spyOn(process, 'emitWarning').mockImplementation(() => undefined);
    for (let count = 0; count < 3; count++) {
      await using db = program({}, ANY);
      await db.query('select 1');
    }
    await using one = createCluster({ url: urlOf([cluster.primary], ANY), ...PATIENT });
    await one.query('select 1');
    expect(given.mock.calls.map(([text]) => text)).toEqual([
      expect.stringContaining('writes may go to a standby'),
    ]);
  });

  afterEach(() => vi.restoreAllMocks());
});
