import { createTestCluster, type TestCluster, waitUntil } from '@pgherd/testing';
import { type Cluster, createCluster, OutcomeUnknownError, PgHerdError, type Transaction } from 'pgherd';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { allCaughtUp, createTable, nameOf, open, quiet, rejection, standbyNames } from '../../src/support.ts';

let cluster: TestCluster;
let db: Cluster;

beforeAll(async () => {
  cluster = await createTestCluster({ standbys: 2 });
  await createTable(cluster, 'item', 'id int primary key, amount int not null default 0');
  db = open(cluster);
  await db.ready({ primaries: 1, standbys: 2 });
});

afterAll(async () => {
  await db?.close();
  await cluster?.close();
});

const primaryName = (): string => nameOf(cluster.primary);

async function insertItem(id: number, amount = 0): Promise<void> {
  await db.query('insert into item values ($1, $2) on conflict (id) do update set amount = excluded.amount', [
    id,
    amount,
  ]);
}

const amountOf = async (id: number): Promise<unknown> =>
  (await db.maybeOne('select amount from item where id = $1', [id]))?.['amount'];

describe('the picture', () => {
  it('tells one primary and two standbys, of one cluster and with known positions', () => {
    const nodes = db.nodes();
    expect(nodes.filter((node) => node.role === 'primary').map((node) => node.name)).toEqual([primaryName()]);
    expect(
      nodes
        .filter((node) => node.role === 'standby')
        .map((node) => node.name)
        .sort(),
    ).toEqual(standbyNames(cluster));
    for (const node of nodes) {
      expect(node).toMatchObject({ health: 'ok', standing: 'current', aliasOf: undefined });
      expect(node.lsn).toBeTypeOf('bigint');
      expect(node.systemIdentifier).toBe(db.topology.systemIdentifier);
      expect(node.serverVersion).toBeGreaterThanOrEqual(cluster.version * 10_000);
    }
    expect(db.topology.floor).toBe(1);
  });

  it('is frozen all through', () => {
    const { topology } = db;
    expect(Object.isFrozen(topology)).toBe(true);
    expect(Object.isFrozen(topology.nodes)).toBe(true);
    for (const node of topology.nodes) {
      expect(Object.isFrozen(node)).toBe(true);
      expect(Object.isFrozen(node.lag)).toBe(true);
      expect(Object.isFrozen(node.address)).toBe(true);
    }
  });

  it('explains who serves a target and why the others do not', () => {
    const writes = db.explainTarget('read-write');
    expect(writes.tiers).toEqual([[primaryName()]]);
    expect(writes.rejections.map((one) => one.node).sort()).toEqual(standbyNames(cluster));
    for (const { reason } of writes.rejections) expect(reason).toBe('its role is standby');
    const reads = db.explainTarget('prefer-standby');
    expect(reads.tiers.map((tier) => [...tier].sort())).toEqual([standbyNames(cluster), [primaryName()]]);
    expect(reads.nodes.map(({ node, tier }) => [node, tier]).slice(-1)).toEqual([[primaryName(), 1]]);
    expect(reads.nodes.map(({ tier }) => tier)).toEqual([0, 0, 1]);
    for (const { reason } of reads.nodes) expect(reason).not.toBe('');
    const weighted = db.explainTarget('standby', { primaryReadWeight: 0.01 });
    expect(weighted.tiers.flat()).toContain(primaryName());
    const one = db.explainTarget('any', { node: primaryName() });
    expect(one.tiers).toEqual([[primaryName()]]);
    expect(one.rejections[0]?.reason).toContain(`only ${primaryName()} was asked for`);
  });

  it('counts what ran where', async () => {
    await using own = open(cluster);
    await own.query('select 1');
    await rejection(own.query('select 1/0'));
    await quiet(own);
    const stats = own.stats();
    expect(Object.isFrozen(stats)).toBe(true);
    expect(stats.total).toMatchObject({ answered: 1, failures: 1, leased: 0, waiting: 0, inFlight: 0 });
    expect(stats.nodes.find((node) => node.node === primaryName())?.pool).toMatchObject({ size: 1, idle: 1 });
  });

  it('nextProbe resolves with fresh positions of every node', async () => {
    const before = db.nodes().map((node) => node.roleAt ?? 0);
    await db.nextProbe();
    db.nodes().forEach((node, index) => {
      expect(node.roleAt).toBeGreaterThan(before[index] ?? 0);
    });
  });
});

