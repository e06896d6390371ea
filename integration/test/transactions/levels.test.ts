import { createTestCluster, type TestCluster } from '@pgherd/testing';
import type { CallOptions, Cluster, Transaction } from 'pgherd';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { codeOf, createTable, open, quiet, rejection } from '../../src/support.ts';

let cluster: TestCluster;
let db: Cluster;

beforeAll(async () => {
  cluster = await createTestCluster({ standbys: 0, proxy: true });
  await createTable(cluster, 'kept', 'k text');
  db = open(cluster);
});
beforeEach(() => db.query('truncate kept'));
afterEach(async () => {
  await quiet(db);
  const text = `select pid from pg_stat_activity where usename = 'app' and state like 'idle in transaction%'`;
  expect(await cluster.primary.sql(text)).toEqual([]);
});
afterAll(async () => {
  await db?.close();
  await cluster?.close();
});

type Verbs = Pick<Transaction, 'query'>;
const insert = (where: Verbs, key: string): Promise<unknown> =>
  where.query('insert into kept values ($1)', [key]);
const kept = async (): Promise<string> =>
  (await db.rows<{ k: string }>('select k from kept order by k')).map(({ k }) => k).join();

/** A promise, and what resolves it. */
function gate() {
  let pass: () => void = () => undefined;
  const passed = new Promise<void>((resolve) => {
    pass = resolve;
  });
  return { pass, passed };
}

describe('savepoints and statements at the same time', () => {
  it('savepoints of one level run one after the other, and each keeps what it did', async () => {
    const seen: string[] = [];
    const one = (name: string, error?: Error) => async (savepoint: Transaction) => {
      seen.push(`${name} begins`);
      await insert(savepoint, name);
      savepoint.afterCommit(() => {
        seen.push(`${name} is committed`);
      });
      seen.push(`${name} ends`);
      if (error !== undefined) throw error;
    };
    await db.transaction(async (tx) => {
      const all = [one('a'), one('b', new Error('b')), one('c')].map((fn) => tx.transaction(fn));
      const results = await Promise.allSettled(all);
      expect(results.map(({ status }) => status)).toEqual(['fulfilled', 'rejected', 'fulfilled']);
    });
    expect(await kept()).toBe('a,c');
    expect(seen).toEqual([
      ...['a', 'b', 'c'].flatMap((name) => [`${name} begins`, `${name} ends`]),
      'a is committed',
      'c is committed',
    ]);
  });

  it('statements, batches, streams, savepoints and COMMIT of the outer level wait for an open savepoint', async () => {
    const inside = gate();
    const end = gate();
    const seen: string[] = [];
    const noting = (name: string) => () => {
      seen.push(name);
    };
    await db.transaction(async (tx) => {
      const undone = rejection(
        tx.transaction(async (savepoint) => {
          await insert(savepoint, 'undone');
          inside.pass();
          await end.passed;
          // All of them were called by now, and none has run.
          await savepoint.query('select 1');
          expect(seen).toEqual([]);
          throw new Error('mine');
        }),
      );
      await inside.passed;
      const waiting = [
        insert(tx, 'statement').then(noting('statement')),
        tx.batch([{ text: "insert into kept values ('batch')" }]).then(noting('batch')),
        tx.stream("insert into kept values ('stream') returning k").next().then(noting('stream')),
        tx.transaction((savepoint) => insert(savepoint, 'savepoint')).then(noting('savepoint')),
        tx.commit().then(noting('commit')),
      ];
      end.pass();
      await undone;
      await Promise.all(waiting);
      expect(seen).toEqual(['statement', 'batch', 'stream', 'savepoint', 'commit']);
    });
    expect(await kept()).toBe('batch,savepoint,statement,stream');
  });

  it('what was called on a savepoint and not awaited belongs to it, also a savepoint inside', async () => {
    await db.transaction(async (tx) => {
      await tx.transaction((savepoint) => {
        void insert(savepoint, 'a');
        void savepoint.transaction((deeper) => insert(deeper, 'b'));
      });
      await rejection(
        tx.transaction((savepoint) => {
          insert(savepoint, 'c').catch(() => undefined);
          savepoint.transaction((deeper) => insert(deeper, 'd')).catch(() => undefined);
          throw new Error('mine');
        }),
      );
      await insert(tx, 'e');
    });
    expect(await kept()).toBe('a,b,e');
  });

  it('a savepoint takes nothing after its end', async () => {
    await db.transaction(async (tx) => {
      let late: Transaction | undefined;
      await tx.transaction((savepoint) => {
        late = savepoint;
      });
      expect(late?.isOpen).toBe(false);
      expect(codeOf(await rejection(Promise.resolve(late?.query('select 1'))))).toBe(
        'PGHERD_TRANSACTION_ENDED',
      );
      await insert(tx, 'a');
    });
    expect(await kept()).toBe('a');
  });

  it('a statement that waits for a savepoint and is out of time never runs', async () => {
    const end = gate();
    await db.transaction(async (tx) => {
      const savepoint = tx.transaction(async (inner) => {
        await insert(inner, 'a');
        await end.passed;
      });
      const late = await rejection(tx.query("insert into kept values ('late')", [], { timeoutMs: 50 }));
      expect(late).toMatchObject({ code: 'PGHERD_TIMEOUT', details: { phase: 'not-handed' } });
      end.pass();
      await savepoint;
    });
    expect(await kept()).toBe('a');
  });

  it.each<[string, (tx: Transaction) => Promise<unknown>]>([
    ['a statement', (tx) => insert(tx, 'x')],
    ['a batch', (tx) => tx.batch(['select 1'])],
    ['a stream', (tx) => tx.stream('select 1').next()],
    ['a savepoint', (tx) => tx.transaction(() => undefined)],
    ['commit', (tx) => tx.commit()],
  ])('%s of the outer level, awaited inside the savepoint, is an error that names the right object', async (_what, call) => {
    for (const run of [
      (fn: (tx: Transaction) => Promise<void>) => db.transaction(fn),
      async (fn: (tx: Transaction) => Promise<void>) => {
        await using tx = await db.begin();
        await fn(tx);
        await tx.commit();
      },
    ]) {
      await run(async (tx) => {
        await tx.transaction(async (savepoint) => {
          const error = await rejection(call(tx));
          expect(error).toMatchObject({
            code: 'PGHERD_SELF_DEADLOCK',
            message: expect.stringContaining('db.current()'),
          });
          await savepoint.transaction(async (deeper) => {
            expect(codeOf(await rejection(call(tx)))).toBe('PGHERD_SELF_DEADLOCK');
            if (_what !== 'commit')
              expect(codeOf(await rejection(call(savepoint)))).toBe('PGHERD_SELF_DEADLOCK');
            await insert(deeper, 'deeper');
          });
          expect(db.current()).toBe(savepoint);
          await insert(db.current(), 'current');
        });
      });
    }
    expect(await kept()).toBe('current,current,deeper,deeper');
  });
});

