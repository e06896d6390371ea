import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { createTestCluster, type TestCluster, type TestNode } from '@pgherd/testing';
import type { Cluster, ClusterOptions } from 'pgherd';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import {
  allCaughtUp,
  createTable,
  nameOf,
  open,
  quiet,
  rejection,
  restore,
  standbyNames,
} from '../../src/support.ts';

const SECRET = 'not to be guessed by anybody';

let cluster: TestCluster;
const opened: Cluster[] = [];
let lastId = 0;

beforeAll(async () => {
  cluster = await createTestCluster({ standbys: 2 });
  await createTable(cluster, 'note', 'id int primary key');
});

afterEach(async () => {
  for (const db of opened.splice(0)) {
    await quiet(db);
    await db.close();
  }
  for (const node of cluster.nodes) if (node.state === 'running') await node.resumeReplay();
  await restore(cluster);
});

afterAll(() => cluster?.close());

async function ready(options: ClusterOptions = {}): Promise<Cluster> {
  const db = open(cluster, options);
  opened.push(db);
  await db.ready({ primaries: 1, standbys: 2 });
  return db;
}

const primaryName = (): string => nameOf(cluster.primary);

/** Writes a row that nobody has written before. */
async function write(db: Pick<Cluster, 'query'>): Promise<number> {
  const id = ++lastId;
  await db.query('insert into note values ($1)', [id]);
  return id;
}

/** Whether the row is to be seen, and who showed it. */
async function look(db: Pick<Cluster, 'query'>, id: number): Promise<{ node: string; seen: boolean }> {
  const { rows, node } = await db.query('select 1 from note where id = $1', [id]);
  return { node, seen: rows.length === 1 };
}

/** Both standbys stand still from now on. */
async function standStill(): Promise<void> {
  for (const node of cluster.standbys) await node.pauseReplay();
}