describe('starting', () => {
  it('opens no connection before the first use', async () => {
    await using own = open(cluster, { applicationName: 'lazy' });
    await own.close();
    expect(await sessionsOf('lazy')).toBe(0);
  });

  it('ready waits for what was asked for, and says what each node is when it does not come', async () => {
    await using own = open(cluster);
    await own.ready();
    await own.ready({ standbys: 2 });
    await own.ready({ primaries: 0 });
    const error = await rejection(own.ready({ primaries: 1, standbys: 3, timeoutMs: 50 }));
    expect(error).toMatchObject({ code: 'PGHERD_NO_SUITABLE_NODE' });
    expect(String(error)).toContain(`${primaryName()}: its role is primary`);
    expect(await rejection(own.ready({ standbys: -1 }))).toMatchObject({ code: 'PGHERD_INVALID_ARGUMENT' });
    const signal = AbortSignal.abort(new Error('enough'));
    expect(await rejection(own.ready({ standbys: 3, signal }))).toMatchObject({
      code: 'PGHERD_ABORTED',
      cause: { message: 'enough' },
    });
  });

  it('warmUp opens pool.min connections on every node', async () => {
    await using own = open(cluster, { pool: { min: 2 } });
    await own.ready({ primaries: 1, standbys: 2 });
    await own.warmUp();
    for (const node of own.stats().nodes) expect(node.pool).toMatchObject({ size: 2, idle: 2 });
  });

  it('shows application_name, of the option, of the URL, and of the monitor', async () => {
    await using own = open(cluster, { applicationName: 'shop' });
    expect(await own.one('show application_name')).toEqual({ application_name: 'shop' });
    expect(await sessionsOf('shop monitor')).toBe(1);
    await using byUrl = open(cluster, { url: `${cluster.url}?application_name=till` });
    expect(await byUrl.one('show application_name')).toEqual({ application_name: 'till' });
    await using silent = open(cluster);
    expect(await silent.one('show application_name')).toEqual({ application_name: 'pgherd' });
  });
});

async function sessionsOf(name: string): Promise<number> {
  const [row] = await cluster.primary.sql(
    'select count(*)::int as n from pg_stat_activity where application_name = $1',
    [name],
  );
  return Number(row?.['n']);
}

