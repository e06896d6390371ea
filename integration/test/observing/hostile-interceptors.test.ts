import { createRequire } from 'node:module';
import { waitUntil } from '@pgherd/testing';
import type { CallChange, Interceptor } from 'pgherd';
import { createPool } from 'pgherd/pg';
import { afterEach, describe, expect, it } from 'vitest';
import { oneClient } from '../../src/one-client.ts';
import { codeOf, nameOf, open, rejection } from '../../src/support.ts';

const PASS: Interceptor = (_call, next) => next();
let interceptor = PASS;
const warned: string[] = [];
const it1 = oneClient(['items (id int primary key, name text)'], {
  cluster: { standbys: 1 },
  client: { interceptors: [(call, next) => interceptor(call, next)] },
});
afterEach(() => {
  interceptor = PASS;
  warned.length = 0;
});

const drained = async (rows: AsyncIterable<unknown>): Promise<unknown[]> => {
  const found: unknown[] = [];
  for await (const row of rows) found.push(row);
  return found;
};

/** Every verb, so that none of them is forgotten. */
const VERBS: readonly (readonly [verb: string, work: (options?: object) => Promise<unknown>])[] = [
  ['query', (options) => it1.db.query('select 1', [], options)],
  ['batch', (options) => it1.db.batch(['select 1', 'select 2'], options)],
  ['stream', (options) => drained(it1.db.stream('select 1', [], options))],
  ['copyTo', (options) => drained(it1.db.copyTo('copy items to stdout', options))],
  ['copyFrom', (options) => it1.db.copyFrom('copy items from stdin', [], options)],
  ['script', (options) => it1.db.script('select 1; select 2', options)],
  ['transaction', (options) => it1.db.transaction(async () => 1, options)],
  ['use', (options) => it1.db.use(async () => 1, options)],
  [
    'acquire',
    async (options) => {
      const lease = await it1.db.acquire(options);
      lease.release();
    },
  ],
  [
    'begin',
    async (options) => {
      const tx = await it1.db.begin(options);
      await tx.rollback();
    },
  ],
];

describe.each(VERBS)('%s, with an interceptor that', (_verb, work) => {
  it('throws at once, throws nothing, or rejects: the call fails with that', async () => {
    interceptor = () => {
      throw new TypeError('at once');
    };
    expect(await rejection(work())).toMatchObject({ message: expect.stringContaining('at once') });
    interceptor = () => Promise.reject(new RangeError('later'));
    expect(await rejection(work())).toMatchObject({ message: expect.stringContaining('later') });
    interceptor = () => {
      throw undefined;
    };
    const nothing = await work().then(
      () => 'went well',
      (error: unknown) => error,
    );
    expect(nothing).toBeUndefined();
  });

  it('calls next twice at once: the call runs once, and the process lives', async () => {
    interceptor = (_call, next) => {
      void next();
      void next();
    };
    await work();
  });

  it('never settles: the call ends by its limit or its signal, and later calls run', async () => {
    interceptor = () => new Promise(() => undefined);
    expect(codeOf(await rejection(work({ timeoutMs: 60 })))).toBe('PGHERD_TIMEOUT');
    const controller = new AbortController();
    const aborted = rejection(work({ signal: controller.signal }));
    controller.abort(new Error('no longer wanted'));
    expect(codeOf(await aborted)).toBe('PGHERD_ABORTED');
    interceptor = PASS;
    await work();
  });

  it('calls next after the limit of the call: nothing is run', async () => {
    let late: Promise<unknown> = Promise.resolve();
    let go: () => void = () => undefined;
    const gate = new Promise<void>((resolve) => {
      go = resolve;
    });
    interceptor = async (_call, next) => {
      await gate;
      late = next().catch((error: unknown) => error);
      await late;
    };
    const before = it1.db.stats().total.acquired;
    expect(codeOf(await rejection(work({ timeoutMs: 60 })))).toBe('PGHERD_TIMEOUT');
    go();
    await waitUntil(async () => String(await late).includes('after an interceptor had refused'), {
      what: 'the late next to be refused',
    });
    expect(it1.db.stats().total.acquired).toBe(before);
  });

  it('returns something else, or throws after the end: the call ends as it ended', async () => {
    const off = it1.db.on('cluster:warned', ({ message }) => void warned.push(message));
    interceptor = async (_call, next) => {
      await next();
      return { rows: ['forged'], node: 'forged' };
    };
    const value = await work();
    expect(JSON.stringify(value ?? null)).not.toContain('forged');
    interceptor = async (_call, next) => {
      await next();
      throw new Error('too late');
    };
    await work();
    await waitUntil(() => warned.length > 0, { what: 'the warning' });
    off();
    expect(warned[0]).toContain('an interceptor failed after its call had succeeded: too late');
  });

  it('changes what it was given: nothing changes', async () => {
    const options = { target: 'primary', timeoutMs: 20_000, comment: { a: 'b' } };
    const before = structuredClone(options);
    const thrown: string[] = [];
    interceptor = async (call, next) => {
      const given = call as { options: { target?: string; comment?: { a?: string } }; verb: string };
      for (const change of [
        () => {
          given.options.target = 'standby';
        },
        () => {
          if (given.options.comment !== undefined) given.options.comment.a = "'; drop table items";
        },
        () => {
          given.verb = 'script';
        },
        () => {
          given.options = { target: 'standby' };
        },
      ]) {
        try {
          change();
        } catch (error) {
          thrown.push(String(error));
        }
      }
      await next();
    };
    await work(options);
    expect(options).toEqual(before);
    expect(thrown.length).toBeGreaterThanOrEqual(4);
  });
});