describe('statements that would take over', () => {
  const TEXTS = [
    'commit',
    '; commit',
    '/* x */ end',
    'commit and chain',
    'rollback',
    'abort',
    'begin',
    "prepare transaction 'x'",
    'rollback to savepoint pgherd_1',
    'release "pgherd_1"',
  ];

  it.each(TEXTS)('%j is refused by every verb, and the transaction goes on', async (text) => {
    await db.transaction(async (tx) => {
      await insert(tx, 'outer');
      await tx.transaction(async (savepoint) => {
        await insert(savepoint, 'inner');
        for (const one of [tx, savepoint]) {
          for (const call of [
            () => one.query(text),
            () => one.rows({ text, rowMode: 'array' }),
            () => one.batch(['select 1', text]),
            () => one.stream(text).next(),
          ])
            expect(await rejection(call())).toMatchObject({ code: 'PGHERD_STATEMENT_NOT_ALLOWED' });
        }
      });
    });
    expect(await kept()).toBe('inner,outer');
  });

  it('savepoints of the application are its own affair', async () => {
    await db.transaction(async (tx) => {
      await insert(tx, 'a');
      await tx.query('savepoint mine');
      await insert(tx, 'b');
      await tx.query('rollback to mine');
      await tx.query('release mine');
      await insert(tx, 'c');
    });
    expect(await kept()).toBe('a,c');
  });

  it('what is called behind commit or rollback, and does not wait for it, does not run by itself', async () => {
    for (const end of ['commit', 'rollback'] as const) {
      const tx = await db.begin();
      await insert(tx, end);
      const ended = tx[end]();
      expect(codeOf(await rejection(insert(tx, 'behind')))).toBe('PGHERD_TRANSACTION_ENDED');
      await ended;
    }
    expect(await kept()).toBe('commit');
  });
});