describe('in a scope', () => {
  it.each([
    ['on', ''],
    ['off', '&options=-c%20synchronous_commit%3Doff'],
  ])('every read sees the writes before it, with synchronous_commit = %s, and standbys serve', async (_value, more) => {
    const db = await ready({ url: `${cluster.url}?application_name=causal${more}` });
    const nodes = new Map<string, number>();
    await Promise.all(
      Array.from({ length: 8 }, () =>
        db.causal(async () => {
          for (let round = 0; round < 25; round++) {
            const id = await write(db);
            const { node, seen } = await look(db.read, id);
            expect(seen, `${id} on ${node}`).toBe(true);
            nodes.set(node, (nodes.get(node) ?? 0) + 1);
          }
        }),
      ),
    );
    expect(
      standbyNames(cluster).some((name) => nodes.has(name)),
      [...nodes].join(),
    ).toBe(true);
  });

  it('the primary serves where no standby has replayed the write', async () => {
    const db = await ready();
    await standStill();
    await db.causal(async () => {
      const id = await write(db);
      expect(await look(db.read, id)).toEqual({ node: primaryName(), seen: true });
      expect(await look(db.with({ target: 'any', node: primaryName() }), id)).toMatchObject({ seen: true });
    });
    // Outside of it nothing is demanded.
    const id = await write(db);
    expect(await look(db.read, id)).toMatchObject({ seen: false });
  });

  it('who does not want to wait gets the primary, also before the first position is there', async () => {
    const db = await ready({ causal: { waitMs: 0 } });
    await standStill();
    for (let round = 0; round < 20; round++) {
      await db.causal(async () => {
        expect(await look(db.read, await write(db))).toEqual({ node: primaryName(), seen: true });
      });
    }
  });

  it('the one standby that has replayed the write serves, not the one that stands still', async () => {
    const db = await ready();
    const [still, moving] = cluster.standbys;
    await still?.pauseReplay();
    await db.causal(async () => {
      for (let round = 0; round < 10; round++) {
        const id = await write(db);
        const { node, seen } = await look(db.with({ target: 'standby' }), id);
        expect({ node, seen }).toEqual({ node: nameOf(moving), seen: true });
      }
    });
  });

  it('a read that wants a standby waits for it, and is told why none will do', async () => {
    const db = await ready({ waitTimeoutMs: 600 });
    await standStill();
    await db.causal(async () => {
      const id = await write(db);
      const standby = db.with({ target: 'standby' });
      const error = await rejection(look(standby, id));
      expect(error).toMatchObject({ code: 'PGHERD_NO_SUITABLE_NODE' });
      expect(String(error)).toContain('not known to have replayed');
      const waiting = look(standby, id);
      for (const node of cluster.standbys) await node.resumeReplay();
      expect(await waiting).toMatchObject({ seen: true });
    });
  });

  it('a standby that replays late is waited for a little', async () => {
    const db = await ready({ causal: { waitMs: 20_000 } });
    for (const node of cluster.standbys) await node.lag(150);
    try {
      await db.causal(async () => {
        const id = await write(db);
        const { node, seen } = await look(db.read, id);
        expect(seen).toBe(true);
        expect(standbyNames(cluster)).toContain(node);
      });
    } finally {
      for (const node of cluster.standbys) await node.configureAndConfirm('recovery_min_apply_delay', '0ms');
    }
  });

  it.each<[string, (db: Cluster, id: number) => Promise<unknown>]>([
    ['a transaction', (db, id) => db.transaction((tx) => tx.query('insert into note values ($1)', [id]))],
    [
      'begin and commit',
      async (db, id) => {
        await using tx = await db.begin();
        await tx.query('insert into note values ($1)', [id]);
        await tx.commit();
      },
    ],
    ['a lease', (db, id) => db.use((lease) => lease.query('insert into note values ($1)', [id]))],
    ['a batch', (db, id) => db.batch([{ text: 'insert into note values ($1)', values: [id] }])],
    ['a script', (db, id) => db.script(`insert into note values (${id}); select 1`)],
    ['a COPY', (db, id) => db.copyFrom('copy note from stdin', [Buffer.from(`${id}\n`)])],
    ['a statement of its own', (db, id) => db.query('insert into note values ($1)', [id])],
  ])('what %s wrote is seen by statements, leases, streams and transactions that read', async (_what, act) => {
    const db = await ready();
    await standStill();
    await db.causal(async () => {
      await act(db, ++lastId);
      expect(await look(db.read, lastId)).toEqual({ node: primaryName(), seen: true });
      expect(await db.read.use((lease) => look(lease, lastId))).toEqual({
        node: primaryName(),
        seen: true,
      });
      const reading = db.transaction((tx) => look(tx, lastId), { readOnly: true });
      expect(await reading).toEqual({ node: primaryName(), seen: true });
      const streamed: unknown[] = [];
      for await (const row of db.read.stream('select id from note where id = $1', [lastId]))
        streamed.push(row);
      expect(streamed).toEqual([{ id: lastId }]);
    });
  });

  it('what a lease wrote is seen while it is held still, and what an open transaction wrote is not waited for', async () => {
    const db = await ready();
    await standStill();
    await db.causal(async () => {
      await using lease = await db.acquire();
      const id = await write(lease);
      expect(await look(db.read, id)).toEqual({ node: primaryName(), seen: true });
      expect((await look(db.read.with({ after: (await db.token()) ?? '' }), id)).node).toBe(primaryName());
    });
    await db.causal(async () => {
      await using tx = await db.begin();
      const id = await write(tx);
      expect(standbyNames(cluster)).toContain((await look(db.read, id)).node);
    });
  });

  it('inside another scope it is that one; beside it another', async () => {
    const db = await ready();
    await standStill();
    let id = 0;
    await Promise.all([
      db.causal(async () => {
        id = await db.causal(() => write(db));
        expect(await look(db.read, id)).toMatchObject({ seen: true });
        expect(await db.token()).toBeTypeOf('string');
      }),
      db.causal(async () => {
        expect(await db.token()).toBeUndefined();
        expect(standbyNames(cluster)).toContain((await look(db.read, 0)).node);
      }),
    ]);
    expect(await db.token()).toBeUndefined();
  });

  it('reads before any write demand nothing', async () => {
    const db = await ready();
    await standStill();
    await db.causal(async () => {
      expect(standbyNames(cluster)).toContain((await look(db.read, 0)).node);
    });
  });

  it('gives what the function gives, and throws what it throws', async () => {
    const db = await ready();
    expect(await db.causal(() => 7)).toBe(7);
    const mine = new Error('mine');
    expect(await rejection(db.causal(() => Promise.reject(mine)))).toBe(mine);
    await db.close();
    expect(await rejection(db.causal(() => 7))).toMatchObject({ code: 'PGHERD_CLOSED' });
  });
});