describe('statements', () => {
  it('query gives rows, count, fields, command and node', async () => {
    const result = await db.query('select 1 as one, $1::text as word', ['hay']);
    expect(result).toMatchObject({
      rows: [{ one: 1, word: 'hay' }],
      rowCount: 1,
      command: 'SELECT',
      node: primaryName(),
    });
    expect(result.fields.map(({ name, dataTypeID }) => [name, dataTypeID])).toEqual([
      ['one', 23],
      ['word', 25],
    ]);
  });

  it('rows, one and maybeOne give rows, and refuse a wrong number of them', async () => {
    const three = 'select n from generate_series(1, 3) n';
    expect(await db.rows(three)).toEqual([{ n: 1 }, { n: 2 }, { n: 3 }]);
    expect(await db.one('select 7 as n')).toEqual({ n: 7 });
    expect(await db.maybeOne('select 7 as n')).toEqual({ n: 7 });
    expect(await db.maybeOne('select 7 as n where false')).toBeUndefined();
    const none = 'select 1 where false';
    expect(await rejection(db.one(none))).toMatchObject({
      code: 'PGHERD_WRONG_ROW_COUNT',
      details: { count: 0 },
    });
    expect(await rejection(db.one(three))).toMatchObject({ details: { count: 3 } });
    expect(await rejection(db.maybeOne(three))).toMatchObject({ code: 'PGHERD_WRONG_ROW_COUNT' });
  });

  it('sends parameters of every kind as pg does', async () => {
    const row = await db.one(
      'select $1::int as i, $2::jsonb as j, $3::text[] as a, $4::text as n, $5::bytea as b',
      [5, { deep: [1] }, ['x', 'y'], null, Buffer.from('raw')],
    );
    expect(row).toEqual({ i: 5, j: { deep: [1] }, a: ['x', 'y'], n: null, b: Buffer.from('raw') });
  });

  it('takes the configuration form with options of the call in it', async () => {
    const result = await db.query({ text: 'select $1::int as n', values: [3], target: 'standby' });
    expect(result.rows).toEqual([{ n: 3 }]);
    expect(standbyNames(cluster)).toContain(result.node);
    const arrays = await db.query({ text: 'select 1, 2', rowMode: 'array' });
    expect(arrays.rows).toEqual([[1, 2]]);
    const types = { getTypeParser: () => (text: string) => `<${text}>` };
    expect(await db.one({ text: 'select 42 as n', types })).toEqual({ n: '<42>' });
  });

  it('runs named statements again and again on one connection', async () => {
    await db.use(async (lease) => {
      for (const n of [1, 2, 3]) {
        expect(await lease.one({ name: 'twice', text: 'select $1::int * 2 as n', values: [n] })).toEqual({
          n: 2 * n,
        });
      }
    });
  });

  it('settles also when the driver refuses a statement before it sends it', async () => {
    await using own = open(cluster, { pool: { max: 1 } });
    await own.use(async (lease) => {
      await lease.query({ name: 'same', text: 'select 1' });
      expect(String(await rejection(lease.query({ name: 'same', text: 'select 2' })))).toContain(
        'must be unique',
      );
    });
    const circular: Record<string, unknown> = {};
    circular['self'] = circular;
    expect(String(await rejection(own.query('select $1::json', [circular])))).toContain('circular');
    expect(await own.one('select 3 as n')).toEqual({ n: 3 });
  });

  it.each([
    ['no text', () => db.query({ text: undefined as unknown as string })],
    ['values that are no array', () => db.query('select 1', 'x' as unknown as [])],
    ['timeoutMs that is no number', () => db.query('select 1', [], { timeoutMs: Number.NaN })],
    ['primaryReadWeight above 1', () => db.query('select 1', [], { primaryReadWeight: 2 })],
    ['a target that does not exist', () => db.query('select 1', [], { target: 'replica' as 'standby' })],
    ['a limit of lag that is no number', () => db.query('select 1', [], { maxLagMs: Number.NaN })],
    ['deferrable without serializable', () => db.transaction(() => 1, { deferrable: true })],
  ])('refuses %s with a coded error', async (_what, call) => {
    expect(await rejection(call())).toMatchObject({ code: 'PGHERD_INVALID_ARGUMENT' });
  });

  it("passes the server's errors as they are, with the node, and keeps the connection", async () => {
    await using own = open(cluster, { pool: { max: 1 } });
    const pid = await own.one('select pg_backend_pid() as pid');
    const error = await rejection(own.query('select * from nowhere'));
    expect(error).not.toBeInstanceOf(PgHerdError);
    expect(error).toMatchObject({ code: '42P01', severity: 'ERROR', position: '15', node: primaryName() });
    await own.query('insert into item values (900)');
    expect(await rejection(own.query('insert into item values (900)'))).toMatchObject({
      code: '23505',
      constraint: 'item_pkey',
    });
    await own.query('delete from item where id = 900');
    expect(await own.one('select pg_backend_pid() as pid')).toEqual(pid);
  });
});

