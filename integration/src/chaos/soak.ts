import { createTestCluster, type TestCluster, type TestNode, waitUntil } from '@pgherd/testing';
import type { Cluster } from 'pgherd';
import { createClusterOver } from 'pgherd/connection';
import {
  disagreements,
  entriesOn,
  JOURNAL,
  type Moment,
  misdirected,
  watchTimelines,
  writesBelow,
} from '../invariants.ts';
import { codeOf, createTable, grouped, nameOf, quiet, restore } from '../support.ts';
import { Wiretap } from '../wiretap.ts';
import type { PlannedFault } from './schedule.ts';
import { CALL_LIMIT_MS, CALLS_PER_SECOND, type Call, Workload } from './workload.ts';

/** How one fault went. */
export interface FaultReport {
  readonly name: string;
  readonly durationMs: number;
  readonly calls: number;
  readonly unknownOutcome: number;
  readonly failedCalls: number;
  /** How long each call took, milliseconds. */
  readonly callMs: readonly number[];
  /** Longest time without an acknowledged write, milliseconds. */
  readonly longestGapMs: number;
  /** What must not have happened, in sentences. */
  readonly violations: readonly string[];
}

const APPLICATION = 'chaos';
const POOL_MAX = 10;
/** Writes that may be under way on one connection: of so many each lost one leaves the outcome unknown. */
const WRITES_DEEP = 16;
/** How much later than its limit a call may settle on a busy machine, milliseconds. */
const LATE_MS = 30_000;

/**
 * A real cluster whose commits wait for one standby, a client with calls going on, and the invariants: no acknowledged write is
 * lost, none runs twice, none is sent to a lower timeline than was seen, every call settles by its deadline, no
 * call that can be run again fails, nothing is leaked.
 */
export class Soak implements AsyncDisposable {
  readonly cluster: TestCluster;
  readonly db: Cluster;
  readonly workload: Workload;
  readonly #tap: Wiretap;
  readonly #moments: readonly Moment[];
  readonly #offline: string[] = [];
  #checkedCalls = 0;
  #closed: Promise<string[]> | undefined;

  private constructor(cluster: TestCluster, db: Cluster, tap: Wiretap, callsPerSecond: number) {
    this.cluster = cluster;
    this.db = db;
    this.workload = new Workload(db, callsPerSecond);
    this.#tap = tap;
    this.#moments = watchTimelines(db, tap, () => this.workload.nextId - 1);
    db.on('node:health-changed', ({ node, after, reason }) => {
      if (after === 'offline') this.#offline.push(`${node} was declared offline: ${reason}`);
    });
  }

  /** Starts the servers and the calls. */
  static async start(nodes = 3, callsPerSecond = CALLS_PER_SECOND): Promise<Soak> {
    const synchronous = { commit: 'on', any: 1 } as const;
    const cluster = await createTestCluster({ standbys: nodes - 1, synchronous, proxy: true });
    try {
      await createTable(cluster, 'journal', JOURNAL);
      const tap = new Wiretap();
      const db = createClusterOver(tap.driver, {
        url: cluster.url,
        applicationName: APPLICATION,
        env: {},
        pool: { max: POOL_MAX },
        lanes: { maxWrites: WRITES_DEEP },
        waitTimeoutMs: CALL_LIMIT_MS,
      });
      await db.ready({ primaries: 1, standbys: nodes - 1 });
      const soak = new Soak(cluster, db, tap, callsPerSecond);
      soak.workload.start();
      await soak.workload.written(10);
      return soak;
    } catch (error) {
      await cluster.close();
      throw error;
    }
  }