describe('an interceptor that changes the SQL', () => {
  const changingTo =
    (change: unknown): Interceptor =>
    (_call, next) =>
      next(change as CallChange);

  it('to a write cannot make a read write, on a standby or on the primary', async () => {
    await it1.db.query("insert into items values (1, 'hay') on conflict do nothing");
    interceptor = changingTo({ text: "update items set name = 'changed' returning name" });
    for (const target of ['standby', 'prefer-standby', 'read-only'] as const)
      expect(codeOf(await rejection(it1.db.query('select 1', [], { target })))).toBe('25006');
    expect(codeOf(await rejection(drained(it1.db.read.stream('select 1'))))).toBe('25006');
    interceptor = PASS;
    expect(await it1.db.one('select name from items where id = 1')).toEqual({ name: 'hay' });
  });

  it.each<[string, string]>([
    ['begin', 'PGHERD_STATEMENT_NOT_ALLOWED'],
    ['commit', 'PGHERD_STATEMENT_NOT_ALLOWED'],
    ['listen hay', 'PGHERD_STATEMENT_NOT_ALLOWED'],
    ['copy items from stdin', 'PGHERD_STATEMENT_NOT_ALLOWED'],
    ['select 1; select 2', 'PGHERD_STATEMENT_NOT_ALLOWED'],
  ])('to %j ends as if the program had sent it', async (text, code) => {
    interceptor = changingTo({ text });
    expect(codeOf(await rejection(it1.db.query('select 1')))).toBe(code);
    interceptor = PASS;
    const plain = await rejection(it1.db.query(text));
    expect(codeOf(plain)).toBe(code);
    expect(await it1.db.one('select 1 as n')).toEqual({ n: 1 });
  });

  it('to COMMIT cannot end a transaction', async () => {
    interceptor = (call, next) => (call.scope === 'transaction' ? next({ text: 'commit' }) : next());
    const error = await rejection(it1.db.transaction((tx) => tx.query('select 1')));
    expect(codeOf(error)).toBe('PGHERD_STATEMENT_NOT_ALLOWED');
  });

  it.each<[string, () => Promise<unknown>, RegExp]>([
    [
      'copyFrom',
      () => it1.db.copyFrom('copy items from stdin', ['2\tx\n']),
      /copyFrom takes a COPY … FROM STDIN/,
    ],
    ['copyTo', () => drained(it1.db.copyTo('copy items to stdout')), /copyTo takes a COPY … TO STDOUT/],
  ])('of %s to something else is refused, and the connection is not lost', async (verb, work, message) => {
    const closed = it1.closed();
    const texts = [
      'select 1',
      'truncate items',
      verb === 'copyTo' ? 'copy items from stdin' : 'copy items to stdout',
    ];
    for (const text of texts) {
      interceptor = changingTo({ text });
      await expect(work()).rejects.toThrow(message);
    }
    expect(it1.closed()).toBe(closed);
  });

  it.each<[string, unknown, RegExp]>([
    ['a number as text', { text: 7 }, /text of next is 7, but must be a string/],
    ['an object as text', { text: { toString: () => 'select 1' } }, /text of next is an object/],
    ['a text as values', { values: 'abc' }, /values of next is abc, but must be an array/],
    [
      'too many values',
      { values: new Array(70_000).fill(1) },
      /an array of 70000, but must be an array of at most 65535/,
    ],
    ['a number as tag', { comment: { a: 7 } }, /comment\.a/],
    ['a text as tags', { comment: 'a=b' }, /comment is "a=b"/],
    ['no object', null, /options of next, inside query must be an object/],
  ])('to %s is refused; a right change may follow', async (_what, change, message) => {
    interceptor = changingTo(change);
    await expect(it1.db.query('select $1::int as n', [1])).rejects.toThrow(message);
    interceptor = async (_call, next) => {
      await next(change as CallChange).catch(() => next({ values: [5] }));
    };
    expect(await it1.db.one('select $1::int as n', [1])).toEqual({ n: 5 });
  });

  it('of a statement with a name sends it without: the name stands for another text', async () => {
    const named = { name: 'find', text: 'select 1 as n' };
    await it1.db.use(async (lease) => {
      expect((await lease.query(named)).rows).toEqual([{ n: 1 }]);
      interceptor = changingTo({ text: 'select 2 as n' });
      expect((await lease.query(named)).rows).toEqual([{ n: 2 }]);
      interceptor = PASS;
      expect((await lease.query(named)).rows).toEqual([{ n: 1 }]);
    });
  });
});

