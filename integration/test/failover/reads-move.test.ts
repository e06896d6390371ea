import { createTestCluster, type TestCluster, waitUntil } from '@pgherd/testing';
import { type Cluster, createCluster } from 'pgherd';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { fakeCluster, openFakes } from '../../src/fakes.ts';
import { codeOf, open, PATIENT, rejection } from '../../src/support.ts';

const READ = 'select 1 as one';
/** SQLSTATEs of which nothing is known but that the server ended the session with them. */
const ENDS: readonly (readonly ['FATAL' | 'PANIC', string])[] = [
  ['FATAL', 'XX000'],
  ['FATAL', '53200'],
  ['FATAL', '58030'],
  ['FATAL', '57P04'],
  ['FATAL', '08P01'],
  ['FATAL', '28000'],
  ['FATAL', '53300'],
  ['PANIC', 'XX000'],
];
/** The type of the value. */
const INT4 = 23;
/** No probe comes by itself while a test runs, milliseconds. */
const HOUR_MS = 3_600_000;

describe.each(ENDS)('a read on a standby that ends by %s %s', (severity, sqlState) => {
  it.each([
    ['alone', (db: Cluster) => db.read.query(READ)],
    ['in a transaction', (db: Cluster) => db.transaction((tx) => tx.query(READ), { readOnly: true })],
  ])('%s goes to another node, and the node is looked at', async (_how, read) => {
    await using fakes = await fakeCluster();
    await using db = openFakes(fakes, { probe: { intervalMs: HOUR_MS, timeoutMs: HOUR_MS } });
    await db.ready({ primaries: 1, standbys: 2 });
    const probes = () => fakes.standbys.map((one) => one.statements.filter(isProbe).length);
    const before = probes();
    const faults = fakes.standbys.map((one) =>
      one.fault({
        at: 'execute',
        times: 1,
        when: (_connection, statement) => statement?.text.includes(READ) === true,
        do: { kind: 'error', severity, sqlState },
      }),
    );
    // Both standbys fail once: the primary is left, and then the standbys again.
    const { node } = await read(db);
    expect(fakes.nodes.map(({ name }) => name)).toContain(node);
    const struck = faults.map(({ hits }) => hits);
    expect(Math.max(...struck)).toBe(1);
    await waitUntil(() => probes().every((count, at) => struck[at] === 0 || count > (before[at] ?? 0)), {
      what: 'the node to be looked at',
    });
  });
});

function isProbe({ text }: { readonly text: string }): boolean {
  return text.includes('pg_is_in_recovery()::text as in_recovery');
}

describe('on a real server', () => {
  let cluster: TestCluster;
  beforeAll(async () => {
    cluster = await createTestCluster({ standbys: 1 });
  });
  afterAll(() => cluster?.close());

  it('a transaction that its own idle timeout ends is not run again', async () => {
    await using db = open(cluster, { idleInTransactionTimeoutMs: 100 });
    for (const options of [{}, { readOnly: true }]) {
      let runs = 0;
      const closed: string[] = [];
      const off = db.on('connection:closed', ({ reason }) => closed.push(reason));
      const work = db.transaction(async (tx) => {
        runs++;
        await tx.query('select 1');
        await waitUntil(() => closed.length > 0, { what: 'the server to end the session' });
        await tx.query('select 2');
      }, options);
      const error = await rejection(work);
      off();
      expect({ runs, code: codeOf(error) }).toEqual({ runs: 1, code: 'PGHERD_CONNECTION_LOST' });
      expect(String(error)).toMatch(/idle-in-transaction timeout/);
    }
  });

  it('a value that a type parser cannot read is the error of the statement, whatever it throws', async () => {
    const parser = () => {
      throw Object.assign(new Error('read ECONNRESET'), { code: 'ECONNRESET', syscall: 'read' });
    };
    await using db = createCluster({
      url: cluster.url,
      ...PATIENT,
      types: { getTypeParser: (oid) => (oid === INT4 ? parser : String) },
    });
    await db.ready({ standbys: 1 });
    const lost: string[] = [];
    db.on('connection:closed', ({ reason }) => lost.push(reason));
    const retried: unknown[] = [];
    db.on('call:retried', (event) => retried.push(event));
    const drained = async () => {
      for await (const _row of db.read.stream(READ));
    };
    const ways: readonly (() => Promise<unknown>)[] = [
      () => db.query(READ),
      () => db.read.query(READ),
      () => db.batch([{ text: READ }]),
      () => db.transaction((tx) => tx.query(READ)),
      () => db.use((lease) => lease.query(READ)),
      drained,
    ];
    for (const way of ways) expect(codeOf(await rejection(way()))).toBe('PGHERD_INVALID_ARGUMENT');
    expect({ lost, retried }).toEqual({ lost: [], retried: [] });
    expect(db.nodes().map(({ health }) => health)).toEqual(['ok', 'ok']);
  });
});