describe('targets', () => {
  it('read goes to standbys, and db itself to the primary', async () => {
    const row = await db.read.one('select pg_is_in_recovery() as standby');
    expect(row).toEqual({ standby: true });
    expect((await db.query('select 1')).node).toBe(primaryName());
  });

  it.each(['round-robin', 'random', 'p2c'] as const)('reads spread over the standbys: %s', async (policy) => {
    await using own = open(cluster, { policy });
    await own.ready({ standbys: 2 });
    const counts = new Map<string, number>();
    const someReads = async () => {
      const results = await Promise.all(Array.from({ length: 6 }, () => own.read.query('select 1')));
      for (const { node } of results) counts.set(node, (counts.get(node) ?? 0) + 1);
    };
    for (let round = 0; round < 10; round++) await someReads();
    if (policy === 'round-robin') expect([...counts.values()]).toEqual([30, 30]);
    // Dice, and which standby was slow for a moment, leave room: but each has its share before long.
    const haveTheirShare = () => counts.size === 2 && Math.min(...counts.values()) >= 5;
    await waitUntil(async () => haveTheirShare() || someReads().then(haveTheirShare), {
      what: 'reads to go to each standby',
    });
    expect([...counts.keys()].sort()).toEqual(standbyNames(cluster));
  });

  it('a standby that was slow once takes part again', async () => {
    await using own = open(cluster, { policy: 'p2c' });
    await own.ready({ standbys: 2 });
    const [slow] = standbyNames(cluster);
    await own.with({ node: slow, target: 'standby' }).query('select pg_sleep(0.05)');
    const counts = new Map<string, number>();
    await waitUntil(
      async () => {
        const { node } = await own.read.query('select 1');
        counts.set(node, (counts.get(node) ?? 0) + 1);
        return (counts.get(slow ?? '') ?? 0) >= 20;
      },
      { what: 'reads to go there again', timeoutMs: 20_000 },
    );
  });

  it.each([
    ['any', ['standby', 'primary']],
    ['read-write', ['primary']],
    ['read-only', ['standby']],
    ['primary', ['primary']],
    ['standby', ['standby']],
    ['prefer-standby', ['standby']],
    ['prefer-primary', ['primary']],
  ] as const)('with({ target: %j }) goes where it says', async (target, roles) => {
    const part = db.with({ target });
    for (let round = 0; round < 4; round++) {
      const { node } = await part.query('select 1');
      expect(roles).toContain(db.nodes().find((one) => one.name === node)?.role);
    }
  });

  it('with options can be narrowed further, and by node and lag', async () => {
    const [name] = standbyNames(cluster);
    const part = db.with({ target: 'standby' }).with({ node: name });
    for (let round = 0; round < 4; round++) expect((await part.query('select 1')).node).toBe(name);
    await allCaughtUp(cluster);
    await db.nextProbe();
    const fresh = await db.with({ target: 'standby', maxLagBytes: 100_000_000 }).query('select 1');
    expect(standbyNames(cluster)).toContain(fresh.node);
  });

  it('reads that find no fresh standby fall back to the primary', async () => {
    await using _paused = await pauseAll();
    await insertItem(901, 1);
    await db.nextProbe();
    await waitUntil(() => db.nodes().every((node) => node.role !== 'standby' || (node.lag.bytes ?? 0) > 0));
    const { node } = await db.with({ target: 'prefer-standby', maxLagBytes: 0 }).query('select 1');
    expect(node).toBe(primaryName());
  });

  it('a write through db.read fails with 25006 and does not run, also where it fell back to the primary', async () => {
    const onStandby = await rejection(db.read.query('insert into item values (902)'));
    expect(onStandby).toMatchObject({ code: '25006' });
    const alone = createCluster({ url: cluster.primary.url, env: {} });
    try {
      const before = await alone.query('insert into item values (903) on conflict do nothing');
      expect(before.node).toBe(primaryName());
      expect(await rejection(alone.read.query('insert into item values (904)'))).toMatchObject({
        code: '25006',
      });
      expect(
        await rejection(alone.read.transaction((tx) => tx.query('insert into item values (904)'))),
      ).toMatchObject({
        code: '25006',
      });
      expect(await alone.rows('select id from item where id in (902, 904)')).toEqual([]);
      // The connection that refused it writes again for whoever may.
      await alone.query('insert into item values (904)');
      await alone.query('delete from item where id >= 900');
    } finally {
      await alone.close();
    }
  });
});

async function pauseAll(): Promise<AsyncDisposable> {
  const undos = await Promise.all(cluster.standbys.map((node) => node.pauseReplay()));
  return {
    [Symbol.asyncDispose]: async () => {
      await Promise.all(undos.map((undo) => undo.undo()));
      await allCaughtUp(cluster);
    },
  };
}

describe('leases', () => {
  it('acquire gives one connection until it is released, and refuses everything afterwards', async () => {
    const lease = await db.acquire();
    const first = await lease.one('select pg_backend_pid() as pid');
    expect(await lease.one('select pg_backend_pid() as pid')).toEqual(first);
    expect(lease.node).toBe(primaryName());
    expect(lease.client).toBeTypeOf('object');
    expect(db.stats().total.leased).toBe(1);
    lease.release();
    lease.release();
    expect(db.stats().total.leased).toBe(0);
    expect(await rejection(lease.query('select 1'))).toMatchObject({ code: 'PGHERD_LEASE_RELEASED' });
    expect(() => lease.client).toThrow(expect.objectContaining({ code: 'PGHERD_LEASE_RELEASED' }));
  });

  it('use gives it back however the function ends', async () => {
    expect(await db.use((lease) => lease.one('select 1 as n'))).toEqual({ n: 1 });
    const error = await rejection(
      db.use(async () => {
        throw new Error('mine');
      }),
    );
    expect(error).toMatchObject({ message: 'mine' });
    await quiet(db);
  });

  it('await using releases it, and release({ destroy }) closes the connection', async () => {
    await using own = open(cluster, { pool: { max: 1 } });
    const pid = async () => (await own.one('select pg_backend_pid() as pid'))['pid'];
    const before = await pid();
    {
      await using lease = await own.acquire();
      await lease.query('select 1');
    }
    expect(await pid()).toBe(before);
    (await own.acquire()).release({ destroy: true });
    expect(await pid()).not.toBe(before);
  });

  it('what a lease set does not reach the next caller', async () => {
    await using own = open(cluster, { pool: { max: 1 } });
    const before = await own.one('select pg_backend_pid() as pid');
    await own.use(async (lease) => {
      await lease.query("set work_mem = '5MB'");
      await lease.query('create temporary table scratch (n int)');
      await lease.query('prepare p as select 1');
      await lease.query('listen news');
      await lease.query("set default_transaction_read_only = 'on'");
    });
    await own.query('insert into item values (905)');
    await own.query('delete from item where id = 905');
    expect((await own.one('show work_mem'))['work_mem']).not.toBe('5MB');
    expect(await rejection(own.query('select * from scratch'))).toMatchObject({ code: '42P01' });
    expect(await own.rows('select * from pg_prepared_statements')).toEqual([]);
    expect(await own.rows('select pg_listening_channels()')).toEqual([]);
    expect(await own.one('select pg_backend_pid() as pid')).toEqual(before);
  });

  it('named statements work on after a reset', async () => {
    await using own = open(cluster, { pool: { max: 1 } });
    const named = { name: 'n', text: 'select 1 as n' };
    await own.query(named);
    await own.use((lease) => lease.query("set work_mem = '5MB'"));
    expect(await own.one(named)).toEqual({ n: 1 });
  });

  it('a connection returned inside a transaction is rolled back', async () => {
    await using own = open(cluster, { pool: { max: 1 } });
    await own.use(async (lease) => {
      await lease.query('begin');
      await lease.query('insert into item values (906)');
    });
    expect(await own.rows('select * from item where id = 906')).toEqual([]);
    await own.use(async (lease) => {
      await lease.query('begin');
      await rejection(lease.query('select 1/0'));
    });
    expect(await own.one('select 1 as n')).toEqual({ n: 1 });
  });
});

