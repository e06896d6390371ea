/** What the bounds depend on. */
export interface Fleet {
  readonly processes: number;
  /** `probe.intervalMs`. */
  readonly intervalMs: number;
  /** `probe.timeoutMs`. */
  readonly timeoutMs: number;
  /** `pool.max`. */
  readonly poolMax: number;
  /** `max_connections` of the servers. */
  readonly maxConnections: number;
}

/** What a fleet does to one node at most, in any second. */
export interface Bounds {
  /** Probes while a primary is known. */
  readonly probesAtRest: number;
  /** Questions how many connection slots are taken: after one probe in {@link PROBES_PER_LOOK}, after each of the first ten. */
  readonly looksAtRest: number;
  /** Probes while none is known, the hints of the loss included; each follows at most one long poll. */
  readonly probesWithoutPrimary: number;
  /** Attempts of monitors to connect to a node that refuses connections, in its first second, while no call waits. */
  readonly monitorConnects: number;
  /** The same later. */
  readonly monitorConnectsLater: number;
  /** The same in any second while calls wait. */
  readonly monitorConnectsWaited: number;
  /** Logins at a node that refuses them, in any second while calls wait. */
  readonly loginsWaited: number;
  /** Wrong passwords that are sent to one node in the first 100 seconds. */
  readonly passwords: number;
  /** Connections that pools open to one node, all in all. */
  readonly poolConnects: number;
}

/** After so many probes a monitor asks once how many connection slots are taken. */
export const PROBES_PER_LOOK = 10;
/** Hints that a loss gives a node: the connection that closed, and the primary that is gone for all. */
const HINTS = 2;

/** The dice end a pause up to a quarter sooner. */
const SOONEST = 0.75;
/** Pause between two attempts to log in, while calls wait. */
const LOGIN_PAUSE_MS = 1_000;
/** How often one wrong password is sent in 100 s: at once, and after 1, 10 and 30 s. */
const PASSWORDS = 4;
/** Handshakes of a pool that are under way when the first refusal comes. */
const POOL_CONNECTING = 4;

/** The dice end a long poll up to a quarter sooner. */
const SHORTEST_POLL = 0.75;

/**
 * The formulas of `docs/cost.md`, for one node and any one second.
 *
 * At rest a process asks every `intervalMs` at the soonest. Without a primary a long poll takes half of
 * `timeoutMs`, or a quarter less, and one probe follows; hints add at most {@link HINTS}. A node that refuses
 * is tried after 0, 50, 150, 350, 750 … ms; while calls wait every 0.5 ms for each connection that the server
 * lets in, within limits, or a quarter sooner. A refused login is repeated every second, or a quarter sooner; a
 * refused password four times in 100 s, and once more by a call that was refused together with the monitor.
 */
export function boundsOf({ processes, intervalMs, timeoutMs, poolMax, maxConnections }: Fleet): Bounds {
  const rounds = Math.ceil(1_000 / Math.floor((timeoutMs / 2) * SHORTEST_POLL));
  return {
    probesAtRest: processes * Math.ceil(1_000 / intervalMs),
    looksAtRest: processes * Math.ceil(1_000 / intervalMs),
    probesWithoutPrimary: processes * (rounds + HINTS),
    monitorConnects: processes * (HINTS + attemptsInFirstSecond(intervalMs)),
    monitorConnectsLater: processes * Math.ceil(1_000 / intervalMs),
    monitorConnectsWaited: processes * (HINTS + Math.ceil(1_000 / (SOONEST * waitedPauseMs(maxConnections)))),
    loginsWaited: processes * Math.ceil(1_000 / (SOONEST * LOGIN_PAUSE_MS)),
    passwords: processes * (PASSWORDS + POOL_CONNECTING),
    poolConnects: processes * poolMax,
  };
}

function waitedPauseMs(maxConnections: number): number {
  return Math.min(1_000, Math.max(100, 0.5 * maxConnections));
}

/** Attempts at a node that refuses: pauses from 50 ms on, doubling up to `intervalMs`. */
function attemptsInFirstSecond(intervalMs: number): number {
  let attempts = 1;
  for (let at = 0, pause = 50; at + pause < 1_000; pause = Math.min(pause * 2, intervalMs)) {
    at += pause;
    attempts++;
  }
  return attempts;
}
