import { afterAll, describe, expect, it } from 'vitest';
import { createCluster } from '../../src/cluster/cluster.ts';
import { retry } from '../../src/cluster/retry-function.ts';
import { closeSharedClusters } from '../../src/cluster/shared.ts';
import { onShutdown } from '../../src/cluster/shutdown.ts';
import { Fragment } from '../../src/sql/tag.ts';

/** Nothing listens there: what is refused must be refused before a connection is tried. */
const db = createCluster('postgres://app@127.0.0.1:1/app');
afterAll(() => db.terminate());

/** A call as a program without types makes it; an error that is thrown counts as one that rejects. */
async function called(fn: unknown, args: readonly unknown[]): Promise<unknown> {
  return Reflect.apply(fn as () => unknown, db, args);
}

const unused = () => undefined;

/** Each verb with options in the place of `OPTIONS`. */
const OPTIONS = Symbol('options');
const VERBS: readonly (readonly [string, unknown, readonly unknown[]])[] = [
  ['query', db.query, ['select 1', [], OPTIONS]],
  ['query', db.query, [{ text: 'select 1' }, OPTIONS]],
  ['query', db.query, [{ text: 'select 1' }, undefined, OPTIONS]],
  ['rows', db.rows, ['select 1', [], OPTIONS]],
  ['one', db.one, ['select 1', [], OPTIONS]],
  ['maybeOne', db.maybeOne, ['select 1', undefined, OPTIONS]],
  ['query', db.read.query, ['select 1', [], OPTIONS]],
  ['stream', db.stream, ['select 1', [], OPTIONS]],
  ['batch', db.batch, [['select 1'], OPTIONS]],
  ['batch', db.batch, [[], OPTIONS]],
  ['copyFrom', db.copyFrom, ['copy t from stdin', [], OPTIONS]],
  ['copyTo', db.copyTo, ['copy t to stdout', OPTIONS]],
  ['notify', db.notify, ['news', '', OPTIONS]],
  ['script', db.script, ['select 1', OPTIONS]],
  ['transaction', db.transaction, [unused, OPTIONS]],
  ['transaction', db.begin, [OPTIONS]],
  ['acquire', db.acquire, [OPTIONS]],
  ['use', db.use, [unused, OPTIONS]],
  ['with', db.with, [OPTIONS]],
  ['explainTarget', db.explainTarget, ['any', OPTIONS]],
  ['ready', db.ready, [OPTIONS]],
  ['listen', db.listen, ['news', unused, OPTIONS]],
  ['causal', db.causal, [unused, OPTIONS]],
  ['on', db.on, ['cluster:closed', unused, OPTIONS]],
  ['close', db.close, [OPTIONS]],
  ['closeSharedClusters', closeSharedClusters, [OPTIONS]],
  ['onShutdown', onShutdown, [db, OPTIONS]],
];

const withOptions = (args: readonly unknown[], options: unknown) =>
  args.map((one) => (one === OPTIONS ? options : one));

const refused = (message: RegExp) => ({
  code: 'PGHERD_INVALID_ARGUMENT',
  message: expect.stringMatching(message),
});

describe('options that a verb does not have', () => {
  it.each(VERBS)('%s (%#) refuses an unknown one', async (verb, fn, args) => {
    const message = new RegExp(`^flavour is not an option of ${verb}; there are .`);
    await expect(called(fn, withOptions(args, { flavour: 'sweet' }))).rejects.toMatchObject(refused(message));
    const inherited = Object.create({ flavour: undefined });
    await expect(called(fn, withOptions(args, inherited))).rejects.toMatchObject(refused(message));
  });

  it.each(VERBS)('%s (%#) takes no callback, number or list for options', async (verb, fn, args) => {
    const callback = called(fn, withOptions(args, unused));
    await expect(callback).rejects.toMatchObject(refused(new RegExp(`^${verb} takes no callback`)));
    const number = called(fn, withOptions(args, 5000));
    await expect(number).rejects.toMatchObject(refused(/must be an object, not 5000\./));
    // After an object with the text, a list is one of values.
    const list = called(fn, withOptions(args, [1]));
    await expect(list).rejects.toMatchObject(refused(/must be an object, not an array|belong in the object/));
  });

  it.each([
    [db.query, ['select 1', [], { timeoutMS: 5 }], 'timeoutMs'],
    [db.query, ['select 1', [], { timeout: 5 }], 'timeoutMs'],
    [db.query, ['select 1', [], { idempotant: true }], 'idempotent'],
    [db.query, [{ text: 'select 1', row_mode: 'array' }], 'rowMode'],
    [db.stream, ['select 1', [], { batchsize: 5 }], 'batchSize'],
    [db.transaction, [unused, { readonly: true }], 'readOnly'],
    [db.acquire, [{ tag: {} }], 'tags'],
    [db.ready, [{ standby: 1 }], 'standbys'],
    [db.listen, ['news', unused, { ongap: unused }], 'onGap'],
    [db.on, ['cluster:close', unused], 'cluster:closed'],
    [db.on, ['topology:change', unused], 'topology:changed'],
  ])('%o with %o gets the nearest name', async (fn, args, name) => {
    const message = new RegExp(`did you mean ${name}\\?$`);
    await expect(called(fn, args)).rejects.toMatchObject(refused(message));
  });

  it('options of one verb are not those of another', async () => {
    await expect(called(db.query, ['select 1', [], { readOnly: true }])).rejects.toMatchObject(
      refused(/^readOnly is not an option of query/),
    );
    await expect(called(db.rows, ['select 1', [], { batchSize: 1 }])).rejects.toMatchObject(
      refused(/^batchSize is not an option of rows/),
    );
  });
});

