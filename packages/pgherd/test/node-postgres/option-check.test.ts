import { once } from 'node:events';
import { createRequire } from 'node:module';
import pg from 'pg';
import { describe, expect, test } from 'vitest';
import { createCluster } from '../../src/cluster/cluster.ts';
import { createPool } from '../../src/node-postgres/guests.ts';
import { pgOf } from '../../src/node-postgres/module.ts';
import { checkPoolOptions, findingsIn } from '../../src/node-postgres/option-check.ts';

describe('the options of a pool', () => {
  test.each<[string, object]>([
    ['of pg', { max: 20, idleTimeoutMillis: 0, application_name: 'shop', ssl: false, pipeline: true }],
    ['of pgherd', { query: 'shared', target: 'standby', maxLagMs: 10, target_session_attrs: 'primary' }],
    ['that are undefined', { keepAlive: undefined, maxx: undefined }],
    ['of a class of the program’s own', { Client: pg.Client, maxx: 1 }],
  ])('%s are fine', (_what, config) => {
    expect(findingsIn(config as Record<string, unknown>)).toEqual([]);
  });

  test.each<[string, 'wrong' | 'idle', string]>([
    ['idleTimeoutMilis', 'wrong', 'did you mean idleTimeoutMillis?'],
    ['idle_timeout_millis', 'wrong', 'did you mean idleTimeoutMillis?'],
    ['maxConnections', 'idle', 'it has no effect'],
    ['keepAlive', 'idle', 'use the parameter keepalives of the connection string'],
    ['enableChannelBinding', 'idle', 'use the parameter channel_binding'],
    ['scramMaxIterations', 'idle', "use the cluster's option scramMaxIterations"],
    ['toString', 'idle', 'it has no effect'],
  ])('%s is %s', (name, kind, sentence) => {
    expect(findingsIn({ [name]: 1 })).toMatchObject([
      { kind, name, sentence: expect.stringContaining(sentence) },
    ]);
  });

  test('a name that is nearly one of them is refused only where the program wrote it for pgherd', async () => {
    expect(() => checkPoolOptions({ mxa: 1 }, 'wrong')).toThrow(
      expect.objectContaining({ code: 'PGHERD_INVALID_ARGUMENT', details: { argument: 'mxa' } }),
    );
    const warned = once(process, 'warning');
    checkPoolOptions({ mxa: 1 }, 'none');
    expect(String((await warned)[0])).toContain('mxa is not an option of a pool; did you mean max?');
  });
});

describe('the module pg', () => {
  test('of an older version, or that is none, is refused with the range', () => {
    const { Client, Pool, types } = pg;
    expect(() => pgOf({ Client, Pool, types })).toThrow(
      /has no Result, DatabaseError, defaults.*pg 8\.16 or newer/,
    );
  });

  test('in two copies is warned of, once; a class of a library over the same one is no copy', async () => {
    class Traced extends pg.Client {}
    const warnings: string[] = [];
    const note = ({ message }: Error) => warnings.push(message);
    process.on('warning', note);
    const { types, Result, DatabaseError, defaults, Pool } = pg;
    pgOf({ Client: pg.Client, Pool, types, Result, DatabaseError, defaults });
    pgOf({ Client: Traced, Pool, types, Result, DatabaseError, defaults });
    pgOf(createRequire(import.meta.url)('pg-oldest'));
    pgOf({ ...createRequire(import.meta.url)('pg-oldest') });
    await new Promise((resolve) => setImmediate(resolve));
    process.off('warning', note);
    expect(warnings.filter((one) => one.includes('two copies of pg'))).toHaveLength(1);
  });
});

// Behind the test of two copies: it makes a pool of the one that is loaded here.
describe('a strict pool', () => {
  test('what has no effect is refused by it, which says what to use', () => {
    const cluster = createCluster({ url: 'postgres://app@localhost/shop', env: {} });
    const make = (options: object) => () => createPool(cluster, { pg, ...options });
    expect(make({ strict: true, keepAlive: true })).toThrow(
      expect.objectContaining({
        code: 'PGHERD_INVALID_ARGUMENT',
        message: expect.stringContaining('use the parameter keepalives of the connection string'),
      }),
    );
    expect(make({ strict: true, maxConnections: 5 })).toThrow('maxConnections is not an option of a pool');
    expect(make({ strict: 'yes' })).toThrow('strict');
    expect(make({ strict: true, max: 5 })().options).not.toHaveProperty('strict');
  });
});
