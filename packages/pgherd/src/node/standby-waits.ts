import { quoted } from '../model/foreign.ts';
import type { Row } from '../model/statement.ts';
import type { Ask } from '../monitor/connection.ts';
import type { ClusterEvents } from '../observe/events.ts';
import { classifyError } from '../retry/classify.ts';
import type { Clock } from '../time/port.ts';
import { withLimit } from '../time/wait.ts';

/** A statement that has run for so long may be one that waits for a standby, milliseconds; a standby that is well answers sooner. */
const LOOK_FROM_MS = 200;
/** A wait of so long is reported, milliseconds. */
const LONG_MS = 1_000;
/** For so long a server that waits for no standby is not asked again, milliseconds. */
const WITHOUT_KEPT_MS = 60_000;

const WAITING = `pg_catalog.pg_stat_activity where wait_event = 'SyncRep' and usename = session_user
  and datname = pg_catalog.current_database() and query_start < pg_catalog.clock_timestamp() - interval '${LOOK_FROM_MS} milliseconds'`;
/** Which of our sessions wait for a synchronous standby, since when, and for which. An ordinary role sees its own. */
const QUESTION = `select pg_catalog.current_setting('synchronous_standby_names') as names,
  (select pg_catalog.string_agg(pid::text, ',') from (select pid from ${WAITING} limit 100) as waiting) as pids,
  (select (extract(epoch from pg_catalog.clock_timestamp() - pg_catalog.min(query_start)) * 1000)::text from ${WAITING}) as waited`;

/** Commits that wait for a synchronous standby. */
export interface StandbyWait {
  /** `synchronous_standby_names` of the server. */
  readonly names: string;
  /** Process IDs of the sessions that wait. */
  readonly pids: ReadonlySet<number>;
  /** For how long the first of them has waited, milliseconds. */
  readonly waitedMs: number;
}

/** The wait in an answer to the question; `undefined` if no commit waits. */
export function waitIn(row: Row | undefined): StandbyWait | undefined {
  const [names, pids, waited] = [row?.['names'], row?.['pids'], Number(row?.['waited'] ?? Number.NaN)];
  if (typeof names !== 'string' || names === '' || typeof pids !== 'string' || !(waited >= 0))
    return undefined;
  const known = pids.split(',').map(Number).filter(Number.isSafeInteger);
  return known.length === 0 ? undefined : { names, pids: new Set(known), waitedMs: Math.round(waited) };
}

/** What is needed of the node. */
export interface StandbyWaitsPorts {
  readonly node: string;
  readonly clock: Clock;
  readonly timeoutMs: number;
  ask(): Ask | undefined;
  /** When the oldest statement that runs was sent; `undefined` if none runs. */
  oldestSince(): number | undefined;
  isPrimary(): boolean;
  changed(event: ClusterEvents['node:commits-waiting']): void;
}

/**
 * Finds out that commits wait for a synchronous standby that does not confirm them. The server is asked behind a probe, and only while
 * a statement takes long: at rest, and where no standby is waited for, that costs nothing.
 */
export class StandbyWaits {
  readonly #ports: StandbyWaitsPorts;
  #wait: StandbyWait | undefined;
  #isReported = false;
  #withoutUntil = Number.NEGATIVE_INFINITY;
  #isForbidden = false;

  constructor(ports: StandbyWaitsPorts) {
    this.#ports = ports;
  }

  /** Why the commits of this node wait, as a reason for the health; `undefined` if they do not. */
  get concern(): string | undefined {
    if (!this.#isReported || this.#wait === undefined) return undefined;
    const { names, pids, waitedMs } = this.#wait;
    return `${pids.size} commits on ${this.#ports.node} wait for a synchronous standby, the first for ${waitedMs} ms: synchronous_standby_names is ${quoted(names)}`;
  }

  /** The wait of the session with this process ID, as it was seen last. */
  of(backendPid: number | undefined): StandbyWait | undefined {
    return backendPid !== undefined && this.#wait?.pids.has(backendPid) === true ? this.#wait : undefined;
  }

  /** A round of the monitor has ended, with an error or with its answers. */
  async probed(error: unknown): Promise<void> {
    const { ask, clock, isPrimary, oldestSince, timeoutMs } = this.#ports;
    const now = clock.now();
    const oldest = oldestSince();
    const isSlow = oldest !== undefined && now - oldest >= LOOK_FROM_MS;
    if (error !== undefined || this.#isForbidden || !isSlow || !isPrimary()) {
      this.#take(undefined);
      return;
    }
    const asking = now < this.#withoutUntil ? undefined : ask();
    if (asking === undefined) return;
    try {
      const { rows } = await withLimit(clock, timeoutMs, asking(QUESTION));
      if (rows[0]?.['names'] === '') this.#withoutUntil = clock.now() + WITHOUT_KEPT_MS;
      this.#take(waitIn(rows[0]));
    } catch (failure) {
      // A server that lacks or forbids what is asked: the waits stay unnamed.
      if (classifyError(failure).severity === 'ERROR') this.#isForbidden = true;
    }
  }

  #take(wait: StandbyWait | undefined): void {
    this.#wait = wait;
    const isLong = wait !== undefined && wait.waitedMs >= LONG_MS;
    if (isLong === this.#isReported && !(wait === undefined && this.#isReported)) return;
    if (wait !== undefined && !isLong) return;
    this.#isReported = isLong;
    const { node } = this.#ports;
    this.#ports.changed({
      node,
      sessions: wait?.pids.size ?? 0,
      waitedMs: wait?.waitedMs ?? 0,
      standbyNames: wait?.names,
    });
  }
}
