import { createTestCluster, type TestCluster, type TestNode, waitUntil } from '@pgherd/testing';
import { type ConnectedSession, type ConnectOptions, connect } from 'pgherd';
import { planConnection } from 'pgherd/dsn';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { nameOf, rejection } from '../../src/support.ts';

let cluster: TestCluster;

beforeAll(async () => {
  cluster = await createTestCluster({ standbys: 2, auth: 'scram-sha-256', tls: true, proxy: true });
});

afterAll(() => cluster?.close());

/** Each test has a name of its own in `pg_stat_activity`. */
let made = 0;
const NAME = () => `one session ${++made}`;
const OPTIONS: ConnectOptions = { env: {}, connectTimeoutMs: 60_000 };

/** These nodes, in this order. */
function url(nodes: readonly TestNode[], parameters = '', password = 'app'): string {
  const hosts = nodes.map(({ host, port }) => `${host}:${port}`).join(',');
  return `postgresql://app:${password}@${hosts}/app${parameters}`;
}

/** Every node, the primary last. */
const primaryLast = () => [...cluster.standbys, cluster.primary];
const primaryFirst = () => [cluster.primary, ...cluster.standbys];

async function sessionsOn(node: TestNode, name: string): Promise<unknown> {
  const [row] = await node.sql(
    'select count(*)::int as n from pg_stat_activity where application_name = $1',
    [name],
  );
  return row?.['n'];
}

/** No server has a session of this name any more. */
async function noneLeft(name: string): Promise<void> {
  await waitUntil(async () => {
    for (const node of cluster.nodes) if ((await sessionsOn(node, name)) !== 0) return false;
    return true;
  });
}

const inRecovery = (session: ConnectedSession) =>
  session.one('select pg_is_in_recovery() as yes').then(({ yes }) => yes);

