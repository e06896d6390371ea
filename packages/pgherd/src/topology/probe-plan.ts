import type { NodeDescription, TopologyDescription } from '../model/topology.ts';
import { isLastingFailure } from './node.ts';
import { writableNode } from './writable.ts';

/** Settings of the monitor's rhythm, all in milliseconds. */
export interface ProbeSettings {
  /** Time between two probes of a healthy node. */
  readonly intervalMs: number;
  /** How long a probe may stay unanswered. */
  readonly timeoutMs: number;
  /** Whether standbys are asked by a long poll while no primary is known. */
  readonly longPoll: boolean;
}

/** What the monitor of one node does next. */
export type ProbePlan =
  | { readonly kind: 'probe'; readonly afterMs: number }
  | { readonly kind: 'long-poll'; readonly boundMs: number };

/** For this long after the primary was lost, standbys are watched as closely as possible. */
export const CLOSE_WATCH_MS = 10_000;
/** First pause of a burst, and the shortest pause between two probes of one node. */
export const BURST_START_MS = 50;
const LASTING_FAILURE_START_MS = 30_000;
const LASTING_FAILURE_MAX_MS = 300_000;
const MAX_DOUBLINGS = 20;

/** What the plan depends on besides the topology. */
export interface ProbeCircumstances {
  /** Connection attempts that failed in a row. */
  readonly failures: number;
  /** Probes without a primary since it was lost. */
  readonly probesWithoutPrimary: number;
  /** When the primary was lost; `undefined` while one is known. */
  readonly primaryLostAt: number | undefined;
  /** Whether a connection to the node is open. */
  readonly connected: boolean;
  /** Whether the server has been found able to run the long poll. */
  readonly longPollWorks: boolean;
  readonly now: number;
  /** A number in [0, 1). */
  readonly dice: number;
}

/**
 * When and how the node is asked next. Healthy: every `intervalMs`, shortened by up to a quarter so that many clients
 * spread out. Without a primary: standbys by long poll, everything else in a burst that backs off to `intervalMs`.
 * A failure that somebody has to mend is tried again after 30 seconds, doubling to five minutes.
 */
export function planProbe(
  node: NodeDescription,
  topology: TopologyDescription,
  settings: ProbeSettings,
  circumstances: ProbeCircumstances,
): ProbePlan {
  const { failures, dice, now, primaryLostAt } = circumstances;
  if (isLastingFailure(node.connectFailure)) {
    return probeAfter(backoff(LASTING_FAILURE_START_MS, failures, LASTING_FAILURE_MAX_MS), dice);
  }
  if (failures > 0) return probeAfter(backoff(BURST_START_MS, failures, settings.intervalMs), dice);
  if (writableNode(topology) !== undefined || primaryLostAt === undefined) {
    return probeAfter(settings.intervalMs, dice);
  }
  const close = now - primaryLostAt < CLOSE_WATCH_MS;
  const pollable = settings.longPoll && circumstances.longPollWorks && circumstances.connected;
  if (close && pollable && node.role === 'standby' && node.health === 'ok') {
    return { kind: 'long-poll', boundMs: Math.floor(settings.timeoutMs / 2) };
  }
  if (close) return probeAfter(Math.min(BURST_START_MS, settings.intervalMs), dice);
  return probeAfter(backoff(BURST_START_MS, circumstances.probesWithoutPrimary, settings.intervalMs), dice);
}

function probeAfter(ms: number, dice: number): ProbePlan {
  return { kind: 'probe', afterMs: ms * (0.75 + 0.25 * dice) };
}

/** `start`, doubled with each step after the first, at most `max`. */
function backoff(start: number, steps: number, max: number): number {
  return Math.min(max, start * 2 ** Math.min(Math.max(0, steps - 1), MAX_DOUBLINGS));
}
