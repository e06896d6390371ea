import type { NodeDescription, TopologyDescription } from '../model/topology.ts';
import { type Failures, pauseAfterFailure } from './login-pauses.ts';

/** Settings of the monitor's rhythm, all in milliseconds. */
export interface ProbeSettings {
  /** Shortest time between two probes of a healthy node. */
  readonly intervalMs: number;
  /** How long a probe may stay unanswered. */
  readonly timeoutMs: number;
  /** Whether standbys are watched by a long poll while no primary is known. */
  readonly longPoll: boolean;
}

/** What the monitor of one node does next. */
export type ProbePlan =
  | { readonly kind: 'probe'; readonly afterMs: number }
  /** The server checks itself every `stepMs` and answers once it has left recovery, or after `boundMs`. */
  | { readonly kind: 'long-poll'; readonly boundMs: number; readonly stepMs: number };

/** First pause of a burst, and the shortest pause between two probes of one node. */
export const BURST_START_MS = 50;
/** For this long after the primary was lost, nodes are watched more closely than at rest. */
export const WATCH_MS = 60_000;
/**
 * Largest random share by which a pause is lengthened and a long poll shortened, so that many clients spread
 * out.
 */
export const JITTER = 0.25;
/** Factor on the pause of a node that traffic proves alive. */
export const PROVEN_FACTOR = 2;
/** From this version on, the server reports a change of its role on every connection with the next reply. */
const TELLS_ROLE_VERSION = 140_000;

interface WatchPhase {
  /** The phase lasts until this long after the loss. */
  readonly untilMs: number;
  /** Pause between two checks within a long poll. */
  readonly stepMs: number;
  /** Longest duration of a long poll, as a share of the time that a probe may stay unanswered. */
  readonly bound: number;
  /** Pause between two probes of a node that cannot run the long poll. */
  readonly pauseMs: number;
}

/**
 * How closely nodes are watched while there is no primary. A planned promotion comes within the first
 * seconds, when each millisecond counts; one that has to wait for a lease to expire comes later, and many
 * clients wait for it together.
 */
const FIRST_PHASE: WatchPhase = { untilMs: 2_000, stepMs: 5, bound: 0.5, pauseMs: BURST_START_MS };
export const WATCH_PHASES: readonly WatchPhase[] = Object.freeze([
  FIRST_PHASE,
  { untilMs: 10_000, stepMs: 20, bound: 1, pauseMs: 100 },
  { untilMs: WATCH_MS, stepMs: 100, bound: 1, pauseMs: 500 },
]);

/** What the plan depends on besides the topology. */
export interface ProbeCircumstances {
  /** Connection attempts that failed in a row; `undefined` if the last one succeeded. */
  readonly failures: Omit<Failures, 'intervalMs'> | undefined;
  /** Whether a connection to the node is open. */
  readonly connected: boolean;
  /** `false` once the server turned out to be unable to run the long poll. */
  readonly longPollWorks: boolean;
  /** Whether the primary has been owing an answer for half the time that it may take: it may be lost. */
  readonly primaryIsLate?: boolean | undefined;
  /**
   * When the node last answered a statement of the application; `undefined` if it never did, or if the
   * answers do not show a change of role (behind a pooler).
   */
  readonly trafficAt?: number | undefined;
  readonly now: number;
  /** A number in [0, 1). */
  readonly dice: number;
}

/**
 * When and how the node is probed next. Healthy: every `intervalMs`, or half as often while traffic proves
 * the node alive; standbys by long poll while the primary owes an answer. Without a primary: standbys by long poll, all other nodes in a burst, both less and less
 * often until they are back at `intervalMs`. After a failed attempt to connect: as of `pauseAfterFailure`.
 */
export function planProbe(
  node: NodeDescription,
  topology: TopologyDescription,
  settings: ProbeSettings,
  circumstances: ProbeCircumstances,
): ProbePlan {
  const { failures, dice, now } = circumstances;
  const { lagMatters, primaryLostAt } = topology;
  if (failures !== undefined) {
    const { intervalMs } = settings;
    return { kind: 'probe', afterMs: pauseAfterFailure({ ...failures, intervalMs }, dice) };
  }
  const isPollable =
    settings.longPoll &&
    circumstances.longPollWorks &&
    circumstances.connected &&
    node.role === 'standby' &&
    node.health === 'ok';
  if (primaryLostAt === undefined) {
    if (isPollable && circumstances.primaryIsLate === true) return longPoll(FIRST_PHASE, settings, dice);
    const factor = !lagMatters && isProvenByTraffic(node, settings, circumstances) ? PROVEN_FACTOR : 1;
    return probeAfter(settings.intervalMs * factor, dice);
  }
  const phase = WATCH_PHASES.find(({ untilMs }) => now - primaryLostAt < untilMs);
  if (phase === undefined) return probeAfter(settings.intervalMs, dice);
  return isPollable
    ? longPoll(phase, settings, dice)
    : probeAfter(Math.min(phase.pauseMs, settings.intervalMs), dice);
}

/** All clients lose the primary at the same time: their polls must not keep ending at the same time. */
function longPoll({ bound, stepMs }: WatchPhase, { timeoutMs }: ProbeSettings, dice: number): ProbePlan {
  return { kind: 'long-poll', boundMs: Math.floor(timeoutMs * bound * (1 - JITTER * dice)), stepMs };
}

/** Nodes that are probed at once. */
const STARTED_AT_ONCE = 4;
/** Time between the starts of two further nodes, milliseconds. */
const START_SPACING_MS = 10;
/** Latest start of any node, milliseconds. */
const LATEST_START_MS = 250;

/**
 * How long after the cluster's start the monitor of its `index`-th node begins, milliseconds: the first four
 * at once, so that a usual cluster is known as soon as possible, the others every 10 ms, so that a long list
 * floods neither the network nor our own event loop with handshakes. From the 29th node on the start is
 * random within 250 ms.
 */
export function startDelayMs(index: number, dice: number): number {
  if (index < STARTED_AT_ONCE) return 0;
  const slot = (index - STARTED_AT_ONCE + dice) * START_SPACING_MS;
  return slot < LATEST_START_MS ? slot : LATEST_START_MS * dice;
}

/**
 * Whether answers to the application show all that a probe would: that the node is alive, and, from
 * PostgreSQL 14 on, that its role is unchanged. Older servers report their role only when probed.
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
