import { setTimeout as pause } from 'node:timers/promises';
import { createTestCluster, type TestCluster } from '@pgherd/testing';
import pg from 'pg';
import { type Cluster, createCluster } from 'pgherd';
import { Saboteur } from './actions.ts';
import { type LogLine, nodeRows, ratesOf } from './frame.ts';
import { Ledger } from './ledger.ts';
import { narrate } from './narrate.ts';
import type { DemoReport } from './report.ts';
import { planSchedule, type Schedule } from './schedule.ts';
import { type Sql, verify } from './verify.ts';
import type { DemoView } from './view.ts';
import { SCHEMA, startWorkload, type Workload, type WorkloadOptions } from './workload.ts';

/** What a demo is made of. */
export interface DemoOptions extends WorkloadOptions {
  /** How long the workload runs, seconds, at least 20. */
  readonly seconds: number;
  /** Major version of PostgreSQL. */
  readonly version: number;
}

/** Time between two frames, milliseconds. */
const FRAME_MS = 250;
/** Lines of the log that a frame carries. */
const LOG_LINES = 20;

/**
 * Runs the demo on real servers, which are gone when the promise settles.
 *
 * @throws The signal's reason when it aborts; `TestClusterError` when the servers cannot be had or refuse
 * what is asked of them.
 */
export async function runDemo(
  options: DemoOptions,
  view: DemoView,
  signal: AbortSignal,
): Promise<DemoReport> {
  view.progress(`Starting a primary and two standbys, PostgreSQL ${options.version} …`);
  const { version } = options;
  const cluster = await createTestCluster({
    standbys: 2,
    version,
    synchronous: { commit: 'remote_apply', any: 1 },
  });
  try {
    signal.throwIfAborted();
    const sql = sqlOf(cluster);
    for (const statement of SCHEMA) await sql(statement);
    view.progress(`Servers are up: ${cluster.nodes.map(placeOf).join(', ')}.`);
    return await withDatabase(cluster, sql, options, view, signal);
  } finally {
    await cluster.close();
  }
}

async function withDatabase(
  cluster: TestCluster,
  sql: Sql,
  options: DemoOptions,
  view: DemoView,
  signal: AbortSignal,
): Promise<DemoReport> {
  const db = createCluster({ url: cluster.url, applicationName: 'pgherd demo' });
  try {
    await db.ready({ primaries: 1, standbys: 2 });
    await db.warmUp();
    return await new Demo(cluster, db, view, planSchedule(options.seconds)).run(sql, options, signal);
  } finally {
    await db.close({ timeoutMs: 500 });
  }
}

function placeOf(node: TestCluster['primary']): string {
  return `${node.name} on port ${node.port} in ${node.dataDirectory}`;
}

/**
 * Statements in the workload's database on the current primary, over a connection of its own, which pgherd
 * does not know.
 */
function sqlOf(cluster: TestCluster): Sql {
  return async (text) => {
    const client = new pg.Client({ connectionString: cluster.primary.directUrl });
    await client.connect();
    try {
      return (await client.query<Record<string, unknown>>(text)).rows;
    } finally {
      await client.end();
    }
  };
}

/** One run: what happens to the servers, the workload meanwhile, and the books of it. */
class Demo {
  readonly #cluster: TestCluster;
  readonly #db: Cluster;
  readonly #view: DemoView;
  readonly #schedule: Schedule;
  readonly #ledger = new Ledger();
  readonly #log: LogLine[] = [];
  readonly #startedAt = performance.now();
  #retried = 0;

  constructor(cluster: TestCluster, db: Cluster, view: DemoView, schedule: Schedule) {
    this.#cluster = cluster;
    this.#db = db;
    this.#view = view;
    this.#schedule = schedule;
  }

  async run(sql: Sql, options: WorkloadOptions, signal: AbortSignal): Promise<DemoReport> {
    narrate(this.#db, this.#nameOf, (sentence) => this.#say('pgherd', sentence));
    this.#db.on('call:retried', () => {
      this.#retried++;
    });
    const workload = startWorkload(this.#db, this.#ledger, options, this.#now);
    const ticker = setInterval(() => this.#show(), FRAME_MS);
    try {
      await untilAborted(this.#sabotage(workload, signal), signal);
      return await untilAborted(this.#finish(workload, sql), signal);
    } catch (error) {
      workload.abandon();
      throw error;
    } finally {
      clearInterval(ticker);
    }
  }

  async #sabotage(workload: Workload, signal: AbortSignal): Promise<void> {
    const saboteur = new Saboteur(this.#cluster, this.#schedule, (sentence) => this.#say('demo', sentence));
    for (const { name, atMs } of this.#schedule.events) {
      await this.#pauseUntil(atMs, signal);
      this.#ledger.begin(name, this.#now());
      await saboteur.perform(name, signal);
      // Calls that an event hit are counted with it, however late they hear of it.
      await workload.settled();
    }
    await this.#pauseUntil(this.#schedule.durationMs, signal);
  }

  async #finish(workload: Workload, sql: Sql): Promise<DemoReport> {
    await workload.stop();
    const durationMs = this.#now();
    const ledger = this.#ledger;
    this.#say('demo', 'the workload has ended; every acknowledged write is read back');
    const verification = await verify(sql, ledger);
    this.#show();
    return {
      events: ledger.summaries(durationMs),
      failures: ledger.failures,
      acknowledged: ledger.acknowledged.length,
      answered: ledger.reads.count,
      retried: this.#retried,
      verification,
      verifiedOn: `the last primary (${this.#cluster.primary.name})`,
      durationMs,
    };
  }

  readonly #now = (): number => performance.now() - this.#startedAt;

  readonly #nameOf = (address: string): string => {
    const node = this.#cluster.nodes.find((one) => `${one.host}:${one.port}` === address);
    return node?.name ?? address;
  };

  /**
   * An event never begins before the one before it has taken effect, so it may begin late on a busy machine.
   */
  async #pauseUntil(atMs: number, signal: AbortSignal): Promise<void> {
    await pause(Math.max(0, atMs - this.#now()), undefined, { signal });
  }

  #say(by: LogLine['by'], text: string): void {
    const line: LogLine = { atMs: this.#now(), by, text };
    this.#log.push(line);
    this.#view.said(line);
  }

  #show(): void {
    const ledger = this.#ledger;
    const atMs = this.#now();
    this.#view.frame({
      atMs,
      durationMs: this.#schedule.durationMs,
      nodes: nodeRows(this.#db.topology, this.#db.stats(), this.#nameOf),
      rates: ratesOf(ledger, atMs),
      planned: this.#schedule.events,
      started: ledger.starts,
      acknowledged: ledger.acknowledged.length,
      failed: ledger.count('write', 'failed') + ledger.count('read', 'failed'),
      unknown: ledger.count('write', 'unknown'),
      retried: this.#retried,
      log: this.#log.slice(-LOG_LINES),
    });
  }
}

/** `work`, or the signal's reason as soon as it aborts; then `work` is left to its fate. */
async function untilAborted<T>(work: Promise<T>, signal: AbortSignal): Promise<T> {
  let onAbort = (): void => undefined;
  const aborted = new Promise<never>((_resolve, reject) => {
    onAbort = () => reject(signal.reason);
    signal.addEventListener('abort', onAbort, { once: true });
  });
  // What fails after an abort fails because of it.
  work.catch(() => undefined);
  try {
    signal.throwIfAborted();
    return await Promise.race([work, aborted]);
  } finally {
    signal.removeEventListener('abort', onAbort);
  }
}