  /** Lets one fault happen and checks every invariant. */
  async inflict(planned: PlannedFault): Promise<FaultReport> {
    const { fault, calmMs } = planned;
    const { workload, cluster } = this;
    await new Promise((resolve) => setTimeout(resolve, calmMs));
    this.#tap.forget();
    this.#offline.length = 0;
    const violations: string[] = [];
    const range = { from: workload.nextId, to: Number.MAX_SAFE_INTEGER };
    const firstCall = workload.calls.length;
    const startedAt = performance.now();
    const superseded = async (old: TestNode): Promise<void> => {
      violations.push(...(await this.#judge(old, range.from)));
    };
    try {
      await fault.run({ cluster, calls: workload, superseded }, planned);
    } catch (error) {
      violations.push(`not survived: ${error instanceof Error ? error.message : String(error)}`);
      await this.#repair();
    }
    const durationMs = performance.now() - startedAt;
    const calls = workload.calls.slice(firstCall);
    await this.#settled(calls);
    const doubtful = calls.filter((call) => call.outcome === 'unknown');
    const allowed = fault.doubt === 'none' ? 0 : POOL_MAX * WRITES_DEEP;
    if (doubtful.length > allowed) {
      const [first] = doubtful;
      violations.push(
        `${doubtful.length} unknown outcomes, ${allowed} are allowed: ${described(first?.error)}`,
      );
    }
    if (fault.alarm === 'false') violations.push(...this.#offline, ...this.#tornWrites());
    violations.push(...misdirected(this.#moments, this.#tap.sent), ...(await this.#checkCalls()));
    return { name: fault.name, durationMs, ...figures(calls, startedAt), violations: grouped(violations) };
  }

  /** Ends the calls, checks what can only be checked at the end, and closes everything; gives the violations. */
  close(): Promise<string[]> {
    this.#closed ??= this.#close();
    return this.#closed;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  async #close(): Promise<string[]> {
    const { db, cluster, workload } = this;
    const violations: string[] = [];
    try {
      await workload.stop();
      this.#checkedCalls = 0;
      violations.push(...(await this.#checkCalls()));
      await quiet(db).catch(() => violations.push(`leaked: ${JSON.stringify(db.stats().total)}`));
      const { leased, waiting, inFlight } = db.stats().total;
      if (leased + waiting + inFlight > 0) violations.push(`leaked: ${JSON.stringify(db.stats().total)}`);
      await db.close();
      violations.push(...(await this.#sessionsLeft()));
    } finally {
      db.terminate();
      await cluster.close();
    }
    return grouped(violations);
  }

  /** The books of all calls since the last check against the rows of the present primary. */
  async #checkCalls(): Promise<string[]> {
    const calls = this.workload.calls.slice(this.#checkedCalls);
    await this.#settled(calls);
    this.#checkedCalls += calls.length;
    const [acknowledged, unknown] = [new Set<number>(), new Set<number>()];
    const violations: string[] = [];
    for (const call of calls) {
      const ids = call.outcome === 'done' ? acknowledged : unknown;
      if (call.outcome === 'failed') violations.push(`a ${call.kind} failed: ${described(call.error)}`);
      else for (const id of call.ids) ids.add(id);
      const tookMs = (call.endedAt ?? Number.POSITIVE_INFINITY) - call.startedAt;
      if (tookMs > CALL_LIMIT_MS + LATE_MS) violations.push(`a ${call.kind} settled after ${tookMs} ms`);
    }
    const all = calls.flatMap((call) => call.ids);
    const range = { from: Math.min(...ends(all)), to: Math.max(...ends(all)) + 1 };
    const found = await entriesOn(this.cluster.primary, range);
    violations.push(...disagreements({ acknowledged, unknown }, found));
    const present = new Set(found.map((entry) => entry.id));
    for (const { kind, ids } of calls) {
      const there = ids.filter((id) => present.has(id)).length;
      if (kind === 'transaction' && there === 1)
        violations.push(`half of a transaction is there: ${ids.join()}`);
    }
    return violations;
  }

  async #settled(calls: readonly Call[]): Promise<void> {
    await waitUntil(() => calls.every((call) => call.outcome !== 'pending'), {
      what: 'every call to settle',
      timeoutMs: CALL_LIMIT_MS + LATE_MS,
      everyMs: 20,
    });
  }

  /** What reached a primary that is up beside its successor. Its commits wait for standbys that left it: let them end first. */
  async #judge(old: TestNode, fromId: number): Promise<string[]> {
    const name = nameOf(old);
    const seen = () => this.db.nodes().find((node) => node.name === name);
    await waitUntil(() => seen()?.standing === 'stale' && seen()?.health === 'ok', {
      what: `${name} to be seen alive and stale`,
    });
    await this.workload.written(10);
    await old.sql(`alter system set synchronous_standby_names = ''`);
    await old.sql('select pg_reload_conf()');
    const hanging = `select 1 from pg_stat_activity where wait_event = 'SyncRep'`;
    await waitUntil(async () => (await old.sql(hanging)).length === 0, { what: 'hanging commits to end' });
    const moment = this.#moments.at(-1);
    if (moment === undefined) return ['no timeline was ever seen'];
    return writesBelow(old, moment, { from: fromId, to: this.workload.nextId }, this.#tap);
  }

  #tornWrites(): string[] {
    return this.#tap.torn.map(
      ({ node, unanswered }) =>
        `a connection of ${node} was destroyed with ${unanswered.length} writes unanswered`,
    );
  }

  async #repair(): Promise<void> {
    for (const node of this.cluster.nodes) await node.heal();
    await restore(this.cluster);
  }

  async #sessionsLeft(): Promise<string[]> {
    const text = `select 1 from pg_stat_activity where application_name like '${APPLICATION}%'`;
    const left = async () =>
      (await Promise.all(this.cluster.nodes.map((node) => node.sql(text)))).flat().length;
    return waitUntil(async () => (await left()) === 0, {}).then(
      () => [],
      async () => [`${await left()} sessions are left after close()`],
    );
  }
}

/** The smallest and the largest of many numbers, or none. */
function ends(numbers: readonly number[]): number[] {
  const [first] = numbers;
  const last = numbers.at(-1);
  return first === undefined || last === undefined ? [0] : [first, last];
}

function figures(
  calls: readonly Call[],
  startedAt: number,
): Omit<FaultReport, 'name' | 'durationMs' | 'violations'> {
  const acknowledged = calls
    .filter((call) => call.kind !== 'read' && call.outcome === 'done')
    .map((call) => call.endedAt ?? startedAt)
    .sort((a, b) => a - b);
  let [longestGapMs, last] = [0, startedAt];
  for (const at of acknowledged) {
    longestGapMs = Math.max(longestGapMs, at - last);
    last = at;
  }
  const count = (outcome: Call['outcome']) => calls.filter((call) => call.outcome === outcome).length;
  return {
    calls: calls.length,
    unknownOutcome: count('unknown'),
    failedCalls: count('failed'),
    callMs: calls.map((call) => (call.endedAt ?? call.startedAt) - call.startedAt),
    longestGapMs,
  };
}

function described(error: unknown): string {
  const cause = error instanceof Error && error.cause !== undefined ? ` (${String(error.cause)})` : '';
  return `${String(codeOf(error))}: ${String(error)}${cause}`;
}