describe('limits of time', () => {
  it('a call that finds no node in waitTimeoutMs is told what each node is', async () => {
    const [one, two] = cluster.standbys;
    const url = `postgresql://app@${nameOf(one)},${nameOf(two)}/app`;
    await using own = createCluster({ url, waitTimeoutMs: 150, env: {} });
    await own.ready({ standbys: 2, timeoutMs: 10_000 });
    const error = await rejection(own.query('select 1'));
    expect(error).toMatchObject({ code: 'PGHERD_NO_SUITABLE_NODE', details: { target: 'read-write' } });
    for (const node of [one, two]) expect(String(error)).toContain(`${nameOf(node)}: its role is standby`);
  });

  it('a call that finds no free connection is told so', async () => {
    await using own = open(cluster, { pool: { max: 1, maxWaiting: 1 }, waitTimeoutMs: 100 });
    await own.ready({ timeoutMs: 10_000 });
    // Also a busy machine opens a connection within the second try.
    const lease = await waitUntil(() => own.acquire());
    const waiting = rejection(own.query('select 1'));
    await waitUntil(() => own.stats().total.waiting === 1);
    expect(await rejection(own.query('select 1'))).toMatchObject({ code: 'PGHERD_POOL_FULL' });
    expect(await waiting).toMatchObject({ code: 'PGHERD_WAIT_TIMEOUT' });
    expect(own.stats().total.waiting).toBe(0);
    lease.release();
  });

  it('a node that refuses our connections is named with its reason', async () => {
    await using own = open(cluster, { waitTimeoutMs: 400 });
    await own.ready({ standbys: 2, timeoutMs: 10_000 });
    await cluster.primary.sql('alter role app connection limit 0');
    try {
      const error = await rejection(own.query('select 1'));
      expect(error).toMatchObject({ code: 'PGHERD_NO_SUITABLE_NODE' });
      expect(String(error)).toContain(primaryName());
      expect(String(error)).toContain('too many connections');
    } finally {
      await cluster.primary.sql('alter role app connection limit -1');
      await allCaughtUp(cluster);
    }
  });

  it('a signal that is aborted already sends nothing', async () => {
    const signal = AbortSignal.abort(new Error('never mind'));
    const error = await rejection(db.query('insert into item values (907)', [], { signal }));
    expect(error).toMatchObject({ code: 'PGHERD_ABORTED', cause: { message: 'never mind' } });
    expect(await amountOf(907)).toBeUndefined();
  });

  it('timeoutMs and signal end a call that waits for a connection', async () => {
    await using own = open(cluster, { pool: { max: 1 } });
    await using _lease = await own.acquire();
    expect(await rejection(own.query('select 1', [], { timeoutMs: 50 }))).toMatchObject({
      code: 'PGHERD_TIMEOUT',
      message: expect.stringContaining('nothing was sent'),
      cause: { code: 'PGHERD_WAIT_TIMEOUT' },
    });
    const controller = new AbortController();
    const waiting = rejection(own.query('select 1', [], { signal: controller.signal }));
    await waitUntil(() => own.stats().total.waiting === 1);
    controller.abort();
    expect(await waiting).toMatchObject({ code: 'PGHERD_ABORTED' });
    expect(own.stats().total).toMatchObject({ waiting: 0, leased: 1 });
  });

  it('timeoutMs ends a read that runs with PGHERD_TIMEOUT, and the pool goes on', async () => {
    await using own = open(cluster, { pool: { max: 1 } });
    await own.ready({ standbys: 2 });
    const error = await rejection(own.read.query('select pg_sleep(5)', [], { timeoutMs: 500 }));
    expect(error).toMatchObject({ code: 'PGHERD_TIMEOUT' });
    const controller = new AbortController();
    const running = rejection(own.read.query('select pg_sleep(5)', [], { signal: controller.signal }));
    await waitUntil(() => own.stats().total.inFlight === 1);
    controller.abort();
    expect(await running).toMatchObject({ code: 'PGHERD_ABORTED' });
    await quiet(own);
    expect(await own.read.one('select 1 as n')).toEqual({ n: 1 });
  });

  it('timeoutMs ends a write that runs with PGHERD_OUTCOME_UNKNOWN, for it may have been done', async () => {
    const error = await rejection(db.query('select pg_sleep(2)', [], { timeoutMs: 400 }));
    expect(error).toBeInstanceOf(OutcomeUnknownError);
    expect(error).toMatchObject({ kind: 'statement', cause: { code: 'PGHERD_TIMEOUT' } });
    await quiet(db);
  });

  it('timeoutMs of a transaction covers its function, its statements and its wait', async () => {
    const never = db.transaction(() => new Promise(() => undefined), { timeoutMs: 400 });
    expect(await rejection(never)).toMatchObject({ code: 'PGHERD_TIMEOUT' });
    const slow = db.transaction((tx) => tx.query('select pg_sleep(5)'), { timeoutMs: 400 });
    expect(await rejection(slow)).toMatchObject({ code: 'PGHERD_TIMEOUT' });
    const controller = new AbortController();
    const aborted = db.transaction(
      async () => {
        controller.abort(new Error('stop'));
        await new Promise(() => undefined);
      },
      { signal: controller.signal },
    );
    expect(await rejection(aborted)).toMatchObject({ code: 'PGHERD_ABORTED' });
    await quiet(db);
  });
});