/** A token for a row that was just written. */
async function written(db: Cluster): Promise<{ id: number; token: string }> {
  return db.causal(async () => ({ id: await write(db), token: (await db.token()) ?? '' }));
}

describe('a token', () => {
  it('carries the demand to another cluster object, by call and by scope', async () => {
    const [writer, reader] = [await ready(), await ready()];
    await standStill();
    const { id, token } = await written(writer);
    expect(await look(reader.read, id)).toMatchObject({ seen: false });
    const after = reader.read.with({ after: token });
    expect(await look(after, id)).toEqual({ node: primaryName(), seen: true });
    await reader.causal(() => expect(look(reader.read, id)).resolves.toMatchObject({ seen: true }), {
      after: token,
    });
  });

  it('carries it to another process', async () => {
    const db = await ready({ causal: { tokenSecret: SECRET } });
    await standStill();
    const { id, token } = await written(db);
    expect(token).toMatch(/^[A-Za-z0-9._%~-]+$/);
    expect(await inAnotherProcess(id, token)).toEqual({ node: primaryName(), seen: true });
    expect(await inAnotherProcess(id, '')).toMatchObject({ seen: false });
    for (const node of cluster.standbys) await node.resumeReplay();
  });

  it('demands nothing any more once it has lapsed', async () => {
    const db = await ready({ causal: { tokenTtlMs: 1 } });
    await standStill();
    const { token } = await written(db);
    await new Promise((resolve) => {
      setTimeout(resolve, 5);
    });
    expect(standbyNames(cluster)).toContain((await look(db.read.with({ after: token }), 0)).node);
  });

  it('that is forged or unsigned is refused where tokens are signed, also in a scope', async () => {
    const db = await ready({ causal: { tokenSecret: SECRET } });
    const stranger = await ready();
    const { token } = await written(db);
    const { token: unsigned } = await written(stranger);
    const forged = token.replace(/^1\.[0-9]+/, '1.7');
    for (const after of [unsigned, forged, '', 'x', `${token}x`]) {
      expect(await rejection(db.read.query('select 1', [], { after }))).toMatchObject({
        code: 'PGHERD_INVALID_TOKEN',
      });
      expect(await rejection(db.causal(() => 1, { after }))).toMatchObject({ code: 'PGHERD_INVALID_TOKEN' });
    }
    expect(await look(db.read.with({ after: token }), 0)).toMatchObject({ seen: false });
    const rotated = await ready({ causal: { tokenSecret: ['a new secret, not guessed either', SECRET] } });
    expect(await look(rotated.read.with({ after: token }), 0)).toMatchObject({ seen: false });
  });

  it('of another epoch or with impossible values goes to the primary at once, and is no evidence of anything', async () => {
    const db = await ready({ causal: { waitMs: 600_000 } });
    await standStill();
    const { token } = await written(db);
    const [, system, timeline, lsn, at, node] = token.split('.');
    const { topology } = db;
    for (const after of [
      `1.7000000000000000001.${timeline}.${lsn}.${at}.${node}`,
      `1.${system}.0.${lsn}.${at}.${node}`,
      `1.${system}.${timeline}.FFFFFFFF-FFFFFFFF.${at}.${node}`,
      `1.${system}.${timeline}.0-0.${at}.${node}`,
      `1.${system}.${timeline}.${lsn}.zzzzzzzzz.${node}`,
      `1.${system}.-.-.${at}.${node}`,
      '2.from.the.future',
    ]) {
      expect((await look(db.read.with({ after }), 0)).node, after).toBe(primaryName());
    }
    expect(db.topology).toMatchObject({ floor: topology.floor, systemIdentifier: topology.systemIdentifier });
  });

  it('of a timeline that nobody has heard of makes the nodes be asked, and is then served by the primary', async () => {
    const db = await ready();
    const { token } = await written(db);
    const [, system, , lsn, at, node] = token.split('.');
    const after = `1.${system}.4294967290.${lsn}.${at}.${node}`;
    expect((await look(db.read.with({ after }), 0)).node).toBe(primaryName());
    expect(db.topology.floor).toBe(1);
    expect(await write(db)).toBe(lastId);
  });
});

