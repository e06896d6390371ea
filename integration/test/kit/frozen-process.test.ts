import { setTimeout as lasting } from 'node:timers/promises';
import { createTestCluster, type TestCluster } from '@pgherd/testing';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { Program } from '../../src/child.ts';

let servers: TestCluster;

beforeAll(async () => {
  servers = await createTestCluster({ standbys: 2 });
});
afterAll(() => servers?.close());

/** Longer than `deadAfterMs`, milliseconds: the duration of the fault itself. */
const FROZEN_MS = 7_000;

/** As a platform for functions does between two invocations: docs/serverless.md. */
it('a process that was frozen and thawed takes no node for lost, and its next calls succeed', async () => {
  const program = new Program(
    servers.url,
    `const db = createCluster({ url, env: {}, waitTimeoutMs: 60_000 });
    const lost = [];
    db.on('node:health-changed', ({ node, after }) => { if (after === 'offline') lost.push(node); });
    await db.ready({ primaries: 1, standbys: 2 });
    await db.query('select 1');
    process.on('SIGUSR2', async () => {
      const rows = await Promise.all([db.rows('select 2 as n'), db.read.rows('select 3 as n')]);
      await db.nextProbe();
      console.log('after the thaw', JSON.stringify({ rows: rows.flat(), lost }));
      await db.close();
      clearInterval(alive);
    });
    const alive = setInterval(() => {}, 1_000);
    console.log('served');`,
  );
  await program.says('served');
  program.process.kill('SIGSTOP');
  await lasting(FROZEN_MS);
  program.process.kill('SIGUSR2');
  program.process.kill('SIGCONT');
  await program.says('after the thaw');
  const { output, code } = await program.ended;
  expect(output).toContain('after the thaw {"rows":[{"n":2},{"n":3}],"lost":[]}');
  expect(code).toBe(0);
});
