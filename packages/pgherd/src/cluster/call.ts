import { PgHerdError } from '../model/errors.ts';
import { TARGETS, type Target } from '../model/names.ts';
import type { Demand } from '../routing/select.ts';
import { type Deadline, deadlineAfter } from '../time/deadline.ts';
import type { Random } from '../time/port.ts';
import type { Access } from './session.ts';

/** Where a call may go. */
export interface RoutingOptions {
  /** Default: the cluster's `target`, `read-write` unless set. */
  readonly target?: Target | undefined;
  /** Target to fall back to where no node suits. Default: none. */
  readonly fallback?: Target | undefined;
  /** Only this node, by name (`host:port`). */
  readonly node?: string | undefined;
  /** Largest lag of a standby, ms; unknown lag does not pass. Default: no limit. */
  readonly maxLagMs?: number | undefined;
  /** Largest lag of a standby, bytes; unknown lag does not pass. Default: no limit. */
  readonly maxLagBytes?: number | undefined;
  /** Chance, 0 to 1, that the primary counts among the standbys. Default 0. */
  readonly primaryReadWeight?: number | undefined;
}

/** What can be said for any single call. */
export interface CallOptions extends RoutingOptions {
  /** Longest duration of the call, all waits and attempts included, ms. Default: the cluster's. */
  readonly timeoutMs?: number | undefined;
  /** Gives up when it aborts. */
  readonly signal?: AbortSignal | undefined;
  /** Running it twice does no harm: it is run again even when its outcome is unknown. Default `false`. */
  readonly idempotent?: boolean | undefined;
}

/** One call on its way: what it wants and how long it may take. */
export interface Call {
  readonly demand: Demand;
  /** Whether its connections may write. */
  readonly access: Access;
  readonly deadline: Deadline;
  readonly signal: AbortSignal | undefined;
  readonly idempotent: boolean;
  readonly startedAt: number;
}

/** What a call learns while it looks for a session. */
export interface Search {
  readonly deadline: number;
  /** Nodes whose pool could not connect a moment ago. */
  readonly avoid: Set<string>;
  /** Why a node gave no connection, by its name. */
  readonly refusals: Map<string, string>;
}

/** Defaults that a call inherits from its cluster. */
export interface CallDefaults {
  readonly target: Target;
  readonly timeoutMs: number | undefined;
}

/**
 * Starts the clock of a call.
 * @throws PgHerdError `PGHERD_INVALID_ARGUMENT` for options that make no sense.
 */
export function startCall(options: CallOptions, defaults: CallDefaults, now: number, random: Random): Call {
  const target = options.target ?? defaults.target;
  const timeoutMs = options.timeoutMs ?? defaults.timeoutMs;
  if (timeoutMs !== undefined && !(timeoutMs > 0))
    throw invalid('timeoutMs', timeoutMs, 'a number of ms above 0');
  assertRouting(options);
  const weight = options.primaryReadWeight ?? 0;
  if (!(weight >= 0 && weight <= 1)) throw invalid('primaryReadWeight', weight, 'between 0 and 1');
  const writes = target === 'read-write' || target === 'primary';
  const { fallback, node, maxLagMs, maxLagBytes, signal } = options;
  const primaryReads = weight > 0 && random.next() < weight;
  return {
    demand: { target, fallback, node, maxLagMs, maxLagBytes, primaryReads },
    access: writes ? 'read-write' : 'read-only',
    deadline: deadlineAfter(now, timeoutMs),
    signal,
    idempotent: options.idempotent ?? false,
    startedAt: now,
  };
}

/** A target nobody knows must not mean "any", nor a limit that is no number "none". */
function assertRouting({ target, fallback, maxLagMs, maxLagBytes }: RoutingOptions): void {
  for (const [name, value] of Object.entries({ target, fallback })) {
    if (value !== undefined && !TARGETS.includes(value))
      throw invalid(name, value, `one of ${TARGETS.join(', ')}`);
  }
  for (const [name, value] of Object.entries({ maxLagMs, maxLagBytes })) {
    if (value !== undefined && !(value >= 0)) throw invalid(name, value, 'a number, at least 0');
  }
}

function invalid(name: string, value: unknown, must: string): PgHerdError {
  return new PgHerdError('PGHERD_INVALID_ARGUMENT', `${name} is ${String(value)}, but must be ${must}.`, {
    details: { argument: name },
  });
}
