import type { ConnectFailure } from '../model/names.ts';

/**
 * Kinds of failed attempts to connect, by what a repetition costs, and may bring.
 *
 * - `password`: the server refused the password. Directories lock an account after a few of them.
 * - `lasting`: the login, the database, TLS or the version does not do, until the server or the options change.
 * - `refused`: no process listens, as while a server restarts.
 * - `starting-up`: the server starts or stops, and says so; each attempt is a process that it starts.
 * - `passing`: everything else.
 */
export const FAILURE_KINDS = Object.freeze([
  'password',
  'lasting',
  'refused',
  'starting-up',
  'passing',
] as const);
/** One of {@link FAILURE_KINDS}. */
export type FailureKind = (typeof FAILURE_KINDS)[number];

/** Failures that no retry mends: the server or the options have to change. */
const LASTING: ReadonlySet<ConnectFailure> = new Set([
  'authentication',
  'database-missing',
  'tls',
  'protocol',
  'server-too-old',
]);

/** Whether the failure stays until the server or the options change. */
export function isLastingFailure(failure: ConnectFailure | undefined): boolean {
  return failure !== undefined && LASTING.has(failure);
}

/** The kind of a failure; `isPassword`: the server refused the password. */
export function kindOfFailure(failure: ConnectFailure, isPassword: boolean): FailureKind {
  if (isPassword) return 'password';
  if (isLastingFailure(failure)) return 'lasting';
  return failure === 'refused' || failure === 'starting-up' ? failure : 'passing';
}

/** Attempts to connect to one node that failed in a row, and who is waiting for the next one. */
export interface Failures {
  readonly kind: FailureKind;
  /** How many of this kind failed in a row. */
  readonly count: number;
  /** Since when, milliseconds. */
  readonly forMs: number;
  /** Whether calls wait for a node. */
  readonly callsWait: boolean;
  /** `max_connections` as last probed: as many clients may be there. */
  readonly maxConnections: number | undefined;
  /** Longest pause after a passing failure, milliseconds. */
  readonly intervalMs: number;
}

/** Largest random share by which a pause differs, so that many clients spread out. */
const JITTER = 0.25;
/** Pauses after the first, the second, … failure, milliseconds; the last one stays. */
const LASTING_STEPS_MS: readonly number[] = Object.freeze([1_000, 2_000, 4_000, 8_000, 16_000, 30_000]);
const PASSWORD_STEPS_MS: readonly number[] = Object.freeze([1_000, 10_000, 30_000, 60_000, 300_000]);
/** Longest pauses of a lasting failure while calls wait, by how long it has lasted, milliseconds. */
const WHILE_CALLS_WAIT = Object.freeze([
  { untilMs: 10_000, atMostMs: 1_000 },
  { untilMs: 60_000, atMostMs: 5_000 },
]);
/** For so long, calls that wait shorten the pauses of a server that restarts, milliseconds. */
const RESTARTING_MS = 60_000;
/** Pause for each connection that the server allows, and its bounds, milliseconds: 2,000 attempts a second in all. */
const PER_CONNECTION_MS = 0.5;
const SHORTEST_REFUSED_MS = 100;
const LONGEST_REFUSED_MS = 1_000;
const SHORTEST_STARTING_MS = 250;
/** First pause after a passing failure, milliseconds; it doubles. */
const PASSING_START_MS = 50;
const MAX_DOUBLINGS = 20;

/** How often `password()` is asked for another value while calls wait, milliseconds. */
export const LOOK_FOR_PASSWORD_MS = 2_000;

/** The pause before the next attempt, milliseconds; `dice` is a number in [0, 1). */
export function pauseAfterFailure(failures: Failures, dice: number): number {
  const { kind, count } = failures;
  switch (kind) {
    case 'password':
      return step(PASSWORD_STEPS_MS, count) * (1 + JITTER * dice);
    case 'lasting':
      return Math.min(
        step(LASTING_STEPS_MS, count) * (1 + JITTER * dice),
        longestWhileWaiting(failures, dice),
      );
    case 'refused':
      return isRestartWaitedFor(failures)
        ? refusedPauseMs(failures) * (1 - JITTER + 2 * JITTER * dice)
        : passingPauseMs(failures) * (1 + JITTER * dice);
    case 'starting-up': {
      const usual = isRestartWaitedFor(failures) ? SHORTEST_STARTING_MS : passingPauseMs(failures);
      return Math.max(SHORTEST_STARTING_MS, usual) * (1 + JITTER * dice);
    }
    case 'passing':
      return passingPauseMs(failures) * (1 + JITTER * dice);
    default:
      return kind satisfies never;
  }
}

/** Shortest time between the starts of two attempts, or of looks for another password, whatever is known meanwhile, milliseconds. */
export function shortestPauseMs(kind: FailureKind): number {
  switch (kind) {
    case 'password':
      return LOOK_FOR_PASSWORD_MS;
    case 'lasting':
      return LASTING_STEPS_MS[0] ?? 0;
    case 'starting-up':
      return SHORTEST_STARTING_MS;
    case 'refused':
    case 'passing':
      return PASSING_START_MS;
    default:
      return kind satisfies never;
  }
}

function step(steps: readonly number[], count: number): number {
  return steps[Math.min(Math.max(count, 1), steps.length) - 1] ?? 0;
}

function longestWhileWaiting({ callsWait, forMs }: Failures, dice: number): number {
  const phase = callsWait ? WHILE_CALLS_WAIT.find(({ untilMs }) => forMs < untilMs) : undefined;
  return phase === undefined ? Number.POSITIVE_INFINITY : phase.atMostMs * (1 - JITTER * dice);
}

function isRestartWaitedFor({ callsWait, forMs }: Failures): boolean {
  return callsWait && forMs < RESTARTING_MS;
}

function refusedPauseMs({ maxConnections = 0 }: Failures): number {
  return Math.min(LONGEST_REFUSED_MS, Math.max(SHORTEST_REFUSED_MS, PER_CONNECTION_MS * maxConnections));
}

function passingPauseMs({ count, intervalMs }: Failures): number {
  return Math.min(intervalMs, PASSING_START_MS * 2 ** Math.min(Math.max(0, count - 1), MAX_DOUBLINGS));
}
