import type { NodeDescription, TopologyDescription } from '../model/topology.ts';
import { isLastingFailure } from './node.ts';

/** Settings of the monitor's rhythm, all in milliseconds. */
export interface ProbeSettings {
  /** Shortest time between two probes of a healthy node. */
  readonly intervalMs: number;
  /** How long a probe may stay unanswered. */
  readonly timeoutMs: number;
  /** Whether standbys are asked by a long poll while no primary is known. */
  readonly longPoll: boolean;
}

/** What the monitor of one node does next. */
export type ProbePlan =
  | { readonly kind: 'probe'; readonly afterMs: number }
  /** The server looks at itself every `stepMs` and answers when it has left recovery, or after `boundMs`. */
  | { readonly kind: 'long-poll'; readonly boundMs: number; readonly stepMs: number };

/** First pause of a burst, and the shortest pause between two probes of one node. */
export const BURST_START_MS = 50;
/** For this long after the primary was lost, nodes are watched more closely than at rest. */
export const WATCH_MS = 60_000;
/** How much longer a pause, and how much shorter a long poll, may get by the dice, so that many clients spread out. */
export const JITTER = 0.25;
/** How many times as long as usual a node is left alone that traffic proves alive. */
export const PROVEN_FACTOR = 2;
const LASTING_FAILURE_START_MS = 30_000;
const LASTING_FAILURE_MAX_MS = 300_000;
const MAX_DOUBLINGS = 20;
/** From this version on every connection is told of a change of role with its next reply. */
const TELLS_ROLE_VERSION = 140_000;

interface WatchPhase {
  /** The phase lasts until this long after the loss. */
  readonly untilMs: number;
  /** Pause of a long poll between two looks. */
  readonly stepMs: number;
  /** Longest duration of a long poll, as a share of the time that a probe may stay unanswered. */
  readonly bound: number;
  /** Pause between two probes of a node that cannot be asked by long poll. */
  readonly pauseMs: number;
}

/**
 * How closely nodes are watched while there is no primary. A planned promotion comes within the first seconds, and there
 * each millisecond counts; one that follows a lease that had to lapse comes later, and many clients wait for it together.
 */
export const WATCH_PHASES: readonly WatchPhase[] = Object.freeze([
  { untilMs: 2_000, stepMs: 5, bound: 0.5, pauseMs: BURST_START_MS },
  { untilMs: 10_000, stepMs: 20, bound: 1, pauseMs: 100 },
  { untilMs: WATCH_MS, stepMs: 100, bound: 1, pauseMs: 500 },
]);

/** What the plan depends on besides the topology. */
export interface ProbeCircumstances {
  /** Connection attempts that failed in a row. */
  readonly failures: number;
  /** Whether a connection to the node is open. */
  readonly connected: boolean;
  /** Whether the server has been found able to run the long poll. */
  readonly longPollWorks: boolean;
  /**
   * When the node last answered a statement of the application; `undefined` where none did, or where the answers do not
   * tell of a change of role (a pooler in between).
   */
  readonly trafficAt?: number | undefined;
  readonly now: number;
  /** A number in [0, 1). */
  readonly dice: number;
}

/**
 * When and how the node is asked next. Healthy: every `intervalMs`, or half as often where traffic proves the node alive.
 * Without a primary: standbys by long poll, everything else in a burst, both ever less closely until they are back at
 * `intervalMs`. A failure that somebody has to mend is tried again after 30 seconds, doubling to five minutes.
 */
export function planProbe(
  node: NodeDescription,
  topology: TopologyDescription,
  settings: ProbeSettings,
  circumstances: ProbeCircumstances,
): ProbePlan {
  const { failures, dice, now } = circumstances;
  const { lagMatters, primaryLostAt } = topology;
  if (isLastingFailure(node.connectFailure)) {
    return probeAfter(backoff(LASTING_FAILURE_START_MS, failures, LASTING_FAILURE_MAX_MS), dice);
  }
  if (failures > 0) return probeAfter(backoff(BURST_START_MS, failures, settings.intervalMs), dice);
  if (primaryLostAt === undefined) {
    const factor = !lagMatters && isProvenByTraffic(node, settings, circumstances) ? PROVEN_FACTOR : 1;
    return probeAfter(settings.intervalMs * factor, dice);
  }
  const phase = WATCH_PHASES.find(({ untilMs }) => now - primaryLostAt < untilMs);
  if (phase === undefined) return probeAfter(settings.intervalMs, dice);
  const pollable = settings.longPoll && circumstances.longPollWorks && circumstances.connected;
  if (pollable && node.role === 'standby' && node.health === 'ok') {
    // All clients lose the primary in one moment: their polls must not end in one, again and again.
    const boundMs = Math.floor(settings.timeoutMs * phase.bound * (1 - JITTER * dice));
    return { kind: 'long-poll', boundMs, stepMs: phase.stepMs };
  }
  return probeAfter(Math.min(phase.pauseMs, settings.intervalMs), dice);
}

/** Nodes whose watching begins at once. */
const STARTED_AT_ONCE = 4;
/** Time between the starts of two further nodes, milliseconds. */
const START_SPACING_MS = 10;
/** Latest start of all, milliseconds. */
const LATEST_START_MS = 250;

/**
 * How long after the cluster's start the monitor of its `index`-th node begins, in milliseconds: the first four at once,
 * so that three nodes are known as soon as can be, the others every 10 ms, so that a long list neither floods the network
 * nor our own event loop with handshakes. From the 29th on they share the time until 250 ms at random.
 */
export function startDelayMs(index: number, dice: number): number {
  if (index < STARTED_AT_ONCE) return 0;
  const slot = (index - STARTED_AT_ONCE + dice) * START_SPACING_MS;
  return slot < LATEST_START_MS ? slot : LATEST_START_MS * dice;
}

/**
 * Whether answers to the application say all that a probe would: that the node lives, and, from PostgreSQL 14 on, that
 * its role is what it was. Older servers tell their role only when asked.
 */
function isProvenByTraffic(
  node: NodeDescription,
  settings: ProbeSettings,
  { trafficAt, now }: ProbeCircumstances,
): boolean {
  if (trafficAt === undefined) return false;
  if (node.health !== 'ok' || (node.serverVersion ?? 0) < TELLS_ROLE_VERSION) return false;
  return now - trafficAt < settings.intervalMs;
}

function probeAfter(ms: number, dice: number): ProbePlan {
  return { kind: 'probe', afterMs: ms * (1 + JITTER * dice) };
}

/** `start`, doubled with each step after the first, at most `max`. */
function backoff(start: number, steps: number, max: number): number {
  return Math.min(max, start * 2 ** Math.min(Math.max(0, steps - 1), MAX_DOUBLINGS));
}
