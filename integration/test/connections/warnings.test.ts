import { createTestCluster, type TestCluster } from '@pgherd/testing';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { Program } from '../../src/child.ts';

let cluster: TestCluster;
beforeAll(async () => {
  cluster = await createTestCluster({ standbys: 1 });
});
afterAll(() => cluster?.close());

/** What a program with this body writes, to either stream, without the warnings that are not pgherd's. */
async function warningsOf(body: string): Promise<{ readonly code: number | null; readonly lines: string[] }> {
  const { code, output } = await new Program(cluster.url, body).ended;
  return { code, lines: output.split('\n').filter((line) => /PgHerdWarning|^said/.test(line)) };
}

describe('a process', () => {
  it('is warned once of ten open clusters of one URL, and not of those that are closed', async () => {
    const { code, lines } = await warningsOf(`
      for (let n = 0; n < 12; n++) await createCluster({ url, env: {} }).close();
      console.log('said: nothing so far');
      const all = Array.from({ length: 12 }, () => createCluster({ url, env: {} }));
      await all[0].query('select 1');
      const other = createCluster({ url: 'postgres://someone@127.0.0.1:9/other', env: {} });`);
    expect(code).toBe(0);
    expect(lines).toHaveLength(2);
    expect(lines[0]).toBe('said: nothing so far');
    expect(lines[1]).toMatch(/10 open clusters of app@127\.0\.0\.1:.*sharedCluster/);
  });

  it('forgets ten clusters that it used, and ends', async () => {
    const { code } = await warningsOf(`
      for (let n = 0; n < 10; n++) {
        const db = createCluster({ url, env: {}, restAfterMs: 100 });
        await Promise.all([db.query('select 1'), db.read.query('select 1'), db.ready({ standbys: 1 })]);
      }
      `);
    expect(code).toBe(0);
  });

  it('is warned, with the reason of each node, when no server has answered for a second while a call waits', async () => {
    const { code, lines } = await warningsOf(`
      const db = createCluster({ url: 'postgres://app@127.0.0.1:9,127.0.0.1:10/app', env: {}, waitTimeoutMs: 3_000 });
      await Promise.all([1, 2, 3].map(() => db.query('select 1').catch((error) => console.log('said', error.code))));
      const logged = [];
      const log = { debug() {}, info() {}, error() {}, warn: (text) => logged.push(text) };
      const other = createCluster({ url: 'postgres://app@127.0.0.1:9/app', env: {}, waitTimeoutMs: 3_000, logger: log });
      await other.query('select 1').catch(() => undefined);
      console.log('said', logged.filter((text) => text.includes('no server has answered')).length);`);
    expect(code).toBe(0);
    expect(lines.filter((line) => line.includes('PgHerdWarning'))).toEqual([
      expect.stringMatching(
        /calls wait, and no server has answered for 1000 ms: 127\.0\.0\.1:9: .*refused.*; 127\.0\.0\.1:10: .*refused/i,
      ),
    ]);
    expect(lines.at(-1)).toBe('said 1');
  });

  it('is not warned where a server answers, whatever it says', async () => {
    const { lines } = await warningsOf(`
      const wrong = url.replace(/\\/app$/, '/missing').replace('/app?', '/missing?');
      const db = createCluster({ url: wrong, env: {}, waitTimeoutMs: 3_000 });
      await db.ready({ primaries: 1 }).catch((error) => console.log('said', error.code));
      const busy = createCluster({ url, env: {}, pool: { max: 1 } });
      const lease = await busy.acquire();
      await busy.query('select 1', [], { timeoutMs: 2_000 }).catch((error) => console.log('said', error.code));
      lease.release();`);
    expect(lines.filter((line) => line.includes('PgHerdWarning'))).toEqual([]);
    expect(lines.at(-1)).toBe('said PGHERD_TIMEOUT');
  });
});
