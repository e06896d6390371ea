/** What the bounds depend on. */
export interface Fleet {
  readonly processes: number;
  /** `probe.intervalMs`. */
  readonly intervalMs: number;
  /** `probe.timeoutMs`. */
  readonly timeoutMs: number;
  /** `pool.max`. */
  readonly poolMax: number;
}

/** What a fleet does to one node at most, in any second. */
export interface Bounds {
  /** Probes while a primary is known. */
  readonly probesAtRest: number;
  /** Probes while none is known, the hints of the loss included; each follows at most one long poll. */
  readonly probesWithoutPrimary: number;
  /** Attempts of monitors to connect to a node that refuses, in its first second. */
  readonly monitorConnects: number;
  /** The same later. */
  readonly monitorConnectsLater: number;
  /** Connections that pools open to one node, all in all. */
  readonly poolConnects: number;
}

/** Hints that a loss gives a node: the connection that closed, and the primary that is gone for all. */
const HINTS = 2;

/** The dice end a long poll up to a quarter sooner. */
const SHORTEST_POLL = 0.75;

/**
 * The formulas of `docs/cost.md`, for one node and any one second.
 *
 * At rest a process asks every `intervalMs` at the soonest. Without a primary a long poll takes half of
 * `timeoutMs`, or a quarter less, and one probe follows; hints add at most {@link HINTS}. A node that refuses
 * is tried after 0, 50, 150, 350, 750 … ms.
 */
export function boundsOf({ processes, intervalMs, timeoutMs, poolMax }: Fleet): Bounds {
  const rounds = Math.ceil(1_000 / Math.floor((timeoutMs / 2) * SHORTEST_POLL));
  return {
    probesAtRest: processes * Math.ceil(1_000 / intervalMs),
    probesWithoutPrimary: processes * (rounds + HINTS),
    monitorConnects: processes * (HINTS + attemptsInFirstSecond(intervalMs)),
    monitorConnectsLater: processes * Math.ceil(1_000 / intervalMs),
    poolConnects: processes * poolMax,
  };
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
