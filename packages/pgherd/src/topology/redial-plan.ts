import { JITTER } from './probe-plan.ts';

/** Pause between two dials of a node that has a name, and between two lookups of a name with several addresses, milliseconds. */
export const REDIAL_NAMES_MS = 30_000;
/** Pause between two dials while calls wait for something that the only node is not, milliseconds. */
const WAITED_FOR_MS = 1_000;
/** The same if there are several nodes: after a failover all clients wait, for servers that have enough to do. */
const WAITED_FOR_SEVERAL_MS = 5_000;
/** Pause between two attempts to find out where an address leads that led elsewhere, milliseconds. */
const LEADS_ELSEWHERE_MS = 200;

/** Pause between two dials of a node at whose address several servers answer, milliseconds: five within the minute after which there may be one. */
const SEVERAL_MS = 12_000;

/** Settings of redialling. */
export interface RedialSettings {
  /** How long until a node is dialled anew although a connection to it is open, milliseconds; 0 for never. */
  readonly redialMs: number;
}

/** What the time of the next dial depends on. */
export interface RedialCircumstances extends RedialSettings {
  /** Whether a new connection to the node's address has led to another server. */
  readonly leadsElsewhere: boolean;
  /** Whether several servers answer at the node's address. */
  readonly hasSeveral: boolean;
  /** Whether calls wait for something that the node is not. */
  readonly callsWait: boolean;
  /** How many nodes there are. */
  readonly nodes: number;
  /** When the node was last dialled, milliseconds of the cluster's clock. */
  readonly dialledAt: number;
  /** A number in [0, 1), drawn anew for each dial. */
  readonly dice: number;
}

/**
 * When the monitor dials its node anew, milliseconds of the cluster's clock: at once if the address was seen to lead to another
 * server, every second or every five while calls wait in vain, else every `probe.redialMs`. The open connection may lead to a server
 * that the address has left; only a new one shows where it leads now.
 */
export function redialAt(circumstances: RedialCircumstances): number {
  const { dialledAt, dice } = circumstances;
  return dialledAt + shortestPause(circumstances) * (1 + JITTER * dice);
}

function shortestPause({
  leadsElsewhere,
  hasSeveral,
  redialMs,
  callsWait,
  nodes,
}: RedialCircumstances): number {
  const usual = redialMs === 0 ? Number.POSITIVE_INFINITY : redialMs;
  const waitedFor = callsWait ? (nodes > 1 ? WAITED_FOR_SEVERAL_MS : WAITED_FOR_MS) : usual;
  return Math.min(
    usual,
    waitedFor,
    hasSeveral ? SEVERAL_MS : usual,
    leadsElsewhere ? LEADS_ELSEWHERE_MS : usual,
  );
}
