import { createTestCluster, type TestCluster } from '@pgherd/testing';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { Program } from '../../src/child.ts';

let cluster: TestCluster;

beforeAll(async () => {
  cluster = await createTestCluster({ standbys: 1 });
});

afterAll(() => cluster?.close());

/** A program that is asked to end once it says so. */
async function asked(body: string, ...signals: readonly NodeJS.Signals[]) {
  const program = new Program(cluster.url, body);
  for (const [index, signal] of signals.entries()) {
    await program.says(`ready ${index}`);
    program.process.kill(signal);
  }
  return program.ended;
}

const OPEN = `
  const db = createCluster({ url, env: {} });
  db.on('cluster:closed', ({ terminated }) => console.log('closed', terminated));`;

describe('a process that is asked to end', () => {
  it('finishes what runs, closes, and ends by the signal', async () => {
    const ended = await asked(
      `${OPEN}
      pgherd.onShutdown(db, { before: (signal) => console.log('before', signal) });
      const work = db.transaction(async (tx) => {
        await tx.query('select 1');
        console.log('ready 0');
        await tx.query('select pg_sleep(0.5)');
        console.log('worked');
      });
      await work;`,
      'SIGTERM',
    );
    expect(ended).toMatchObject({ code: null, signal: 'SIGTERM' });
    expect(ended.output.split('\n')).toEqual(['ready 0', 'before SIGTERM', 'worked', 'closed false']);
  });

  it('waits no longer than timeoutMs, and at a second signal not at all', async () => {
    const holding = `${OPEN}
      const lease = await db.acquire();
      await lease.query('select 1');`;
    const late = await asked(
      `${holding} pgherd.onShutdown(db, { timeoutMs: 50 }); console.log('ready 0');`,
      'SIGINT',
    );
    expect(late).toMatchObject({ signal: 'SIGINT', output: 'ready 0\nclosed true' });
    const twice = await asked(
      `${holding}
      pgherd.onShutdown(db, { timeoutMs: 600_000, before: () => console.log('ready 1') });
      console.log('ready 0');`,
      'SIGTERM',
      'SIGINT',
    );
    expect(twice).toMatchObject({ signal: 'SIGINT', output: 'ready 0\nready 1' });
  });

  it('is left to the program where that listens as well', async () => {
    const ended = await asked(
      `${OPEN}
      process.on('SIGTERM', () => console.log('heard'));
      db.on('cluster:closed', () => process.exit(7));
      pgherd.onShutdown(db);
      await db.query('select 1');
      setInterval(() => undefined, 1_000);
      console.log('ready 0');`,
      'SIGTERM',
    );
    expect(ended).toMatchObject({ code: 7, output: 'ready 0\nheard\nclosed false' });
  });

  it('closes although what comes before throws, and tells of it', async () => {
    const ended = await asked(
      `${OPEN}
      await db.query('select 1');
      const before = () => { throw new Error('no'); };
      pgherd.onShutdown(db, { before, failed: (error) => console.log('failed', error.message) });
      setInterval(() => undefined, 1_000);
      console.log('ready 0');`,
      'SIGTERM',
    );
    expect(ended).toMatchObject({ signal: 'SIGTERM', output: 'ready 0\nfailed no\nclosed false' });
  });
});

describe('nothing keeps a process alive', () => {
  it('neither a shared cluster nor its shutdown hook, with hooks, leak watch and min', async () => {
    const { code, output } = await new Program(
      cluster.url,
      `const db = pgherd.sharedCluster('shop', {
        url, env: {}, pool: { min: 2, leakAfterMs: 60_000 }, session: { role: 'app' },
        hooks: { afterRelease: () => true },
      });
      pgherd.onShutdown(db);
      await db.use((lease) => lease.query('select 1'));
      await db.acquire().then((lease) => lease.release());
      console.log((await pgherd.sharedCluster('shop').query('select 1 as n')).rows[0].n);`,
    ).ended;
    expect({ code, output }).toEqual({ code: 0, output: '1' });
  });

  it('nor options from the environment', async () => {
    const { host, port } = cluster.primary;
    const { code, output } = await new Program(
      cluster.url,
      `const env = {
        DB_WRITER_HOST: '${host}', DB_PORT: '${port}', DB_READER_HOSTS: '${cluster.nodes.map((node) => `${node.host}:${node.port}`).join(',')}',
        DB_USERNAME: 'app', DB_PASSWORD: 'app', DB_NAME: 'app', DB_MAX_POOL_SIZE: '2', DB_POOL_TIMEOUT: '5',
      };
      const db = createCluster(pgherd.optionsFromEnv(env));
      await db.ready({ primaries: 1, standbys: 1 });
      console.log(db.nodes().length, (await db.one('select current_user::text as who')).who);`,
    ).ended;
    expect({ code, output }).toEqual({ code: 0, output: '2 app' });
  });
});
