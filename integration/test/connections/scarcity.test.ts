import { createTestCluster, type TestCluster, waitUntil } from '@pgherd/testing';
import { type Cluster, type ClusterEvents, createCluster } from 'pgherd';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { PATIENT } from '../../src/support.ts';

/** Slots for ordinary roles: three of the server's are kept for superusers. */
const SLOTS = 19;
const PROGRAMS = 4;
const CALLERS = 10;

let cluster: TestCluster;
beforeAll(async () => {
  cluster = await createTestCluster({ standbys: 0, settings: { max_connections: SLOTS + 3 } });
});
afterAll(() => cluster?.close());

/** A program that is busy: ten callers, each with the next statement as soon as it has an answer. */
class Busy implements AsyncDisposable {
  readonly db: Cluster;
  readonly scarce: ClusterEvents['pool:scarce'][] = [];
  readonly failures: unknown[] = [];
  answers = 0;
  #running = true;
  readonly #callers: Promise<unknown>;

  constructor() {
    // Each statement has its connection for itself, so that the pool wants ten.
    this.db = createCluster({ url: cluster.url, ...PATIENT, lanes: false, pool: { max: CALLERS } });
    this.db.on('pool:scarce', (event) => this.scarce.push(event));
    this.#callers = Promise.all(Array.from({ length: CALLERS }, () => this.#call()));
  }

  async #call(): Promise<void> {
    while (this.#running) {
      try {
        await this.db.read.query('select pg_sleep(0.01)');
        this.answers++;
      } catch (error) {
        this.failures.push(error);
      }
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#running = false;
    await this.#callers;
    await this.db.close();
  }
}

describe('four busy programs that want more connections than there are', () => {
  it('are each served, at first and after a restart, and say so', async () => {
    const programs: Busy[] = [];
    try {
      for (let count = 0; count < PROGRAMS; count++) programs.push(new Busy());
      const served = async (what: string) => {
        const before = programs.map(({ answers }) => answers);
        const all = () => programs.every(({ answers }, at) => answers > (before[at] ?? 0));
        await waitUntil(all, { what });
      };
      await served('each program to be served');
      for (let round = 0; round < 3; round++) {
        await cluster.primary.stop();
        await cluster.primary.start();
        await served('each program to be served after the restart');
      }
      expect(programs.flatMap(({ failures }) => failures)).toEqual([]);
      const events = programs.flatMap(({ scarce }) => scarce);
      expect(events.length).toBeGreaterThan(0);
      for (const { node, held, max, by } of events) {
        expect(node).toBe(`${cluster.primary.host}:${cluster.primary.port}`);
        expect(['refused', 'seen']).toContain(by);
        expect(held).toBeLessThanOrEqual(CALLERS);
        expect(max).toBeLessThanOrEqual(CALLERS);
      }
    } finally {
      for (const program of programs) await program[Symbol.asyncDispose]();
    }
  });
});