describe('connect', () => {
  it.each([
    ['read-write', false],
    ['primary', false],
    ['read-only', true],
    ['standby', true],
    ['prefer-standby', true],
    ['prefer-primary', false],
  ] as const)('finds the first server that suits %s, wherever it stands, and leaves no other session', async (target, standby) => {
    for (const nodes of [primaryLast(), primaryFirst()]) {
      const applicationName = NAME();
      await using session = await connect(url(nodes), { ...OPTIONS, target, applicationName });
      expect(await inRecovery(session)).toBe(standby);
      const wanted = nodes.filter((node) => (node !== cluster.primary) === standby);
      expect(session.node).toBe(nameOf(wanted[0]));
      await waitUntil(async () => {
        const counts = await Promise.all(cluster.nodes.map((node) => sessionsOn(node, applicationName)));
        return counts.filter((count) => count !== 0).length === 1;
      });
      await session.close();
      expect(session.isOpen).toBe(false);
      await noneLeft(applicationName);
    }
  });

  it('takes the target of the string, else read-write; any takes the first server', async () => {
    for (const [parameters, target, node] of [
      ['?target_session_attrs=standby', undefined, cluster.standbys[0]],
      ['?target_session_attrs=standby', 'read-write', cluster.primary],
      ['', undefined, cluster.primary],
      ['', 'any', cluster.standbys[0]],
    ] as const) {
      await using session = await connect(url(primaryLast(), parameters), { ...OPTIONS, target });
      expect(session.node).toBe(nameOf(node));
    }
  });

  it('takes the second choice of a preference where there is no first', async () => {
    await using standby = await connect(url(cluster.standbys), { ...OPTIONS, target: 'prefer-primary' });
    expect(standby.node).toBe(nameOf(cluster.standbys[0]));
    await using primary = await connect(url([cluster.primary]), { ...OPTIONS, target: 'prefer-standby' });
    expect(await inRecovery(primary)).toBe(false);
    expect((await primary.query('create temp table t (id int)')).command).toBe('CREATE');
  });

  it('has the verbs of a lease, keeps its session state, and ends with it', async () => {
    const applicationName = NAME();
    const session = await connect(url(primaryFirst()), {
      ...OPTIONS,
      applicationName,
      session: { search_path: ['pg_catalog'] },
    });
    await session.query('create temp table t (id int)');
    await session.batch([
      { text: 'insert into t values ($1)', values: [1] },
      { text: 'insert into t values (2)' },
    ]);
    await session.script('insert into t values (3); insert into t values (4)');
    const seen: unknown[] = [];
    for await (const row of session.stream('select id from t order by id')) seen.push(row['id']);
    expect(seen).toEqual([1, 2, 3, 4]);
    expect(await session.one('show search_path')).toEqual({ search_path: '"pg_catalog"' });
    expect(session).not.toHaveProperty('release');
    await Promise.all([session.close(), session.close(), session[Symbol.asyncDispose]()]);
    await noneLeft(applicationName);
    expect(await rejection(session.query('select 1'))).toMatchObject({ code: 'PGHERD_LEASE_RELEASED' });
  });

  it('goes on after a server that refuses connections, and one that is down', async () => {
    const [first, second] = cluster.standbys;
    if (first === undefined || second === undefined) throw new Error('two standbys are needed');
    await using _refusing = await first.proxy.partition({ mode: 'refuse' });
    await using _stopped = await second.stop();
    await using session = await connect(url(primaryLast()), OPTIONS);
    expect(session.node).toBe(nameOf(cluster.primary));
  });

  it('names the reason of each server if none suits', async () => {
    const [first, second] = cluster.standbys;
    if (first === undefined || second === undefined) throw new Error('two standbys are needed');
    await using _refusing = await first.proxy.partition({ mode: 'refuse' });
    const error = await rejection(connect(url([first, second]), OPTIONS));
    expect(error).toMatchObject({
      code: 'PGHERD_NO_SUITABLE_NODE',
      details: {
        target: 'read-write',
        nodes: [
          { node: nameOf(first), reason: expect.stringContaining('ECONNREFUSED') },
          { node: nameOf(second), reason: 'is a standby' },
        ],
      },
    });
    expect(String(error)).toContain(`${nameOf(second)}: is a standby`);
    expect(await rejection(connect(url([cluster.primary]), { ...OPTIONS, target: 'standby' }))).toMatchObject(
      {
        message: expect.stringContaining('is a primary'),
      },
    );
  });

  it('all servers refuse: one error with all causes', async () => {
    const undo = await Promise.all(cluster.nodes.map((node) => node.proxy.partition({ mode: 'refuse' })));
    try {
      const error = await rejection(connect(cluster.url, { ...OPTIONS, target: 'any' }));
      expect(error).toMatchObject({ code: 'PGHERD_NO_SUITABLE_NODE' });
      expect((error as Error).cause).toBeInstanceOf(AggregateError);
      expect((error as { cause: AggregateError }).cause.errors).toHaveLength(3);
    } finally {
      await Promise.all(undo.map((one) => one[Symbol.asyncDispose]()));
    }
  });

  it('a wrong password stops at the first server that refuses it, as in libpq', async () => {
    const marks = cluster.nodes.map((node) => node.log.mark());
    const error = await rejection(connect(url(primaryFirst(), '', 'wrong'), OPTIONS));
    expect(error).toMatchObject({ code: '28P01', node: nameOf(cluster.primary) });
    for (const [index, node] of cluster.nodes.entries()) {
      const refused = node.log
        .lines(marks[index])
        .filter(({ line }) => line.includes('password authentication failed'));
      expect(refused.length).toBe(node === cluster.primary ? 1 : 0);
    }
    expect(await rejection(connect(`${url(primaryLast())}nowhere`, OPTIONS))).toMatchObject({
      code: '3D000',
    });
  });

  it('is over at its time, with what is known, and on abort, and leaves nothing', async () => {
    const [first] = cluster.standbys;
    if (first === undefined) throw new Error('a standby is needed');
    await using _silent = await first.proxy.partition();
    const applicationName = NAME();
    const to = url([...cluster.standbys.slice(1), first, cluster.primary]);
    const late = await rejection(connect(to, { ...OPTIONS, applicationName, timeoutMs: 300 }));
    expect(late).toMatchObject({ code: 'PGHERD_TIMEOUT', message: expect.stringContaining('timeoutMs') });
    const controller = new AbortController();
    const aborted = rejection(connect(to, { ...OPTIONS, applicationName, signal: controller.signal }));
    await waitUntil(async () => first.proxy.connections > 0);
    controller.abort(new Error('enough'));
    expect(await aborted).toMatchObject({
      code: 'PGHERD_ABORTED',
      cause: expect.objectContaining({ message: 'enough' }),
    });
    expect(await rejection(connect(to, { ...OPTIONS, signal: AbortSignal.abort() }))).toMatchObject({
      code: 'PGHERD_ABORTED',
    });
    await first.proxy.heal();
    await noneLeft(applicationName);
  });

  it('gives a silent server connectTimeoutMs, then looks at the next; a preference that ran out of time has its second choice', async () => {
    const [first] = cluster.standbys;
    if (first === undefined) throw new Error('a standby is needed');
    await using _silent = await first.proxy.partition();
    const nodes = [first, cluster.primary];
    await using session = await connect(url(nodes), { ...OPTIONS, connectTimeoutMs: 2_000 });
    expect(session.node).toBe(nameOf(cluster.primary));
    await using second = await connect(url([cluster.primary, first]), {
      ...OPTIONS,
      target: 'prefer-standby',
      timeoutMs: 4_000,
    });
    expect(second.node).toBe(nameOf(cluster.primary));
  });

  it("TLS: a certificate of a stranger is that server's reason; the right authority gives a session over TLS", async () => {
    const strange = await rejection(connect(url([cluster.primary], '?sslmode=verify-full'), OPTIONS));
    expect(strange).toMatchObject({ code: 'PGHERD_NO_SUITABLE_NODE', cause: { code: 'PGHERD_TLS_FAILED' } });
    const tls = { mode: 'verify-full', rootCert: cluster.tls.rootCertFile } as const;
    await using session = await connect(url(primaryLast()), { ...OPTIONS, tls });
    expect(await session.one('select ssl from pg_stat_ssl where pid = pg_backend_pid()')).toEqual({
      ssl: true,
    });
  });

  it('takes a plan, with its order, its password and its TLS', async () => {
    const plan = planConnection(
      url(primaryLast(), `?sslmode=verify-full&sslrootcert=${cluster.tls.rootCertFile}`),
      { env: {} },
    );
    for (const target of ['any', 'read-write'] as const) {
      await using session = await connect(plan, { target });
      expect(session.node).toBe(nameOf(target === 'any' ? cluster.standbys[0] : cluster.primary));
    }
    await using other = await connect(planConnection(url([cluster.primary], '', 'wrong'), { env: {} }), {
      password: () => 'app',
    });
    expect(other.isOpen).toBe(true);
  });

  it('load_balance_hosts=random has another order for each session', async () => {
    const seen = new Set<string>();
    const plan = planConnection(url(cluster.nodes, '?load_balance_hosts=random&target_session_attrs=any'), {
      env: {},
    });
    await waitUntil(async () => {
      await using session = await connect(plan, { target: 'any' });
      seen.add(session.node);
      return seen.size === 3;
    });
  });

  it('a session that the server ends is over: nothing is run again', async () => {
    await using session = await connect(url([cluster.primary]), OPTIONS);
    const { pid } = await session.one('select pg_backend_pid() as pid');
    const ended = rejection(session.query('select pg_sleep(600)'));
    await waitUntil(async () => {
      const [row] = await cluster.primary.sql('select wait_event from pg_stat_activity where pid = $1', [
        pid,
      ]);
      return row?.['wait_event'] === 'PgSleep';
    });
    await cluster.primary.sql('select pg_terminate_backend($1)', [pid]);
    expect(await ended).toMatchObject({ code: '57P01' });
    await waitUntil(async () => !session.isOpen);
    expect(await rejection(session.query('select 1'))).toMatchObject({ code: 'PGHERD_CONNECTION_LOST' });
  });

  it('a write of which the answer is lost has an unknown outcome, whatever target was asked for', async () => {
    await using session = await connect(url([cluster.primary], '?sslmode=disable'), {
      ...OPTIONS,
      target: 'any',
    });
    await session.query('create table if not exists lost (id int)');
    await using _cut = cluster.primary.proxy.cutWhen(
      (chunk, direction) => direction === 'to-client' && chunk.includes('INSERT'),
    );
    expect(await rejection(session.query('insert into lost values (1)'))).toMatchObject({
      code: 'PGHERD_OUTCOME_UNKNOWN',
    });
  });

  it('a statement that is given up on is cancelled inside a transaction, and ends the session outside of one', async () => {
    await using session = await connect(url([cluster.primary]), OPTIONS);
    const giveUp = () => rejection(session.query('select pg_sleep(600)', [], { timeoutMs: 200 }));
    await session.query('begin');
    expect(await giveUp()).toMatchObject({ code: 'PGHERD_TIMEOUT' });
    await session.query('rollback');
    expect(await session.one('select 1 as n')).toEqual({ n: 1 });
    expect(await giveUp()).toMatchObject({ code: 'PGHERD_OUTCOME_UNKNOWN' });
    expect(session.isOpen).toBe(false);
  });
});

