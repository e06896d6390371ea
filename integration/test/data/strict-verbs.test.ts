import { connect } from 'pgherd';
import { describe, expect, it } from 'vitest';
import { oneClient } from '../../src/one-client.ts';

const it1 = oneClient(['strict (id int primary key)']);

/** In the arguments of a verb: where its options stand. */
const OPTIONS = Symbol('options');
const unused = () => undefined;
/** What a verb without options refuses: a callback, which it would never call. */
const NO_OPTIONS = 'takes no callback';

/**
 * Every public verb, with its arguments as far as its options; or that it has none, or what it is instead. A verb that is missing here
 * fails the test: also a new one must refuse what it does not have.
 */
const VERBS: Readonly<Record<string, readonly unknown[] | typeof NO_OPTIONS | undefined>> = {
  query: ['select 1', [], OPTIONS],
  rows: ['select 1', [], OPTIONS],
  one: ['select 1', [], OPTIONS],
  maybeOne: ['select 1', [], OPTIONS],
  stream: ['select 1', [], OPTIONS],
  batch: [['select 1'], OPTIONS],
  copyFrom: ['copy strict from stdin', [], OPTIONS],
  copyTo: ['copy strict to stdout', OPTIONS],
  notify: ['news', '', OPTIONS],
  script: ['select 1', OPTIONS],
  transaction: [unused, OPTIONS],
  begin: [OPTIONS],
  acquire: [OPTIONS],
  use: [unused, OPTIONS],
  with: [OPTIONS],
  release: [OPTIONS],
  close: [OPTIONS],
  ready: [OPTIONS],
  listen: ['news', unused, OPTIONS],
  causal: [unused, OPTIONS],
  on: ['cluster:closed', unused, OPTIONS],
  explainTarget: ['any', OPTIONS],
  acceptEpoch: [OPTIONS],
  drain: [OPTIONS],
  commit: NO_OPTIONS,
  rollback: NO_OPTIONS,
  warmUp: NO_OPTIONS,
  nextProbe: NO_OPTIONS,
  token: NO_OPTIONS,
  unlisten: NO_OPTIONS,
  // They return a value at once, and take nothing.
  nodes: undefined,
  stats: undefined,
  health: undefined,
  current: undefined,
  terminate: undefined,
  toJSON: undefined,
  // Functions are what it takes, and it checks that.
  afterCommit: undefined,
  // A tag of templates.
  sql: undefined,
};

/** Names of all functions of an object, also of its classes, except those of every object. */
function verbsOf(object: object): string[] {
  const names = new Set<string>();
  for (
    let at: object | null = object;
    at !== null && at !== Object.prototype;
    at = Object.getPrototypeOf(at)
  ) {
    for (const name of Object.getOwnPropertyNames(at)) {
      if (name !== 'constructor' && typeof Reflect.get(object, name) === 'function') names.add(name);
    }
  }
  return [...names].sort();
}

async function refusals(
  object: object,
  own: Readonly<Record<string, typeof NO_OPTIONS>> = {},
): Promise<void> {
  for (const name of verbsOf(object)) {
    expect(VERBS, `a verb that this test does not know: ${name}`).toHaveProperty(name);
    const args = own[name] ?? VERBS[name];
    if (args === undefined) continue;
    const call = async (options: unknown): Promise<unknown> => {
      const given = args === NO_OPTIONS ? [options] : args.map((one) => (one === OPTIONS ? options : one));
      return Reflect.apply(Reflect.get(object, name), object, given);
    };
    const refused = { code: 'PGHERD_INVALID_ARGUMENT' };
    await expect(call(unused), `${name} with a callback`).rejects.toMatchObject(refused);
    if (args !== NO_OPTIONS)
      await expect(call({ flavour: 'sweet' }), `${name} with an unknown option`).rejects.toMatchObject(
        refused,
      );
  }
}

describe('every verb refuses options that it does not have, and callbacks:', () => {
  it('a cluster', () => refusals(it1.db));
  it('a cluster with other defaults', () => refusals(it1.db.with({ target: 'any' })));
  it('the reads of a cluster', () => refusals(it1.db.read));

  it('a transaction', async () => {
    await using tx = await it1.db.begin();
    await refusals(tx);
    expect(tx.isOpen).toBe(true);
  });

  it('a transaction that has not begun on its server', () => it1.db.transaction((tx) => refusals(tx)));

  it('a savepoint', async () => {
    await it1.db.transaction((tx) => tx.transaction((inner) => refusals(inner)));
  });

  it('a lease', async () => {
    await using lease = await it1.db.acquire();
    await refusals(lease);
    expect(lease.isHeld).toBe(true);
  });

  it('a session of connect', async () => {
    await using session = await connect(it1.cluster.url, { env: {} });
    await refusals(session, { close: NO_OPTIONS });
    expect(session.isOpen).toBe(true);
  });

  it('a subscription', async () => {
    const subscription = await it1.db.listen('news', unused);
    await refusals(subscription);
    await subscription.unlisten();
  });
});

it('a savepoint has no options of its own', async () => {
  const work = it1.db.transaction((tx) => Reflect.apply(tx.transaction, tx, [unused, { readOnly: true }]));
  await expect(work).rejects.toMatchObject({
    code: 'PGHERD_INVALID_ARGUMENT',
    message: 'A savepoint has no options: give them to the transaction around it.',
  });
});
