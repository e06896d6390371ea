import { type TestNode, waitUntil } from '@pgherd/testing';
import type { Cluster, ClusterEvents, ClusterOptions, Policy } from 'pgherd';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { itemClient } from '../../src/item-client.ts';
import { allCaughtUp, nameOf, open, quiet, rejection } from '../../src/support.ts';

const setUp = itemClient();

/** On the server with this port it takes long, on the others not at all. */
const SLOW_ON = `select pg_sleep(case when current_setting('port') = $1 then $2::float8 else $3::float8 end)`;
const NOWHERE = '0';
/** Longer than a test that passes. */
const LONG = 100;

let db: Cluster;
let hedged: ClusterEvents['call:hedged'][];
let slow: TestNode;
let other: TestNode;

/** The node that a test calls slow is tried first. */
const slowFirst: Policy = (candidates) =>
  candidates.find(({ name }) => name === nameOf(slow)) ?? candidates[0] ?? fail();

function fail(): never {
  throw new Error('there is no candidate');
}

/** A client that hedges, knows how long the text usually takes, and has open connections everywhere. */
async function learn(options: ClusterOptions = {}, text = SLOW_ON): Promise<void> {
  await db?.close();
  db = open(setUp.cluster, { target: 'standby', policy: slowFirst, hedge: true, ...options });
  hedged = [];
  db.on('call:hedged', (event) => hedged.push(event));
  await db.ready({ standbys: 2 });
  await db.warmUp();
  const target = options.target ?? 'standby';
  for (const node of [other, slow]) {
    const there = db.with({ node: nameOf(node), target: 'any', hedge: false });
    await Promise.all(Array.from({ length: 3 }, () => there.query('select pg_sleep(0.05)')));
  }
  const learning = db.with({ target, hedge: true });
  for (let run = 0; run < 30; run++) await learning.query(text, [NOWHERE, 0, 0]);
  await waitUntil(async () => db.explainTarget('standby').tiers[0]?.length === 2);
  hedged.length = 0;
}

/** How many statements sleep on a server. */
async function sleeping(node: TestNode): Promise<unknown> {
  const [row] = await node.sql(
    "select count(*)::int as n from pg_stat_activity where wait_event = 'PgSleep' and usename = 'app'",
  );
  return row?.['n'];
}

const nobodySleeps = () =>
  waitUntil(async () => (await sleeping(slow)) === 0 && (await sleeping(other)) === 0, {
    what: 'all sleepers to be woken',
  });
const port = (node: TestNode) => String(node.directPort);
const read = (options = {}) => db.query(SLOW_ON, [port(slow), LONG, 0], options);

beforeEach(() => {
  const [first, second] = setUp.cluster.standbys;
  [slow, other] = [first ?? fail(), second ?? fail()];
});

afterEach(() => db?.close());

