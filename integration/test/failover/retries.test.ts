import { createTestCluster, type TestCluster, waitUntil } from '@pgherd/testing';
import {
  type Cluster,
  type ClusterEvents,
  type ClusterOptions,
  createCluster,
  isCheckViolation,
  isConstraintViolation,
  isExclusionViolation,
  isForeignKeyViolation,
  isNotNullViolation,
  isReadOnlyViolation,
  isSerializationFailure,
  isUniqueViolation,
  retry,
  sqlState,
} from 'pgherd';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { codeOf, createTable, nameOf, open, quiet, rejection } from '../../src/support.ts';

/** Stands in the statements whose connection is cut. */
const CUT = '/* cut me */';

let cluster: TestCluster;
let db: Cluster;
let retried: ClusterEvents['call:retried'][];
let exhausted: ClusterEvents['retry:exhausted'][];

beforeAll(async () => {
  cluster = await createTestCluster({ standbys: 1, proxy: true });
  await createTable(cluster, 'things', 'id int primary key, n int not null check (n < 100)');
  await createTable(cluster, 'parts', 'thing int references things');
  await createTable(cluster, 'spans', 'span int4range, exclude using gist (span with &&)');
});
afterAll(() => cluster?.close());
afterEach(async () => {
  await quiet(db);
  await db.close();
});

function start(options: ClusterOptions = {}): Cluster {
  db = open(cluster, options);
  retried = [];
  exhausted = [];
  db.on('call:retried', (event) => retried.push(event));
  db.on('retry:exhausted', (event) => exhausted.push(event));
  return db;
}

/** Cuts the connection each time a marked statement comes to the node, `times` times; counts them. */
function cutting(node: TestCluster['primary'], times = Number.POSITIVE_INFINITY) {
  const found = { count: 0 };
  const undo = node.proxy.cutWhen((chunk, direction) => {
    if (direction !== 'to-server' || found.count >= times || !chunk.includes(CUT)) return false;
    found.count++;
    return true;
  });
  return { found, [Symbol.asyncDispose]: () => undo.undo() };
}

const MET = "do $$ begin raise exception 'met another' using errcode = '40001'; end $$";

describe('what is run again', () => {
  it('a read whose connections are cut again and again ends with a code, and the cause', async () => {
    start({ retry: { attempts: 2, baseMs: 1 } });
    const [standby] = cluster.standbys;
    if (standby === undefined) throw new Error('no standby');
    await using cut = cutting(standby);
    const error = await rejection(
      db.query(`select 1 ${CUT}`, [], { node: nameOf(standby), target: 'standby' }),
    );
    expect(error).toMatchObject({
      code: 'PGHERD_CONNECTION_LOST',
      node: nameOf(standby),
      details: { phase: 'sent' },
    });
    expect(codeOf((error as Error).cause)).toBe('ECONNRESET');
    // The first loss costs no attempt.
    expect(cut.found.count).toBe(3);
    expect(retried).toMatchObject([
      { attempt: 1, kind: 'connection-lost', delayMs: 0 },
      { attempt: 2, kind: 'connection-lost' },
    ]);
  });

  it('a read goes to another node when its own is cut off', async () => {
    start();
    await db.ready({ primaries: 1, standbys: 1 });
    const [standby] = cluster.standbys;
    if (standby === undefined) throw new Error('no standby');
    await using cut = cutting(standby);
    const { node } = await db.read.query(`select 1 ${CUT}`);
    expect([node, cut.found.count]).toEqual([nameOf(cluster.primary), 1]);
  });

  it('a write whose connection is cut is not run again, whoever asks for attempts', async () => {
    start({ retry: { attempts: 9 } });
    await using cut = cutting(cluster.primary);
    const error = await rejection(db.query(`insert into things values (1, 1) ${CUT}`));
    expect([codeOf(error), cut.found.count, retried]).toEqual(['PGHERD_OUTCOME_UNKNOWN', 1, []]);
  });

  it('an idempotent one is', async () => {
    start();
    await using cut = cutting(cluster.primary, 1);
    await db.query(`insert into things values (2, 1) on conflict do nothing ${CUT}`, [], {
      idempotent: true,
    });
    expect([cut.found.count, retried.length]).toEqual([1, 1]);
    expect(await db.rows('select id from things where id = 2')).toHaveLength(1);
  });

  it('a write whose session is terminated is run again, and done once', async () => {
    start({ pool: { max: 1 } });
    const { pid } = await db.one<{ pid: number }>('select pg_backend_pid() as pid');
    const write = db.query('with nap as (select pg_sleep(0.3)) insert into things select 3, 1 from nap');
    const runs = async () =>
      (await cluster.primary.sql("select 1 from pg_stat_activity where pid = $1 and state = 'active'", [pid]))
        .length > 0;
    await waitUntil(runs, { what: 'the write to run' });
    await cluster.primary.sql('select pg_terminate_backend($1)', [pid]);
    expect((await write).rowCount).toBe(1);
    expect(retried).toMatchObject([{ kind: 'shutdown' }]);
  });

  it('a transaction that met another, with pauses', async () => {
    start({ retry: { attempts: 4, baseMs: 4, maxMs: 8 } });
    let runs = 0;
    const error = await rejection(
      db.transaction(async (tx) => {
        runs++;
        expect(tx.attempt).toBe(runs);
        await tx.query(MET);
      }),
    );
    expect([isSerializationFailure(error), runs]).toEqual([true, 4]);
    expect(retried.map(({ attempt, kind }) => [attempt, kind])).toEqual(
      [2, 3, 4].map((n) => [n, 'serialization']),
    );
    for (const { delayMs } of retried) expect(delayMs).toBeLessThanOrEqual(8);
  });
});

