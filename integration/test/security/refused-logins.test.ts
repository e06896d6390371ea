import {
  createTestCluster,
  type LoginRefusal,
  recordingLogger,
  refuseLogins,
  type TestCluster,
  waitUntil,
} from '@pgherd/testing';
import { type Cluster, type ClusterOptions, createCluster } from 'pgherd';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { described, nameOf, PATIENT, rejection } from '../../src/support.ts';

let cluster: TestCluster;
let mark = { offset: 0 };
const opened: Cluster[] = [];

beforeAll(async () => {
  cluster = await createTestCluster({ standbys: 0, auth: 'scram-sha-256' });
});

beforeEach(() => {
  mark = cluster.primary.log.mark();
});

afterEach(async () => {
  await Promise.all(opened.splice(0).map((db) => db.close()));
});

afterAll(() => cluster?.close());

function open(options: ClusterOptions = {}): Cluster {
  const db = createCluster({ url: cluster.url, ...PATIENT, ...options });
  opened.push(db);
  return db;
}

const REFUSED = /FATAL: {2}(password authentication failed|role "app" is not permitted|pg_hba.conf rejects)/;

/** Logins of ours that the server has refused since the beginning of the test. */
const refusals = () => cluster.primary.log.lines(mark).filter(({ line }) => REFUSED.test(line)).length;

/** Ends all sessions of the role, so that all have to log in anew. */
async function endSessions(): Promise<void> {
  await cluster.primary.sql(`select pg_terminate_backend(pid) from pg_stat_activity where usename = 'app'`);
}

const CODES: Readonly<Record<LoginRefusal, string>> = {
  hba: 'PGHERD_AUTHENTICATION_FAILED',
  role: 'PGHERD_AUTHENTICATION_FAILED',
  password: 'PGHERD_AUTHENTICATION_FAILED',
  database: 'PGHERD_CONNECT_FAILED',
};

describe.each(['hba', 'role', 'database', 'password'] as const)('logins that are refused by %s', (by) => {
  it('are reported at once to a program that was never let in, with a code of their own', async () => {
    await using _ = await refuseLogins(cluster.primary, by);
    const error = await rejection(open().query('select 1'));
    expect(error).toMatchObject({ code: CODES[by], cause: { code: expect.stringMatching(/^(28|55)/) } });
    expect(String(error)).toContain(nameOf(cluster.primary));
  });

  it('are reported to a program that was let in before, once they were refused again', async () => {
    const db = open();
    await db.query('select 1');
    const refused = await refuseLogins(cluster.primary, by);
    await endSessions();
    const error = await rejection(db.query('select 1'));
    expect(error).toMatchObject({ code: CODES[by] });
    await refused.undo();
    await waitUntil(() => db.query('select 1').then(Boolean, () => false), {
      what: 'calls to succeed again',
    });
  });
});

describe('one refused login stands for all', () => {
  it('the pool does not dial while the monitor is still connected, and works again after the repair', async () => {
    const db = open({ pool: { maxUses: 1, max: 20 } });
    await db.query('select 1');
    // The pool took over the monitor's first connection; this is asked over the next one.
    await db.nextProbe();
    const refused = await refuseLogins(cluster.primary, 'role');
    const before = refusals();
    const calls = Array.from({ length: 50 }, () => rejection(db.query('select pg_sleep(0.05)')));
    for (const error of await Promise.all(calls)) {
      expect(error).toMatchObject({ code: 'PGHERD_AUTHENTICATION_FAILED' });
    }
    expect(described(db, cluster.primary).health).toBe('ok');
    // Four handshakes at one time, and one that finds out whether the refusal lasts.
    expect(refusals() - before).toBeLessThanOrEqual(5);
    expect(db.health()).toMatchObject({
      status: 'degraded',
      reasons: [expect.stringMatching(/ lets in no new connection: .*role "app" is not permitted to log in/)],
    });
    await refused.undo();
    await waitUntil(() => db.query('select 1').then(Boolean, () => false), {
      what: 'calls to succeed again',
    });
    expect(db.health()).toMatchObject({ status: 'up', reasons: [] });
  });

  it('nor does a listener or a guest', async () => {
    const db = open();
    await db.query('select 1');
    await using _ = await refuseLogins(cluster.primary, 'role');
    await endSessions();
    await rejection(db.query('select 1'));
    const before = refusals();
    await rejection(db.listen('news', () => undefined));
    expect(refusals() - before).toBeLessThanOrEqual(1);
  });
});

describe('a wrong password', () => {
  it('is sent again by its own steps, whatever waits, and another one at once', async () => {
    let password = 'app';
    let asked = 0;
    const logger = recordingLogger();
    const db = open({
      url: `postgresql://app@${nameOf(cluster.primary)}/app`,
      password: () => {
        asked += 1;
        return password;
      },
      logger,
    });
    await db.query('select 1');
    await cluster.primary.sql(`alter role app password 'rotated'`);
    try {
      await endSessions();
      const since = performance.now();
      // Refused at once, of a call and of the monitor, and after a second; the next attempt would come ten seconds later.
      while (performance.now() - since < 6_000) await rejection(db.query('select 1'));
      await db.nextProbe();
      expect(refusals()).toBeLessThanOrEqual(3);
      const before = asked;
      password = 'rotated';
      await waitUntil(() => db.query('select 1').then(Boolean, () => false), {
        what: 'the new password to be used',
      });
      expect(asked).toBeGreaterThan(before);
      expect(refusals()).toBeLessThanOrEqual(4);
      expect(JSON.stringify(logger.records)).not.toContain('rotated');
    } finally {
      await cluster.primary.sql(`alter role app password 'app'`);
    }
  });

  it('of a program that only waits is sent no oftener', async () => {
    await using _ = await refuseLogins(cluster.primary, 'password');
    mark = cluster.primary.log.mark();
    const db = open();
    await rejection(db.ready({ primaries: 1 }));
    const since = performance.now();
    while (performance.now() - since < 4_000) {
      await db.nextProbe();
      await rejection(db.query('select 1'));
    }
    expect(refusals()).toBeLessThanOrEqual(2);
  });
});
