import { printable } from '../model/foreign.ts';
import type { TopologyDescription } from '../model/topology.ts';
import type { Logger } from '../observe/logger.ts';
import type { Rejection } from '../routing/select.ts';
import type { Clock, Timer } from '../time/port.ts';
import { callsWait } from './calls-wait.ts';
import { remedyFor } from './no-node-error.ts';

/** Time between two lines of the log while calls wait, milliseconds. */
const LOG_MS = 10_000;
/** Most nodes that a line names. */
const MAX_NAMED = 10;

/** What the watch needs from the cluster. */
export interface WaitingWritesPorts {
  readonly clock: Clock;
  readonly logger: Pick<Logger, 'warn'>;
  topology(): TopologyDescription;
  /** Number of calls that wait for a node. */
  callsWaiting(): number;
  /** Why each node gets no writes. */
  rejections(): readonly Rejection[];
}

/**
 * Says every 10 s that no node takes writes while calls wait: since when, how many calls, why none of the nodes does, and what would help.
 * Of writes that the floor bars `BarredWritesWatch` says so.
 */
export class WaitingWritesWatch {
  readonly #ports: WaitingWritesPorts;
  #timer: Timer | undefined;

  constructor(ports: WaitingWritesPorts) {
    this.#ports = ports;
  }

  /** Takes over what the picture says. */
  follow({ primaryLostAt, barred }: TopologyDescription): void {
    if (primaryLostAt === undefined || barred !== undefined) this.stop();
    else if (this.#timer === undefined) this.#schedule(primaryLostAt);
  }

  /** Ends the lines. */
  stop(): void {
    this.#timer?.cancel();
    this.#timer = undefined;
  }

  #schedule(lostAt: number): void {
    this.#timer = this.#ports.clock.schedule(LOG_MS, () => this.#again(lostAt), { ref: false });
  }

  #again(lostAt: number): void {
    const { callsWaiting, clock, logger, rejections, topology } = this.#ports;
    const calls = callsWaiting();
    if (calls > 0) {
      const since = new Date(clock.wallTime() - (clock.now() - lostAt));
      logger.warn(`pgherd: ${waitingSentence(topology(), rejections(), since, calls)}`);
    }
    this.#schedule(lostAt);
  }
}

/** The facts in one line. */
export function waitingSentence(
  topology: TopologyDescription,
  rejections: readonly Rejection[],
  since: Date,
  calls: number,
): string {
  const named = rejections.slice(0, MAX_NAMED).map(({ node, reason }) => `${node}: ${reason}`);
  const more = rejections.length > MAX_NAMED ? [`and ${rejections.length - MAX_NAMED} more`] : [];
  const why = [...named, ...more].join('; ') || 'there are no nodes';
  const help = remedyFor(topology) ?? whatHelps(topology);
  return printable(
    `No node takes writes since ${since.toISOString()}, ${callsWait(calls)}. ${why}. What would help: ${help}`,
  );
}

/** What ends the wait in states that may pass by themselves. */
function whatHelps({ nodes }: TopologyDescription): string {
  const answering = nodes.filter(({ health }) => health === 'ok');
  const readOnly = answering.find(({ role }) => role === 'primary-read-only');
  if (readOnly !== undefined)
    return `switch default_transaction_read_only off on ${readOnly.name}, if nothing else fences it.`;
  const standbys = answering.filter(({ role, promotable }) => role === 'standby' && promotable);
  if (standbys.length > 0)
    return `promote ${standbys.map(({ name }) => name).join(' or ')}, or start the server that was the primary.`;
  if (answering.length === 0) return 'start a server, or mend the network between it and this process.';
  return 'name a node that may be promoted, or start the server that was the primary.';
}