describe('who has a say', () => {
  it('the budget: nothing later than the first loss is run again when it is used up', async () => {
    start({ retry: { budget: 0 } });
    const [standby] = cluster.standbys;
    if (standby === undefined) throw new Error('no standby');
    await using cut = cutting(standby);
    const error = await rejection(
      db.query(`select 1 ${CUT}`, [], { node: nameOf(standby), target: 'standby' }),
    );
    expect([codeOf(error), cut.found.count]).toEqual(['PGHERD_CONNECTION_LOST', 2]);
    expect(exhausted).toMatchObject([{ node: nameOf(standby) }]);
    // PostgreSQL asks for these: they take nothing of it.
    let runs = 0;
    await db.transaction(async (tx) => {
      runs++;
      if (runs === 1) await tx.query(MET);
    });
    expect(runs).toBe(2);
  });

  it('the hook: it may forbid, allow, or leave it', async () => {
    const verdicts: unknown[] = [];
    start({
      retry: {
        baseMs: 1,
        isRetryable: (error, verdict) => {
          verdicts.push(verdict);
          if (isSerializationFailure(error)) return false;
          return verdict.outcomeUnknown ? true : undefined;
        },
      },
    });
    const stopped = await rejection(db.transaction((tx) => tx.query(MET)));
    expect([sqlState(stopped), retried.length]).toEqual(['40001', 0]);
    expect(verdicts).toMatchObject([
      {
        willRetry: true,
        outcomeUnknown: false,
        work: 'transaction',
        kind: 'serialization',
        phase: 'in-transaction',
      },
    ]);
    await using cut = cutting(cluster.primary, 1);
    await db.query(`insert into things values (4, 1) ${CUT}`);
    expect(cut.found.count).toBe(1);
    expect(verdicts[1]).toMatchObject({
      willRetry: false,
      outcomeUnknown: true,
      work: 'statement',
      attempts: 1,
    });
    expect(await rejection(db.query('select 1 / 0'))).toMatchObject({ code: '22012' });
  });

  it('a hook that throws has none, and is reported', async () => {
    start({
      retry: {
        baseMs: 1,
        isRetryable: () => {
          throw new Error('a mistake');
        },
      },
    });
    const warned: string[] = [];
    db.on('cluster:warned', ({ message }) => warned.push(message));
    let runs = 0;
    await db.transaction(async (tx) => {
      runs++;
      if (runs === 1) await tx.query(MET);
    });
    expect([runs, warned]).toEqual([2, ['retry.isRetryable threw: a mistake']]);
  });

  it('the environment, where the program says nothing', async () => {
    const runsWith = async (options: ClusterOptions): Promise<number> => {
      start(options);
      let runs = 0;
      await rejection(
        db.transaction((tx) => {
          runs++;
          return tx.query(MET);
        }),
      );
      await db.close();
      return runs;
    };
    const env = { PGHERD_RETRY_ATTEMPTS: '2' };
    expect(await runsWith({ env, retry: { baseMs: 1 } })).toBe(2);
    expect(await runsWith({ env, retry: { baseMs: 1, attempts: 4 } })).toBe(4);
    const { url } = cluster;
    expect(() => createCluster({ url, env: { DB_RETRY_RETRIES_NUMBER: 'three' } })).toThrow(
      'DB_RETRY_RETRIES_NUMBER',
    );
  });
});

describe('what an error of the server is', () => {
  it('can be asked, also through what the caller wraps around it', async () => {
    start();
    await db.query('insert into things values (50, 1) on conflict do nothing');
    const errorOf = async (text: string): Promise<Error> =>
      new Error('not saved', { cause: new AggregateError([await rejection(db.query(text))]) });
    const unique = await errorOf('insert into things values (50, 1)');
    expect([isUniqueViolation(unique), isConstraintViolation(unique), sqlState(unique)]).toEqual([
      true,
      true,
      '23505',
    ]);
    expect(isForeignKeyViolation(await errorOf('insert into parts values (-1)'))).toBe(true);
    expect(isNotNullViolation(await errorOf('insert into things (id) values (51)'))).toBe(true);
    expect(isCheckViolation(await errorOf('insert into things values (52, 100)'))).toBe(true);
    const overlap = await errorOf("insert into spans values ('[1,5)'), ('[4,6)')");
    expect(isExclusionViolation(overlap)).toBe(true);
    const refused = await rejection(
      db.transaction((tx) => tx.query('delete from spans'), { readOnly: true }),
    );
    expect(isReadOnlyViolation(refused)).toBe(true);
  });

  it('retry, around calls of a cluster or anything else, runs again by the same rules', async () => {
    start({ retry: { attempts: 1 } });
    let runs = 0;
    const value = await retry(
      async ({ attempt, signal }) => {
        runs = attempt;
        await db.transaction((tx) => tx.query(attempt < 3 ? MET : 'select 1'), { signal });
        return 'done';
      },
      { baseMs: 1, timeoutMs: 60_000 },
    );
    expect([value, runs]).toEqual(['done', 3]);
    const wrong = retry(() => db.query('insert into things (id) values (53)'), { timeoutMs: 60_000 });
    expect(isNotNullViolation(await rejection(wrong))).toBe(true);
  });
});
