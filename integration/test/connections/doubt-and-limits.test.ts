import { waitUntil } from '@pgherd/testing';
import { createCluster, OutcomeUnknownError, type PgHerdError } from 'pgherd';
import { describe, expect, it } from 'vitest';
import { oneClient } from '../../src/one-client.ts';
import { nameOf, open, rejection } from '../../src/support.ts';

const it1 = oneClient(['doubted (id int primary key)'], { cluster: { proxy: true } });

const AT_WORK =
  "select pid from pg_stat_activity where query like '%pg_sleep(60)%' and pid <> pg_backend_pid()";

/** Cuts every connection while `work` runs on the server, and ends there what is left of it. */
async function cutOff(work: () => Promise<unknown>): Promise<OutcomeUnknownError> {
  const failed = rejection(work());
  await waitUntil(async () => (await it1.cluster.primary.sql(AT_WORK)).length > 0, {
    what: 'the work to run',
  });
  it1.cluster.primary.proxy.reset();
  const error = await failed;
  await it1.cluster.primary.sql(`select pg_terminate_backend(pid) from (${AT_WORK}) as left_behind`);
  if (!(error instanceof OutcomeUnknownError)) throw error;
  return error;
}

/** Facts of when it was sent, and how the message says them. */
function sentOf({ details, message }: PgHerdError): { readonly ago: number; readonly at: number } {
  const [, at = '', ago = ''] = /sent to \S+ at (\S+), (\d+) ms ago, but no answer came/.exec(message) ?? [];
  expect(details).toMatchObject({ sentAt: at, agoMs: Number(ago), node: nameOf(it1.cluster.primary) });
  return { ago: Number(ago), at: Date.parse(at) };
}

const INSERT = 'insert into doubted select 1 from pg_sleep(60)';

describe('work whose outcome is unknown: the error says which, when it was sent, where, and what avoids the doubt', () => {
  it.each<[string, () => Promise<unknown>]>([
    ['on a connection that statements share', () => it1.db.query(INSERT)],
    ['with a limit', () => it1.db.query(INSERT, [], { timeoutMs: 50_000 })],
    ['on a lease', () => it1.db.use((lease) => lease.query(INSERT))],
    ['in a batch', () => it1.db.batch([INSERT])],
  ])('a statement %s', async (_where, work) => {
    const before = Date.now();
    const error = await cutOff(work);
    expect(error).toMatchObject({ kind: 'statement', query: INSERT });
    expect(error.message).toMatch(/^INSERT was sent to /);
    expect(error.message).toMatch(/pass idempotent: true.*outcomeTable/);
    // The work was seen on the server before it was cut off.
    const { ago, at } = sentOf(error);
    expect(at).toBeGreaterThanOrEqual(before - 1_000);
    expect(at + ago).toBeLessThanOrEqual(Date.now() + 1_000);
    expect(error.cause).toBeDefined();
  });

  it('a COMMIT', async () => {
    await it1.db.query('create table if not exists late (id int)');
    await it1.db.query(
      'create or replace function slowly() returns trigger language plpgsql as $$ begin perform pg_sleep(60); return null; end $$',
    );
    await it1.db.query('drop trigger if exists slowly on late');
    await it1.db.query(
      'create constraint trigger slowly after insert on late deferrable initially deferred for each row execute function slowly()',
    );
    // The sleep is not seen in pg_stat_activity, the COMMIT is.
    const committing = "select pid from pg_stat_activity where query = 'COMMIT' and state = 'active'";
    const failed = rejection(it1.db.transaction((tx) => tx.query('insert into late values (1)')));
    await waitUntil(async () => (await it1.cluster.primary.sql(committing)).length > 0, {
      what: 'COMMIT to run',
    });
    it1.cluster.primary.proxy.reset();
    const error = await failed;
    await it1.cluster.primary.sql(`select pg_terminate_backend(pid) from (${committing}) as left_behind`);
    expect(error).toMatchObject({ code: 'PGHERD_OUTCOME_UNKNOWN', kind: 'commit' });
    sentOf(error as PgHerdError);
    expect((error as Error).message).toMatch(/^COMMIT was sent to .*outcomeTable, or outcome: 'xid'/);
  });
});

describe('the error of a limit says which it was, the node, and how long', () => {
  it('timeoutMs of a statement that runs', async () => {
    // On a lease it is sent at once.
    await using lease = await it1.db.acquire();
    const error = await rejection(lease.query('select pg_sleep(60)', [], { timeoutMs: 30 }));
    const node = nameOf(it1.cluster.primary);
    expect(error).toMatchObject({ code: 'PGHERD_TIMEOUT', details: { node, limit: 'timeoutMs' } });
    expect((error as Error).message).toMatch(/ did not answer within \d+ ms \(timeoutMs\)/);
  });

  it('waitTimeoutMs and timeoutMs of calls that wait for a connection', async () => {
    await using db = open(it1.cluster, { pool: { max: 1 }, lanes: false, waitTimeoutMs: 40 });
    await db.ready({ timeoutMs: 60_000 });
    await db.warmUp();
    await using lease = await db.acquire();
    expect(lease.node).toBe(nameOf(it1.cluster.primary));
    const { node } = lease;
    const waited = await rejection(db.acquire());
    expect(waited).toMatchObject({
      code: 'PGHERD_WAIT_TIMEOUT',
      details: { node, limit: 'waitTimeoutMs', max: 1 },
    });
    expect((waited as Error).message).toMatch(
      new RegExp(
        `^No connection to ${node} became free within \\d+ ms \\(waitTimeoutMs\\); 1 of 1 are in use`,
      ),
    );
    const late = await rejection(db.acquire({ timeoutMs: 20 }));
    expect((late as Error).message).not.toContain('waitTimeoutMs');
    expect(late).toMatchObject({ code: 'PGHERD_TIMEOUT', details: { node, limit: 'timeoutMs' } });
    expect((late as Error).cause).toMatchObject({ code: 'PGHERD_WAIT_TIMEOUT' });
  });
});

describe('where every node refuses for the same reason, the code says so:', () => {
  it('the database does not exist', async () => {
    const url = it1.cluster.url.replace(/\/app(?=\?|$)/, '/nowhere');
    expect(url).not.toBe(it1.cluster.url);
    await using db = createCluster({ url, env: {} });
    const error = await rejection(db.query('select 1'));
    expect(error).toMatchObject({ code: 'PGHERD_DATABASE_MISSING', cause: { code: '3D000' } });
    expect((error as Error).message).toContain('database "nowhere" does not exist');
  });

  it('the server has no TLS', async () => {
    await using db = createCluster({ url: it1.cluster.url, tls: { mode: 'require' }, env: {} });
    const error = await rejection(db.query('select 1'));
    expect(error).toMatchObject({ code: 'PGHERD_TLS_FAILED', cause: { code: 'PGHERD_TLS_FAILED' } });
  });
});

it('where nothing says where the servers are, the error says that', async () => {
  // No server has port 1.
  await using db = createCluster({ env: { PGPORT: '1', PGUSER: 'app' }, waitTimeoutMs: 100 });
  const error = await rejection(db.query('select 1'));
  expect(error).toMatchObject({ code: 'PGHERD_NO_SUITABLE_NODE', details: { limit: 'waitTimeoutMs' } });
  expect((error as Error).message).toContain(
    'No host is named, neither in url nor by PGHOST, so pgherd connects to the Unix socket in /var/run/postgresql',
  );
});
