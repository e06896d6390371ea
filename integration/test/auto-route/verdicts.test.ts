import { createTestCluster, type TestCluster } from '@pgherd/testing';
import type { Cluster } from 'pgherd';
import { autoRoute } from 'pgherd/auto-route';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { SCHEMA } from '../../src/auto-route/schema.ts';
import { CASES } from '../../src/auto-route/statements.ts';
import { allCaughtUp, codeOf, open, rejection } from '../../src/support.ts';

/** What the net catches. */
const CAUGHT = ['25006', '0A000', '55000'];

let cluster: TestCluster;
let db: Cluster;
beforeAll(async () => {
  cluster = await createTestCluster({ standbys: 1 });
  db = open(cluster, { autoRoute: autoRoute() });
  await db.ready({ primaries: 1, standbys: 1 });
  await db.script(SCHEMA);
  await allCaughtUp(cluster);
});
afterAll(async () => {
  await db?.close();
  await cluster?.close();
});

it('has many statements, and none twice', () => {
  expect(CASES.length).toBeGreaterThanOrEqual(150);
  expect(new Set(CASES.map(([text]) => text)).size).toBe(CASES.length);
});

describe('each statement goes where it can run', () => {
  it.each(CASES)('%s', async (text, expected) => {
    const { target, why } = await db.auto.explainRoute(text);
    if (typeof expected === 'object') {
      expect(why).toContain(expected.primary);
      expect(target).toBe('read-write');
      return;
    }
    expect([target, why]).toEqual(['prefer-standby', 'it only reads']);
    const onStandby = db.with({ target: 'standby' }).query(text);
    if (expected === 'read') await onStandby;
    else expect(CAUGHT).toContain(codeOf(await rejection(onStandby)));
  });
});
