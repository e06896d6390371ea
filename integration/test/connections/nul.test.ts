import { Readable } from 'node:stream';
import { createTestCluster, type TestCluster } from '@pgherd/testing';
import { type Cluster, type ClusterOptions, createCluster } from 'pgherd';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { codeOf, PATIENT, rejection } from '../../src/support.ts';

let cluster: TestCluster;
let db: Cluster;

beforeAll(async () => {
  cluster = await createTestCluster({ standbys: 0, auth: 'password' });
  db = createCluster({ url: cluster.url, ...PATIENT });
  await db.ready();
});

afterAll(async () => {
  await db?.close();
  await cluster?.close();
});

const TEXT = 'select 1 \0; drop table t';

describe('a text with NUL, which would end there for the server, is refused', () => {
  it.each<[what: string, work: () => Promise<unknown>]>([
    ['query', () => db.query(TEXT)],
    ['query with values', () => db.query(`${TEXT} where n = $1`, [1])],
    ['query without lanes', () => db.query(`explain ${TEXT}`)],
    ['read.query', () => db.read.query(TEXT)],
    ['rows', () => db.rows(TEXT)],
    ['the name of a statement', () => db.query({ text: 'select 1', name: 'a\0b' })],
    ['batch', () => db.batch([{ text: 'select 1' }, { text: TEXT }])],
    ['script', () => db.script(TEXT)],
    ['stream', async () => db.stream(TEXT)[Symbol.asyncIterator]().next()],
    ['copyFrom', () => db.copyFrom('copy t from stdin \0', Readable.from(['1\n']))],
    ['copyTo', async () => db.copyTo('copy t to stdout \0')[Symbol.asyncIterator]().next()],
    ['transaction', () => db.transaction((tx) => tx.query(TEXT))],
    ['a setting of a transaction', () => db.transaction(() => 1, { settings: { 'app.who': 'a\0b' } })],
    ['use', () => db.use((lease) => lease.query(TEXT))],
    ['listen', () => db.listen('a\0b', () => undefined)],
    ['notify to a channel', () => db.notify('a\0b', 'hello')],
  ])('%s', async (_what, work) => {
    const error = await rejection(work());
    expect(codeOf(error)).toBe('PGHERD_INVALID_ARGUMENT');
    expect(String(error)).toContain('NUL');
    expect((await db.query('select 1 as one')).rows).toEqual([{ one: 1 }]);
  });

  it.each<[what: string, options: ClusterOptions]>([
    ['url', { url: 'postgres://app@db1/sh\0op' }],
    ['url, percent-encoded', { url: 'postgres://app:a%00b@db1/shop' }],
    ['applicationName', { applicationName: 'a\0b' }],
    ['password', { password: 'a\0b' }],
    ['tls.keyPassword', { tls: { keyPassword: 'a\0b' } }],
    ['nodes.user', { nodes: { 'db1:5432': { user: 'a\0b' } } }],
    ['nodes.password', { nodes: { 'db1:5432': { password: 'a\0b' } } }],
    ['session', { session: { search_path: 'a\0b' } }],
    ['systemIdentifier', { systemIdentifier: '7\0' }],
    ['zone', { zone: ['a', 'a\0b'] }],
    ['PGUSER', { url: 'postgres://db1/shop', env: { PGUSER: 'a\0b' } }],
    ['PGOPTIONS', { env: { PGOPTIONS: '-c geqo=off\0' } }],
    ['PGAPPNAME', { env: { PGAPPNAME: 'a\0b' } }],
    ['PGDATESTYLE', { env: { PGDATESTYLE: 'ISO\0' } }],
    ['PGTZ', { env: { PGTZ: 'UTC\0' } }],
  ])('the option %s', (_what, options) => {
    expect(() => createCluster({ url: 'postgres://app@db1/shop', env: {}, ...options })).toThrow(/NUL/);
  });

  it('a password that a function returns', async () => {
    await using asking = createCluster({
      url: cluster.url,
      password: () => 'a\0b',
      waitTimeoutMs: 500,
      env: {},
    });
    const error = await rejection(asking.query('select 1'));
    expect(String(error)).toContain('NUL');
    expect(asking.nodes()[0]?.healthReason).toContain('without NUL');
  });
});