/** A process of its own reads the row with the token. */
async function inAnotherProcess(id: number, token: string): Promise<unknown> {
  const script = fileURLToPath(new URL('../../src/read-after.ts', import.meta.url));
  const child = spawn(
    process.execPath,
    ['--import', 'tsx', '--conditions=@pgherd/source', script, cluster.url, SECRET, String(id), token],
    { stdio: ['ignore', 'pipe', 'inherit'] },
  );
  let output = '';
  child.stdout.on('data', (chunk: Buffer) => {
    output += chunk.toString();
  });
  await once(child, 'close');
  return JSON.parse(output);
}

describe('across a failover', () => {
  const lose = async (): Promise<TestNode> => {
    const old = cluster.primary;
    await old.kill();
    await cluster.failover();
    return old;
  };

  it('what was written before it and survived is seen, and so is what is written after it', async () => {
    const db = await ready();
    await db.causal(async () => {
      const before = await write(db);
      expect(await look(db.read, before)).toMatchObject({ seen: true });
      await allCaughtUp(cluster);
      await lose();
      expect(await look(db.read, before)).toMatchObject({ seen: true });
      const after = await write(db);
      for (const id of [after, before]) expect(await look(db.read, id)).toMatchObject({ seen: true });
    });
  });

  it('a standby serves again once it is known to follow the new timeline', async () => {
    const db = await ready();
    await cluster.primary.sql('grant pg_read_all_stats to app');
    await lose();
    await db.ready({ primaries: 1, standbys: 1 });
    await db.causal(async () => {
      const id = await write(db);
      const { node, seen } = await look(db.with({ target: 'standby' }), id);
      expect(seen).toBe(true);
      expect(standbyNames(cluster)).toContain(node);
    });
  });

  it('a standby that still follows the former primary does not serve, however far it has come', async () => {
    const db = await ready();
    const old = cluster.primary;
    const [next, astray] = cluster.standbys;
    await next?.promote();
    // On the former branch the log grows beyond everything that the new one will have.
    await old.appSql('insert into note select generate_series(1000000, 1020000)');
    await db.nextProbe();
    await db.causal(async () => {
      const id = await write(db);
      expect(await look(db.read, id)).toEqual({ node: nameOf(next), seen: true });
    });
    expect(astray?.state).toBe('running');
  });

  it('a token of a timeline that this process has not heard of makes it look, and the write is seen', async () => {
    const slow = await ready({ probe: { intervalMs: 600_000 } });
    const quick = await ready();
    const { floor } = slow.topology;
    const old = cluster.primary;
    expect((await look(slow.read.with({ target: 'primary' }), 0)).node).toBe(nameOf(old));
    await cluster.failover();
    const token = await quick.causal(async () => {
      await quick.nextProbe();
      const id = await write(quick);
      return { id, after: await quick.token() };
    });
    expect(slow.topology.floor).toBe(floor);
    expect(await look(slow.read.with({ after: token.after }), token.id)).toMatchObject({ seen: true });
    expect(slow.topology.floor).toBe((floor ?? 0) + 1);
  });
});