describe('a hedged read', () => {
  it('is answered by the other node if the first is slow; the loser is cancelled, its connection serves on', async () => {
    await learn();
    const opened = () => db.stats().nodes.find(({ node }) => node === nameOf(slow))?.pool.opened;
    const before = opened();
    expect((await read()).node).toBe(nameOf(other));
    expect(hedged).toEqual([
      { node: nameOf(slow), other: nameOf(other), afterMs: expect.any(Number), winner: nameOf(other) },
    ]);
    expect(hedged[0]?.afterMs).toBeGreaterThanOrEqual(4);
    await nobodySleeps();
    await waitUntil(
      async () => (await db.query('select 1 as n', [], { hedge: false })).node === nameOf(slow),
    );
    expect(opened()).toBe(before);
    await quiet(db);
  });

  it('that the first node answers after all is not waited for elsewhere', async () => {
    await learn();
    const values = [port(other), LONG, 0.2];
    expect((await db.query(SLOW_ON, values)).node).toBe(nameOf(slow));
    expect(hedged).toMatchObject([{ winner: nameOf(slow) }]);
    await nobodySleeps();
  });

  it('survives the end of the first attempt while the second runs, and the end of the second', async () => {
    await learn();
    for (const dies of [slow, other]) {
      const answer = db.query(SLOW_ON, [port(dies), LONG, 0.4]);
      await waitUntil(
        async () => hedged.length > 0 || ((await sleeping(slow)) === 1 && (await sleeping(other)) === 1),
      );
      await dies.sql(
        "select pg_terminate_backend(pid) from pg_stat_activity where wait_event = 'PgSleep' and usename = 'app'",
      );
      expect((await answer).node).toBe(nameOf(dies === slow ? other : slow));
      await nobodySleeps();
    }
  });

  it('ends on both nodes at the deadline of its call, and on abort', async () => {
    await learn();
    const everywhere = ['-', 0, LONG];
    const late = rejection(db.query(SLOW_ON, everywhere, { timeoutMs: 1_000 }));
    expect(await late).toMatchObject({ code: 'PGHERD_TIMEOUT' });
    await nobodySleeps();
    const controller = new AbortController();
    const aborted = rejection(db.query(SLOW_ON, everywhere, { signal: controller.signal }));
    await waitUntil(async () => (await sleeping(slow)) === 1 && (await sleeping(other)) === 1);
    controller.abort();
    expect(await aborted).toMatchObject({ code: 'PGHERD_ABORTED' });
    await nobodySleeps();
    expect(hedged.map(({ winner }) => winner)).toEqual([undefined, undefined]);
  });

  it('a hedged call with a deadline that the other node answers is over: its deadline strikes nothing', async () => {
    await learn();
    expect((await read({ timeoutMs: 60_000 })).node).toBe(nameOf(other));
    await nobodySleeps();
    await quiet(db);
  });

  it('takes tokens of the retry budget, and is not hedged without one', async () => {
    await learn({ retry: { budget: 2, budgetRatio: 0, budgetPerSecond: 0 } });
    for (let call = 0; call < 2; call++) expect((await read()).node).toBe(nameOf(other));
    expect((await db.query(SLOW_ON, [port(slow), 0.3, 0])).node).toBe(nameOf(slow));
    expect(hedged).toHaveLength(2);
  });

  it('a call may say otherwise than its cluster, either way', async () => {
    await learn();
    expect((await db.query(SLOW_ON, [port(slow), 0.3, 0], { hedge: false })).node).toBe(nameOf(slow));
    await learn({ hedge: false });
    expect((await db.query(SLOW_ON, [port(slow), 0.3, 0])).node).toBe(nameOf(slow));
    expect(hedged).toHaveLength(0);
    expect((await read({ hedge: true })).node).toBe(nameOf(other));
    expect(hedged).toHaveLength(1);
  });
});

describe('what is never hedged', () => {
  it.each([
    ['for update', `${SLOW_ON} from (select 1 from item limit 1 for update) as locked`],
    [
      'a function of the application',
      `select nap(case when current_setting('port') = $1 then $2::float8 else $3::float8 end)`,
    ],
    ['a write behind WITH', `with w as (insert into item values (-1) returning 1) ${SLOW_ON}`],
  ])('%s', async (_name, text) => {
    await setUp.db.query(
      `create or replace function nap(float8) returns void language sql as 'select pg_sleep($1)'`,
    );
    await allCaughtUp(setUp.cluster);
    await learn();
    const sent: string[] = [];
    for (let run = 0; run < 30; run++)
      await db.query(text, [NOWHERE, 0, 0]).catch(() => sent.push('refused'));
    await db.query(text, [port(slow), 0.3, 0]).catch(() => sent.push('refused'));
    expect(hedged).toEqual([]);
  });

  it('a write', async () => {
    await learn({ target: 'read-write' }, 'select $1::text, $2::int, $3::int');
    const text = `update item set amount = amount where pg_sleep($1::float8) is null`;
    for (let run = 0; run < 30; run++) await db.query(text, [0], { target: 'read-write', hedge: true });
    await db.query(text, [0.3], { target: 'read-write', hedge: true });
    expect(hedged).toEqual([]);
  });

  it('a read for which only one node suits', async () => {
    await learn();
    const there = db.with({ node: nameOf(slow) });
    expect((await there.query(SLOW_ON, [port(slow), 0.3, 0])).node).toBe(nameOf(slow));
    expect(hedged).toEqual([]);
  });
});