describe('the beginning and the end', () => {
  it('BEGIN and the first statement leave in one flight', async () => {
    const flights: string[] = [];
    const watch = cluster.primary.proxy.watch(({ chunk, direction }) => {
      const text = chunk.toString('latin1');
      if (direction === 'to-server' && /BEGIN|flight|COMMIT/.test(text)) flights.push(text);
    });
    // Texts that never ran before are sent as they are.
    await db.transaction(async (tx) => {
      await tx.query('insert into kept values ($1) /* first flight */', ['a']);
      await tx.query('insert into kept values ($1) /* second flight */', ['b']);
    });
    await watch.undo();
    expect(flights).toHaveLength(3);
    expect(flights[0]).toMatch(/BEGIN.*first flight/s);
    expect(await kept()).toBe('a,b');
  });

  it.each<[string, (tx: Transaction) => Promise<unknown>]>([
    ['fails', (tx) => tx.query('select 1/0')],
    ['does not exist', (tx) => tx.query('selec 1')],
  ])('a first statement that %s fails inside the transaction, with its own error', async (_what, first) => {
    const error = await rejection(db.transaction(first));
    expect(error).not.toHaveProperty('index');
    expect(codeOf(error)).toMatch(/^(22012|42601)$/);
    const swallowed = await rejection(
      db.transaction(async (tx) => {
        await rejection(first(tx));
        await rejection(insert(tx, 'never'));
      }),
    );
    expect(swallowed).toMatchObject({
      code: 'PGHERD_TRANSACTION_ROLLED_BACK',
      cause: { code: codeOf(error) },
    });
    expect(await kept()).toBe('');
  });

  it('a function that sends nothing, or rolls back at once, leaves nothing open', async () => {
    expect(await db.transaction(() => 'done')).toBe('done');
    expect(await db.transaction((tx) => tx.rollback())).toBeUndefined();
    const mine = new Error('mine');
    expect(
      await rejection(
        db.transaction(() => {
          throw mine;
        }),
      ),
    ).toBe(mine);
  });

  it('a value that the client cannot read does not run the function again', async () => {
    const types = {
      getTypeParser: () => () => {
        throw Object.assign(new Error('unreadable'), { code: '40001', severity: 'ERROR' });
      },
    };
    let runs = 0;
    const error = await rejection(
      db.transaction(async (tx) => {
        runs++;
        await tx.query({ text: "insert into kept values ('x') returning k", types });
      }),
    );
    expect(codeOf(error)).toBe('PGHERD_INVALID_ARGUMENT');
    expect(runs).toBe(1);
    expect(await kept()).toBe('');
  });

  /** A transaction with limits that come only after its first statement: on a busy machine a short one may come before. */
  async function begunInTime(limits: (ms: number) => CallOptions): Promise<Transaction> {
    for (let ms = 200; ; ms *= 2) {
      const tx = await db.begin(limits(ms)).catch(() => undefined);
      if (tx === undefined) continue;
      const inserted = await insert(tx, 'a').then(
        () => true,
        () => false,
      );
      if (inserted) return tx;
      await tx.rollback();
    }
  }

  it('a COMMIT that was not sent is never an unknown outcome', async () => {
    for (const [limits, code] of [
      [(ms: number) => ({ timeoutMs: ms }), 'PGHERD_TIMEOUT'],
      [(ms: number) => ({ signal: AbortSignal.timeout(ms) }), 'PGHERD_ABORTED'],
    ] as const) {
      const tx = await begunInTime(limits);
      const slow = rejection(tx.query('select pg_sleep(600)'));
      // It waits behind the statement that is late.
      const commit = rejection(tx.commit());
      expect(codeOf(await slow)).toBe(code);
      expect(await commit).toMatchObject({ code, details: { phase: 'not-handed' } });
      await tx.rollback();
    }
    const control = new AbortController();
    const tx = await db.begin({ signal: control.signal });
    await insert(tx, 'b');
    control.abort();
    expect(codeOf(await rejection(tx.commit()))).toBe('PGHERD_ABORTED');
    await quiet(db);
    expect(await kept()).toBe('');
  });

  it('close inside a function says at once that it would wait for it, and closes nothing', async () => {
    await using own = open(cluster);
    const closing = async () => {
      expect(await rejection(own.close())).toMatchObject({ code: 'PGHERD_SELF_DEADLOCK' });
    };
    await own.transaction(async (tx) => {
      await closing();
      await tx.transaction(closing);
      await insert(tx, 'a');
    });
    await own.use(closing);
    expect(own.isOpen).toBe(true);
    expect(await kept()).toBe('a');
  });
});