describe('transactions', () => {
  it('commits what the function did, and gives its value', async () => {
    const value = await db.transaction(async (tx) => {
      expect(tx).toMatchObject({ attempt: 1, node: primaryName(), isOpen: true });
      await tx.query('insert into item values (1, 10)');
      return 'done';
    });
    expect(value).toBe('done');
    expect(await amountOf(1)).toBe(10);
  });

  it('rolls back when the function throws, and throws the very same error', async () => {
    const mine = new Error('mine');
    const error = await rejection(
      db.transaction(async (tx) => {
        await tx.query('insert into item values (2)');
        throw mine;
      }),
    );
    expect(error).toBe(mine);
    expect(await amountOf(2)).toBeUndefined();
    await quiet(db);
  });

  it('an explicit rollback ends it without an error', async () => {
    await db.transaction(async (tx) => {
      await tx.query('insert into item values (2)');
      await tx.rollback();
      await tx.rollback();
      expect(tx.isOpen).toBe(false);
    });
    expect(await amountOf(2)).toBeUndefined();
  });

  it('a savepoint undoes only what its function did', async () => {
    await db.transaction(async (tx) => {
      await tx.query('insert into item values (3)');
      await rejection(tx.transaction((inner) => inner.query('select 1/0')));
      await rejection(
        tx.transaction(async (inner) => {
          await inner.query('insert into item values (4)');
          await inner.transaction((deeper) => deeper.query('insert into item values (5)'));
          throw new Error('mine');
        }),
      );
      await tx.transaction((inner) => inner.query('insert into item values (6)'));
    });
    const ids = await db.rows({
      text: 'select id from item where id between 3 and 6 order by id',
      rowMode: 'array',
    });
    expect(ids).toEqual([[3], [6]]);
  });

  it('is never run again after its COMMIT, whatever fails then', async () => {
    const serialization = Object.assign(new Error('as if'), { code: '40001', severity: 'ERROR' });
    let runs = 0;
    const byCallback = db.transaction(async (tx) => {
      runs++;
      await tx.query('insert into item values ($1)', [380 + runs]);
      tx.afterCommit(() => {
        throw serialization;
      });
    });
    expect(await rejection(byCallback)).toBe(serialization);
    const byHand = db.transaction(async (tx) => {
      runs++;
      await tx.query('insert into item values ($1)', [380 + runs]);
      await tx.commit();
      throw serialization;
    });
    expect(await rejection(byHand)).toBe(serialization);
    expect(runs).toBe(2);
    expect(await db.rows('select id from item where id between 381 and 399')).toHaveLength(2);
  });

  it('a savepoint cannot end the transaction around it', async () => {
    await db.transaction(async (tx) => {
      await tx.query('insert into item values (37)');
      await tx.transaction(async (inner) => {
        for (const end of [inner.commit, inner.rollback]) {
          expect(await rejection(end())).toMatchObject({ code: 'PGHERD_INVALID_ARGUMENT' });
        }
        expect(inner.isOpen).toBe(true);
      });
      expect(tx.isOpen).toBe(true);
    });
    expect(await db.maybeOne('select 1 from item where id = 37')).toBeDefined();
  });

  it('isolation, readOnly and deferrable reach the server', async () => {
    const shown = async (tx: Transaction) =>
      tx.one(`select current_setting('transaction_isolation') as isolation,
        current_setting('transaction_read_only') as read_only, current_setting('transaction_deferrable') as deferrable`);
    expect(await db.transaction(shown, { isolation: 'serializable' })).toMatchObject({
      isolation: 'serializable',
    });
    expect(await db.transaction(shown, { isolation: 'repeatable read' })).toMatchObject({
      isolation: 'repeatable read',
      read_only: 'off',
    });
    const all = { isolation: 'serializable', readOnly: true, deferrable: true, target: 'primary' } as const;
    expect(await db.transaction(shown, all)).toEqual({
      isolation: 'serializable',
      read_only: 'on',
      deferrable: 'on',
    });
  });

  it('readOnly goes to a standby unless somebody says otherwise', async () => {
    const node = async (tx: Transaction) => tx.node;
    expect(standbyNames(cluster)).toContain(await db.transaction(node, { readOnly: true }));
    expect(await db.transaction(node, { readOnly: true, target: 'primary' })).toBe(primaryName());
    expect(await db.with({ target: 'primary' }).transaction(node, { readOnly: true })).toBe(primaryName());
  });

  it('runs the function again after a serialization failure', async () => {
    await insertItem(10, 1);
    await insertItem(11, 1);
    const attempts: number[] = [];
    const meet = rendezvous(2);
    const takeFrom = (id: number) =>
      db.transaction(
        async (tx) => {
          attempts.push(tx.attempt);
          const sum = await tx.one('select sum(amount)::int as sum from item where id in (10, 11)');
          if (tx.attempt === 1) await meet();
          if (Number(sum['sum']) >= 2)
            await tx.query('update item set amount = amount - 1 where id = $1', [id]);
        },
        { isolation: 'serializable' },
      );
    await Promise.all([takeFrom(10), takeFrom(11)]);
    expect(attempts.sort()).toEqual([1, 1, 2]);
    expect(Number(await amountOf(10)) + Number(await amountOf(11))).toBe(1);
  });

  it('gives up after retry.attempts, or at once with retry: false, with the error of the server', async () => {
    const raise = "do $$ begin raise exception 'again' using errcode = '40001'; end $$";
    let runs = 0;
    const always = async (tx: Transaction) => {
      runs++;
      await tx.query(raise);
    };
    expect(await rejection(db.transaction(always))).toMatchObject({ code: '40001', node: primaryName() });
    expect(runs).toBe(3);
    runs = 0;
    await rejection(db.transaction(always, { retry: { attempts: 2 } }));
    expect(runs).toBe(2);
    runs = 0;
    await rejection(db.transaction(always, { retry: false }));
    expect(runs).toBe(1);
  });

  it('runs the function again after a deadlock', async () => {
    await insertItem(20);
    await insertItem(21);
    const attempts: number[] = [];
    const meet = rendezvous(2);
    const both = (first: number, second: number) =>
      db.transaction(async (tx) => {
        attempts.push(tx.attempt);
        await tx.query("set local deadlock_timeout = '50ms'").catch(() => undefined);
        await tx.query('update item set amount = amount + 1 where id = $1', [first]);
        if (tx.attempt === 1) await meet();
        await tx.query('update item set amount = amount + 1 where id = $1', [second]);
      });
    await cluster.primary.sql('grant set on parameter deadlock_timeout to app');
    await Promise.all([both(20, 21), both(21, 20)]);
    expect(attempts.sort()).toEqual([1, 1, 2]);
    expect([await amountOf(20), await amountOf(21)]).toEqual([2, 2]);
  });

  it('a swallowed error is no success: COMMIT answered by ROLLBACK is an error with the first cause', async () => {
    const error = await rejection(
      db.transaction(async (tx) => {
        await tx.query('insert into item values (30)');
        await rejection(tx.query('select 1/0'));
        await rejection(tx.query('select 2'));
      }),
    );
    expect(error).toMatchObject({ code: 'PGHERD_TRANSACTION_ROLLED_BACK', cause: { code: '22012' } });
    expect(await amountOf(30)).toBeUndefined();
  });

  it('afterCommit runs in order after the commit, and never after a rollback', async () => {
    const seen: unknown[] = [];
    await db.transaction(async (tx) => {
      await tx.query('insert into item values (31, 5)');
      tx.afterCommit(async () => {
        seen.push(await amountOf(31));
      });
      tx.afterCommit(() => {
        seen.push('second');
      });
      expect(seen).toEqual([]);
    });
    expect(seen).toEqual([5, 'second']);
    await rejection(
      db.transaction(async (tx) => {
        tx.afterCommit(() => {
          seen.push('never');
        });
        throw new Error('mine');
      }),
    );
    await db.transaction(async (tx) => {
      await rejection(
        tx.transaction(async (inner) => {
          inner.afterCommit(() => {
            seen.push('never');
          });
          throw new Error('mine');
        }),
      );
      await tx.transaction(async (inner) => {
        inner.afterCommit(() => {
          seen.push('inner');
        });
      });
    });
    expect(seen).toEqual([5, 'second', 'inner']);
  });

  it('takes no statement after its end', async () => {
    let kept: Transaction | undefined;
    await db.transaction(async (tx) => {
      kept = tx;
    });
    if (kept === undefined) throw new Error('not run');
    const tx = kept;
    expect(await rejection(tx.query('select 1'))).toMatchObject({ code: 'PGHERD_TRANSACTION_ENDED' });
    expect(await rejection(tx.commit())).toMatchObject({ code: 'PGHERD_TRANSACTION_ENDED' });
    expect(await rejection(tx.transaction(() => 1))).toMatchObject({ code: 'PGHERD_TRANSACTION_ENDED' });
    expect(() => tx.afterCommit(() => undefined)).toThrow(
      expect.objectContaining({ code: 'PGHERD_TRANSACTION_ENDED' }),
    );
    await tx.rollback();
  });

  it('begin with await using rolls back unless it was committed', async () => {
    {
      await using tx = await db.begin();
      await tx.query('insert into item values (40)');
    }
    expect(await amountOf(40)).toBeUndefined();
    {
      await using tx = await db.begin({ isolation: 'serializable' });
      await tx.query('insert into item values (40)');
      await tx.commit();
      expect(tx.isOpen).toBe(false);
    }
    expect(await amountOf(40)).toBe(0);
    await quiet(db);
  });

  it('current() is the transaction inside its function, and the cluster outside', async () => {
    const pid = async () => (await db.current().one('select pg_backend_pid() as pid'))['pid'];
    expect(db.current()).toBe(db);
    await db.transaction(async (tx) => {
      expect(db.current()).toBe(tx);
      const own = (await tx.one('select pg_backend_pid() as pid'))['pid'];
      await new Promise(setImmediate);
      expect(await pid()).toBe(own);
      // The cluster's own verbs never join silently.
      expect((await db.one('select pg_backend_pid() as pid'))['pid']).not.toBe(own);
    });
    expect(db.current()).toBe(db);
  });

  it('runs the function again when the connection is lost before COMMIT', async () => {
    const attempts: number[] = [];
    await db.transaction(async (tx) => {
      attempts.push(tx.attempt);
      await tx.query('insert into item values (41)');
      if (tx.attempt > 1) return;
      const { pid } = await tx.one('select pg_backend_pid() as pid');
      await cluster.primary.sql('select pg_terminate_backend($1)', [pid]);
      await tx.query('select 1');
    });
    expect(attempts).toEqual([1, 2]);
    expect(await amountOf(41)).toBe(0);
  });
});

/** A point that `count` callers reach together. */
function rendezvous(count: number): () => Promise<void> {
  let arrived = 0;
  let open: () => void = () => undefined;
  const everybody = new Promise<void>((resolve) => {
    open = resolve;
  });
  return () => {
    arrived++;
    if (arrived === count) open();
    return everybody;
  };
}
