import type { CallChange, CallEnd, InterceptedCall, Interceptor } from 'pgherd';
import { describe, expect, it } from 'vitest';
import { oneClient } from '../../src/one-client.ts';

const calls: InterceptedCall[] = [];
const ends: CallEnd[] = [];
/** What the second interceptor does with a call. */
let second: Interceptor = (_call, next) => next();

const it1 = oneClient(['items (id int primary key, name text)'], {
  client: {
    interceptors: [
      async (call, next) => {
        calls.push(call);
        ends.push(await next());
      },
      (call, next) => second(call, next),
    ],
  },
});

/** The calls that reach the interceptors while `work` runs, with `interceptor` as the second. */
async function callsDuring(
  work: () => Promise<unknown>,
  interceptor?: Interceptor,
): Promise<InterceptedCall[]> {
  calls.length = 0;
  ends.length = 0;
  if (interceptor !== undefined) second = interceptor;
  try {
    await work();
    return [...calls];
  } finally {
    second = (_call, next) => next();
  }
}

const ALL = async (rows: AsyncIterable<unknown>): Promise<unknown[]> => {
  const found: unknown[] = [];
  for await (const row of rows) found.push(row);
  return found;
};

/** Every verb, and the calls that it makes. */
const VERBS: readonly (readonly [verb: string, work: () => Promise<unknown>, expected: readonly string[]])[] =
  [
    ['query', () => it1.db.query('select 1'), ['query cluster']],
    ['rows', () => it1.db.rows('select 1'), ['query cluster']],
    ['one', () => it1.db.one('select 1'), ['query cluster']],
    ['maybeOne', () => it1.db.maybeOne('select 1'), ['query cluster']],
    ['sql', async () => it1.db.sql`select 1`, ['query cluster']],
    ['notify', () => it1.db.notify('hay'), ['query cluster']],
    ['read.query', () => it1.db.read.query('select 1'), ['query cluster']],
    ['with settings', () => it1.db.query('select 1', [], { settings: { 'a.b': '1' } }), ['query cluster']],
    ['batch', () => it1.db.batch(['select 1', 'select 2']), ['batch cluster']],
    ['stream', () => ALL(it1.db.stream('select 1')), ['stream cluster']],
    ['copyTo', () => ALL(it1.db.copyTo('copy items to stdout')), ['copyTo cluster']],
    ['copyFrom', () => it1.db.copyFrom('copy items from stdin', []), ['copyFrom cluster']],
    ['script', () => it1.db.script('select 1; select 2'), ['script cluster']],
    [
      'transaction',
      () => it1.db.transaction((tx) => tx.query('select 1')),
      ['transaction cluster', 'query transaction'],
    ],
    ['use', () => it1.db.use((lease) => lease.query('select 1')), ['use cluster', 'query lease']],
    [
      'acquire',
      async () => {
        await using lease = await it1.db.acquire();
        await lease.query('select 1');
      },
      ['acquire cluster', 'query lease'],
    ],
    [
      'begin',
      async () => {
        await using tx = await it1.db.begin();
        await tx.query('select 1');
      },
      ['begin cluster', 'query transaction'],
    ],
  ];

