import { AsyncLocalStorage } from 'node:async_hooks';
import { tracingChannel } from 'node:diagnostics_channel';
import type { TracingMessages } from 'pgherd';
import { describe, expect, it } from 'vitest';
import { oneClient } from '../../src/one-client.ts';

const it1 = oneClient(['items (id int primary key, name text)']);
type Events = readonly (readonly [event: string, message: Record<string, unknown>])[];

/** What is published on a channel while `work` runs. */
async function publishedDuring<N extends keyof TracingMessages>(
  name: N,
  work: () => Promise<unknown>,
): Promise<{
  readonly events: readonly string[];
  readonly messages: readonly TracingMessages[N][];
  readonly all: Events;
}> {
  const events: [string, Record<string, unknown>][] = [];
  const channel = tracingChannel(name);
  const note = (event: string) => (message: unknown) => {
    events.push([event, message as Record<string, unknown>]);
  };
  const subscribers = {
    start: note('start'),
    end: note('end'),
    asyncStart: note('asyncStart'),
    asyncEnd: note('asyncEnd'),
    error: note('error'),
  };
  channel.subscribe(subscribers);
  try {
    await work().catch(() => undefined);
  } finally {
    channel.unsubscribe(subscribers);
  }
  const ended = events.filter(([event]) => event === 'asyncEnd').map(([, message]) => message);
  return {
    events: events.map(([event]) => event),
    messages: ended as unknown as TracingMessages[N][],
    all: events,
  };
}

const ALL = async (rows: AsyncIterable<unknown>): Promise<void> => {
  for await (const _row of rows);
};

describe('pgherd:query', () => {
  it('publishes a statement with its node, its times and no values', async () => {
    const { events, messages, all } = await publishedDuring('pgherd:query', () =>
      it1.db.rows('select $1::text as secret', ['hunter2']),
    );
    expect(events).toEqual(['start', 'end', 'asyncStart', 'asyncEnd']);
    expect(messages).toHaveLength(1);
    expect(messages[0]?.cluster).toBe(it1.db.tracedAs);
    expect(messages[0]).toMatchObject({
      verb: 'query',
      scope: 'cluster',
      text: 'select $1::text as secret',
      node: it1.db.topology.writable,
      attempts: 1,
      shared: true,
      rowCount: 1,
      cluster: { database: 'app', applicationName: expect.any(String) },
    });
    const { durationMs = -1, waitedMs = -1, ranMs = -1, retriedMs = -1 } = messages[0] ?? {};
    expect(waitedMs).toBeGreaterThanOrEqual(0);
    expect(retriedMs).toBe(0);
    expect(waitedMs + ranMs + retriedMs).toBeCloseTo(durationMs, 3);
    expect(JSON.stringify(all)).not.toContain('hunter2');
  });

  it.each<[string, () => Promise<unknown>, object]>([
    [
      'batch',
      () => it1.db.batch(['select 1', 'select 2']),
      { verb: 'batch', texts: ['select 1', 'select 2'] },
    ],
    ['stream', () => ALL(it1.db.stream('select generate_series(1, 3)')), { verb: 'stream' }],
    ['copyTo', () => ALL(it1.db.copyTo('copy items to stdout')), { verb: 'copyTo' }],
    ['copyFrom', () => it1.db.copyFrom('copy items from stdin', []), { verb: 'copyFrom' }],
    ['script', () => it1.db.script('select 1; select 2'), { verb: 'script', text: 'select 1; select 2' }],
    ['settings', () => it1.db.query('select 1', [], { settings: { 'app.x': '1' } }), { verb: 'query' }],
    ['a lease', () => it1.db.use((lease) => lease.query('select 1')), { scope: 'lease', attempts: 1 }],
    [
      'a transaction',
      () => it1.db.transaction((tx) => tx.query('select 1')),
      { scope: 'transaction', text: 'select 1' },
    ],
    [
      'a script on a lease',
      () => it1.db.use((lease) => lease.script('select 1')),
      { verb: 'script', scope: 'lease' },
    ],
  ])('publishes %s once', async (_what, work, expected) => {
    const { messages } = await publishedDuring('pgherd:query', work);
    expect(messages).toHaveLength(1);
    expect(messages[0]).toMatchObject({ node: it1.db.topology.writable, ...expected });
  });

  it('publishes the error of a statement, which still names its caller', async () => {
    let thrown: Error | undefined;
    async function programsFunction() {
      await it1.db.query('select * form items');
    }
    const { events, messages } = await publishedDuring('pgherd:query', () =>
      programsFunction().catch((error: Error) => {
        thrown = error;
      }),
    );
    expect(events).toEqual(['start', 'end', 'error', 'asyncStart', 'asyncEnd']);
    expect(messages[0]?.error).toBe(thrown);
    expect(thrown?.stack).toContain('programsFunction');
  });

  it('binds stores to everything that the statement does', async () => {
    const span = new AsyncLocalStorage<string>();
    const { start } = tracingChannel('pgherd:query');
    const acquire = tracingChannel('pgherd:acquire');
    const seen: unknown[] = [];
    const note = () => seen.push(span.getStore());
    start.bindStore(span, (message) => `span of ${(message as { text: string }).text}`);
    acquire.start.subscribe(note);
    try {
      await it1.db.batch(['select 1']);
      expect(seen).toEqual(['span of select 1']);
      expect(span.getStore()).toBeUndefined();
    } finally {
      start.unbindStore(span);
      acquire.start.unsubscribe(note);
    }
  });
});

describe('pgherd:transaction', () => {
  it('publishes a transaction with its attempts and its end', async () => {
    const { messages } = await publishedDuring('pgherd:transaction', () =>
      it1.db.transaction((tx) => tx.query('select 1'), { isolation: 'repeatable read' }),
    );
    expect(messages).toHaveLength(1);
    expect(messages[0]).toMatchObject({
      isolation: 'repeatable read',
      attempts: 1,
      outcome: 'committed',
      node: it1.db.topology.writable,
    });
  });

  it('publishes the error by which it failed', async () => {
    const { messages } = await publishedDuring('pgherd:transaction', () =>
      it1.db.transaction(() => {
        throw new Error('changed my mind');
      }),
    );
    expect(messages[0]).toMatchObject({ error: { message: 'changed my mind' } });
  });

  it.each(['commit', 'rollback'] as const)('publishes what begin has begun, until its %s', async (end) => {
    const { messages } = await publishedDuring('pgherd:transaction', async () => {
      const tx = await it1.db.begin();
      await tx.query('select 1');
      await tx[end]();
    });
    expect(messages).toHaveLength(1);
    expect(messages[0]?.outcome).toBe(end === 'commit' ? 'committed' : 'rolled-back');
  });
});

describe('the other channels', () => {
  it('publish waiting for a connection, opening one, and probes', async () => {
    const acquired = await publishedDuring('pgherd:acquire', () =>
      it1.db.use((lease) => lease.query('select 1')),
    );
    expect(acquired.messages).toMatchObject([{ target: 'read-write', node: it1.db.topology.writable }]);

    const probed = await publishedDuring('pgherd:probe', () => it1.db.nextProbe());
    expect(probed.messages.map(({ node }) => node)).toContain(it1.db.topology.writable);

    const connected = await publishedDuring('pgherd:connect', async () => {
      await it1.db.drain();
      await it1.db.query('select 1');
    });
    expect(connected.messages.length).toBeGreaterThan(0);
    expect(connected.messages[0]).toMatchObject({ node: it1.db.topology.writable, purpose: 'pool' });
  });
});