describe('a stream that is left while an interceptor still waits', () => {
  it('takes no connection, and keeps none', async () => {
    let go: () => void = () => undefined;
    interceptor = async (_call, next) => {
      await new Promise<void>((resolve) => {
        go = resolve;
      });
      await next();
    };
    const rows = it1.db.stream('select generate_series(1, 1000)');
    const first = rows.next();
    const left = rows.return?.();
    go();
    await first;
    await left;
    await waitUntil(() => it1.db.stats().total.leased === 0, { what: 'the connection to be given back' });
  });
});

describe('subscriptions and guests', () => {
  it('listen is not a call of interceptors, and works with one that refuses everything', async () => {
    interceptor = () => {
      throw new Error('refused');
    };
    const heard: string[] = [];
    await using sub = await it1.db.listen('hay', (payload) => void heard.push(String(payload)));
    await using other = open(it1.cluster);
    await other.notify('hay', 'straw');
    await waitUntil(() => heard.length > 0, { what: 'the notification' });
    expect(sub.channel).toBe('hay');
  });

  it('statements that the cluster runs for a pool of pg pass through them; those of pg itself do not', async () => {
    const seen: string[] = [];
    interceptor = (call, next) => {
      seen.push(call.text ?? '');
      return next();
    };
    const pg = createRequire(import.meta.url)('pg') as typeof import('pg');
    const shared = createPool(it1.db, { pg, query: 'shared' });
    const guest = createPool(it1.db, { pg });
    await shared.query('select 1 as by_cluster');
    await guest.query('select 1 as by_pg');
    expect(seen).toEqual(['select 1 as by_cluster']);
    interceptor = () => {
      throw new Error('refused');
    };
    await expect(shared.query('select 1')).rejects.toThrow('refused');
    expect((await guest.query('select 2 as n')).rows).toEqual([{ n: 2 }]);
    await Promise.all([shared.end(), guest.end()]);
    expect(nameOf(it1.cluster.primary)).toBe(it1.db.topology.writable);
  });
});