describe('interceptors', () => {
  it.each(VERBS)('see %s once', async (_verb, work, expected) => {
    const seen = await callsDuring(work);
    expect(seen.map(({ verb, scope }) => `${verb} ${scope}`)).toEqual(expected);
    await expect.poll(() => ends.length).toBe(expected.length);
    for (const { node } of ends.slice(0, 1)) expect([it1.db.topology.writable, undefined]).toContain(node);
  });

  it('see every verb that a cluster has', () => {
    const notCalls = [
      'with',
      'ready',
      'nextProbe',
      'warmUp',
      'explainTarget',
      'stats',
      'health',
      'on',
      'nodes',
    ];
    const others = [
      'acceptEpoch',
      'listen',
      'current',
      'causal',
      'token',
      'drain',
      'close',
      'terminate',
      'toJSON',
    ];
    const prototype = Object.getOwnPropertyNames(Object.getPrototypeOf(it1.db));
    const verbs = [...Object.keys(it1.db), ...prototype].filter(
      (name) => typeof Reflect.get(it1.db, name) === 'function' && name !== 'constructor',
    );
    const tested = VERBS.map(([verb]) => verb);
    expect(verbs.filter((name) => ![...tested, ...notCalls, ...others].includes(name))).toEqual([]);
  });

  it('refuse a call, which then takes no connection', async () => {
    const refused = it1.db.use(() => 'never', {});
    await refused;
    const refusing: Interceptor = () => {
      throw new Error('not on Sundays');
    };
    for (const [, work] of VERBS) await expect(callsDuring(work, refusing)).rejects.toThrow('not on Sundays');
    expect(it1.db.stats().total.leased).toBe(0);
  });

  it('change the SQL and the values of a statement', async () => {
    await it1.db.query("insert into items values (1, 'hay'), (2, 'straw') on conflict do nothing");
    const changing: Interceptor = (_call, next) =>
      next({ text: 'select name from items where id = $1', values: [2] });
    const rows = () => it1.db.rows('select name from items where id = $1', [1]);
    expect(await rows()).toEqual([{ name: 'hay' }]);
    await callsDuring(async () => expect(await rows()).toEqual([{ name: 'straw' }]), changing);
    await callsDuring(async () => {
      expect(await ALL(it1.db.stream('select 1'))).toEqual([{ name: 'straw' }]);
    }, changing);
  });

  it('add tags to those of the call', async () => {
    const text = 'select query from pg_stat_activity where pid = pg_backend_pid()';
    const tagging: Interceptor = (_call, next) => next({ comment: { trace: '7' } });
    const ask = () => it1.db.one<{ query: string }>(text, [], { comment: { route: 'x' } });
    await callsDuring(async () => {
      expect((await ask()).query).toBe(`${text} /*route='x',trace='7'*/`);
    }, tagging);
  });

  it('use up the time that a call has', async () => {
    const slow: Interceptor = () => new Promise(() => undefined);
    await expect(
      callsDuring(() => it1.db.query('select 1', [], { timeoutMs: 50 }), slow),
    ).rejects.toMatchObject({
      code: 'PGHERD_TIMEOUT',
      message: expect.stringContaining('interceptors'),
    });
    const signal = AbortSignal.timeout(50);
    await expect(callsDuring(() => it1.db.query('select 1', [], { signal }), slow)).rejects.toMatchObject({
      code: 'PGHERD_ABORTED',
    });
  });

  it('are not called for a call that was aborted before', async () => {
    const seen = await callsDuring(() =>
      expect(it1.db.query('select 1', [], { signal: AbortSignal.abort() })).rejects.toMatchObject({
        code: 'PGHERD_ABORTED',
      }),
    );
    expect(seen).toEqual([]);
  });

  it('leave options of a wrong form to the verb, which refuses them', async () => {
    const wrong = { signal: 'soon' as unknown as AbortSignal };
    await expect(it1.db.query('select 1', [], wrong)).rejects.toMatchObject({
      code: 'PGHERD_INVALID_ARGUMENT',
      message: expect.stringContaining('signal'),
    });
  });

  it.each<[string, () => Promise<unknown>, CallChange]>([
    ['the SQL of a batch', () => it1.db.batch(['select 1']), { text: 'select 2' }],
    ['the values of a COPY', () => it1.db.copyFrom('copy items from stdin', []), { values: [1] }],
    ['tags of a script', () => it1.db.script('select 1'), { comment: { a: 'b' } }],
    ['the SQL of a transaction', () => it1.db.transaction(() => 1), { text: 'select 2' }],
  ])('cannot change %s, and learn that', async (_what, work, change) => {
    await expect(callsDuring(work, (_call, next) => next(change))).rejects.toMatchObject({
      code: 'PGHERD_INVALID_ARGUMENT',
      message: expect.stringContaining('is not an option of next'),
    });
  });

  it('leave the stack of an error with its caller', async () => {
    async function programsFunction(): Promise<void> {
      await it1.db.query('select * form items');
    }
    const error = await programsFunction().catch((thrown: Error) => thrown);
    expect((error as Error).stack).toContain('programsFunction');
  });
});