it.each([
  [{ attempt: 5 }, /attempt is not an option of retry; did you mean attempts\?/],
  [{ retries: 5 }, /retries is not an option of retry; there are attempts/],
])('retry refuses the policy %o', async (policy, message) => {
  await expect(called(retry, [unused, policy])).rejects.toMatchObject({
    code: 'PGHERD_INVALID_OPTIONS',
    message: expect.stringMatching(message),
  });
});

describe('what is no statement', () => {
  const strings = Object.assign(['select 1'], { raw: ['select 1'] });
  it.each([
    ['a list', [['select 1']], /must be a string, or an object with the property text.* it is an array/],
    ['a template', [strings], /write db\.sql`…`/],
    ['a callback', [unused], /takes no callback/],
    ['a callback for the values', ['select 1', unused], /takes no callback/],
    ['a callback in the object', [{ text: 'select 1', callback: unused }], /takes no callback/],
    ['an object for the text', [{ text: { text: 'select 1' } }], /it is an object/],
    ['nothing', [undefined], /it is undefined/],
    ['a number', [1], /it is 1\./],
    ['an object for the values', ['select 1', { id: 1 }], /values of a statement must be an array/],
  ])('%s is refused by each verb that takes one', async (_what, args, message) => {
    for (const verb of [db.query, db.rows, db.one, db.maybeOne, db.stream])
      await expect(called(verb, args)).rejects.toMatchObject(refused(message));
  });

  it.each([
    ['copyFrom', db.copyFrom, [['copy t from stdin'], []]],
    ['script', db.script, [{ text: 'select 1' }]],
    ['notify with an object', db.notify, ['news', { id: 1 }]],
    ['listen', db.listen, [['news'], unused]],
    ['transaction without a function', db.transaction, [{ readOnly: true }]],
    ['use without a function', db.use, [{}]],
    ['on without a function', db.on, ['cluster:closed', 'x']],
    ['on with a list of names', db.on, [['cluster:closed'], unused]],
  ])('%s', async (_what, fn, args) => {
    await expect(called(fn, args)).rejects.toMatchObject({ code: 'PGHERD_INVALID_ARGUMENT' });
  });
});

describe('a statement of a batch', () => {
  it.each([
    'timeoutMs',
    'target',
    'signal',
    'settings',
    'idempotent',
    'after',
    'hedge',
  ])('has no %s of its own', async (name) => {
    const statements = ['select 1', { text: 'select 2', [name]: 1 }];
    await expect(called(db.batch, [statements])).rejects.toMatchObject(
      refused(new RegExp(`^Statement 1 of the batch has the option ${name}, .*give it to batch`)),
    );
  });

  it('has no unknown property', async () => {
    await expect(called(db.batch, [[{ text: 'select 1', value: [] }]])).rejects.toMatchObject(
      refused(/^value is not an option of a statement of batch; did you mean values\?/),
    );
  });
});

describe('what goes through', () => {
  /** The call gets as far as a connection, which is refused or takes too long. */
  const reached = { code: expect.stringMatching(/NO_SUITABLE_NODE|TIMEOUT/) };

  it('the objects of query builders, which have more properties', async () => {
    class Built {
      readonly text = 'select $1';
      readonly values = [1];
      readonly strings = ['select ', ''];
    }
    const built = Reflect.apply(db.query, db, [new Built(), { timeoutMs: 20 }]);
    await expect(built).rejects.toMatchObject(reached);
    const fragment = Reflect.apply(db.query, db, [db.sql`select ${1}`, { timeoutMs: 20 }]);
    expect(db.sql`select ${1}`).toBeInstanceOf(Fragment);
    await expect(fragment).rejects.toMatchObject(reached);
  });

  it('every option of a call, also those that are undefined', async () => {
    const options = {
      timeoutMs: 20,
      target: undefined,
      after: undefined,
      tags: undefined,
      schema: undefined,
    };
    await expect(Reflect.apply(db.query, db, ['select 1', [], options])).rejects.toMatchObject(reached);
    await expect(
      db.transaction(unused, { timeoutMs: 20, readOnly: false, retry: false }),
    ).rejects.toMatchObject(reached);
  });
});