describe('what connect refuses', () => {
  it.each<[string, unknown, unknown, string]>([
    ['a number', 5432, {}, 'must be a connection string, or a plan'],
    ['null', null, {}, 'must be a connection string, or a plan'],
    ['an object that is no plan', { hosts: [] }, {}, 'must be a connection string, or a plan'],
    ['no options', 'postgres://db/x', null, 'must be an object of options'],
    ['an option of pools', 'postgres://db/x', { pool: { max: 1 } }, 'pool is not an option of connect'],
    ['a misspelled option', 'postgres://db/x', { targt: 'any' }, 'did you mean target?'],
    ['the string twice', 'postgres://db/x', { url: 'postgres://db/y' }, 'url is not an option of connect'],
    ['an unknown target', 'postgres://db/x', { target: 'master' }, 'target is "master"'],
    ['a time in words', 'postgres://db/x', { timeoutMs: '5s' }, 'timeoutMs'],
    ['a signal that is none', 'postgres://db/x', { signal: true }, 'signal'],
    ['a bad string', 'postgres://db:port/x', {}, 'port'],
    [
      'TLS beside a plan',
      planConnection('postgres://db/x', { env: {}, osUser: 'app' }),
      { tls: { mode: 'require' } },
      'is part of it',
    ],
  ])('%s', async (_name, to, options, words) => {
    const call = connect as (to: unknown, options: unknown) => Promise<unknown>;
    expect(String(await rejection(call(to, options)))).toContain(words);
  });
});
