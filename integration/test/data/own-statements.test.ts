import { createTestCluster, type TestCluster, waitUntil } from '@pgherd/testing';
import { type Cluster, type ClusterOptions, connect, type TypeParsers } from 'pgherd';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createTable, open, rejection } from '../../src/support.ts';

const broken = new Error('no value that the application likes');
const fails = (): never => {
  throw broken;
};
/** Neither may have a part in what pgherd asks for itself. */
const TYPES = [
  ['whose parsers throw', { getTypeParser: () => fails }],
  ['that has no parsers', { getTypeParser: fails }],
  ['that takes every value for a lie', { getTypeParser: () => () => ({}) }],
] as const satisfies readonly (readonly [string, TypeParsers])[];

let cluster: TestCluster;

beforeAll(async () => {
  cluster = await createTestCluster({ standbys: 1 });
  await createTable(cluster, 'kept', 'note text');
  await createTable(cluster, 'outcome', 'key uuid primary key default gen_random_uuid(), committed boolean');
});

afterAll(() => cluster?.close());

describe.each(TYPES)('an application %s', (_what, types) => {
  const client = (options: ClusterOptions = {}): Cluster => open(cluster, { types, ...options });
  const asText = { types: { getTypeParser: () => (text: string) => text } };

  it('sees all nodes, and what it cannot read fails by itself', async () => {
    await using db = client({ pool: { max: 1 }, probe: { intervalMs: 50 } });
    await db.ready({ primaries: 1, standbys: 1 });
    const pid = async () => (await db.one({ text: 'select pg_backend_pid() as pid', ...asText }))['pid'];
    const before = await pid();
    for (const text of ['select 1::int as n', 'select true as n', 'select now() as n']) {
      const answer = await db.query(text).catch((error: unknown) => error);
      if (answer instanceof Error)
        expect(answer).toMatchObject({ code: 'PGHERD_INVALID_ARGUMENT', cause: broken });
      else expect(answer).toMatchObject({ rows: [{ n: {} }] });
    }
    expect(await pid()).toBe(before);
    await db.nextProbe();
    await db.nextProbe();
    expect(db.nodes().map(({ health, role, systemIdentifier }) => [health, role, systemIdentifier])).toEqual(
      ['primary', 'standby'].map((role) => ['ok', role, expect.stringMatching(/^\d+$/)]),
    );
    expect(db.health()).toMatchObject({ status: 'up' });
  });

  it('has transactions, settings, causal reads, notifications and sessions', async () => {
    await using db = client({ session: { search_path: 'public' } });
    const insert = 'insert into kept values ($1)';
    await db.transaction((tx) => tx.query(insert, ['plain']));
    for (const ways of [{ outcome: 'xid' }, { outcomeTable: 'outcome' }] as const)
      await db.transaction((tx) => tx.query(insert, ['asked about']), {
        ...ways,
        settings: { 'app.user': 'ann' },
      });
    const setting = { text: "select current_setting('app.user') as name", ...asText };
    expect(await db.with({ settings: { 'app.user': 'bob' } }).one(setting)).toEqual({ name: 'bob' });
    await db.causal(async () => {
      await db.query(insert, ['causal']);
      const text = "select count(*) as n from kept where note = 'causal'";
      expect(Number((await db.read.one<{ n: string }>({ text, ...asText })).n)).toBeGreaterThan(0);
      expect(await db.token()).toBeTypeOf('string');
    });
    const heard: string[] = [];
    const sub = await db.listen('news', (payload) => void heard.push(payload));
    await db.notify('news', 'hello');
    await waitUntil(() => heard.length > 0, { what: 'the notification to arrive' });
    expect(heard).toEqual(['hello']);
    await sub.unlisten();
    await db.use(async (lease) => {
      await lease.query("set work_mem = '5MB'");
    });
    const script = db.script('select 1 as n');
    if (types.getTypeParser === fails) expect(await rejection(script)).toMatchObject({ cause: broken });
    else await script.catch((error: unknown) => expect(error).toMatchObject({ cause: broken }));
    await using session = await connect(cluster.url, { env: {}, types, target: 'standby' });
    expect(await session.one({ text: 'select pg_is_in_recovery() as it', ...asText })).toEqual({ it: 't' });
  });
});
