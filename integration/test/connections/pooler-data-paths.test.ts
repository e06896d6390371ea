import { createTestCluster, type TestCluster } from '@pgherd/testing';
import { type Cluster, createCluster } from 'pgherd';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type PgBouncer, pgbouncerPath, startPgBouncer } from '../../src/pgbouncer.ts';
import { PATIENT, quiet, rejection } from '../../src/support.ts';

const suite = pgbouncerPath === undefined && process.env['CI'] === undefined ? describe.skip : describe;

// With a setting each transaction begins with a statement of its own; without one nothing needs to be said.
suite.each([
  ['with settings of the session', '&options=-c%20work_mem%3D7MB', '7MB'],
  ['without any', '', '4MB'],
])('data paths behind PgBouncer in transaction mode, %s', (_which, options, workMem) => {
  let cluster: TestCluster;
  let bouncer: PgBouncer;
  let db: Cluster;

  beforeAll(async () => {
    cluster = await createTestCluster({ standbys: 0 });
    bouncer = await startPgBouncer(cluster.primary);
    const url = `postgresql://app:app@${bouncer.name}/app?pgbouncer=true${options}`;
    db = createCluster({ url, ...PATIENT, probe: { intervalMs: 200 } });
    await db.query('create table items (id int primary key)');
  });

  afterAll(async () => {
    await db?.close();
    await bouncer?.[Symbol.asyncDispose]();
    await cluster?.close();
  });

  it('batches are one transaction', async () => {
    const [setting] = await db.batch([
      "select current_setting('work_mem') as m",
      'insert into items values (1)',
    ]);
    expect(setting?.rows).toEqual([{ m: workMem }]);
    const failing = db.batch(['insert into items values (2)', 'insert into items values (1)']);
    expect(await rejection(failing)).toMatchObject({ code: '23505', index: 1 });
    expect(await db.rows('select id from items')).toEqual([{ id: 1 }]);
    expect(await rejection(db.read.batch(['insert into items values (3)']))).toMatchObject({ code: '25006' });
    await quiet(db);
  });

  it('streams work, outside of transactions and inside, and free the connection', async () => {
    const text = "select g as n, current_setting('work_mem') as m from generate_series(1, 12) g";
    for (const querier of [db, db.read]) {
      let count = 0;
      for await (const { m } of querier.stream(text, [], { batchSize: 5 })) {
        expect(m).toBe(workMem);
        count++;
      }
      expect(count).toBe(12);
      for await (const _row of querier.stream(text, [], { batchSize: 5 })) break;
    }
    await db.transaction(async (tx) => {
      for await (const _row of tx.stream(text, [], { batchSize: 5 })) await tx.query('select 1');
    });
    await quiet(db);
  });

  it('COPY works both ways', async () => {
    expect(await db.copyFrom('copy items from stdin', ['10\n11\n'])).toMatchObject({ rowCount: 2 });
    const source = ['12\n', '10\n'];
    expect(await rejection(db.copyFrom('copy items from stdin', source))).toMatchObject({ code: '23505' });
    const out = db.read.copyTo('copy (select id from items where id >= 10 order by id) to stdout');
    const pieces: Uint8Array[] = [];
    for await (const piece of out) pieces.push(piece);
    expect(Buffer.concat(pieces).toString()).toBe('10\n11\n');
    expect(out.result).toMatchObject({ rowCount: 2 });
    await quiet(db);
  });

  it('what needs a session is refused clearly', async () => {
    expect(await rejection(db.listen('news', () => undefined))).toMatchObject({ code: 'PGHERD_UNSUPPORTED' });
    expect(await rejection(db.script('select 1; select 2'))).toMatchObject({ code: 'PGHERD_UNSUPPORTED' });
  });
});
