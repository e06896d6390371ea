import { invalidArgument } from '../model/errors.ts';
import type { Clock } from '../time/port.ts';

/** The limits of a call, among its options. */
interface CallLimits {
  readonly timeoutMs?: number | undefined;
  readonly signal?: AbortSignal | undefined;
}

/**
 * Refuses limits that would limit nothing, such as a number in a string.
 * @throws PgHerdError `PGHERD_INVALID_ARGUMENT`
 */
export function assertLimits({ timeoutMs, signal }: CallLimits): void {
  if (timeoutMs !== undefined && !(typeof timeoutMs === 'number' && timeoutMs > 0))
    throw invalidArgument('timeoutMs', shown(timeoutMs), 'a number of ms above 0');
  if (signal !== undefined && !isSignal(signal))
    throw invalidArgument('signal', shown(signal), 'an AbortSignal');
}

/**
 * Refuses a time for running work to end that is none: `NaN`, which a missing variable becomes, would be no time at all.
 * @throws PgHerdError `PGHERD_INVALID_ARGUMENT`
 */
export function assertDrainTime(timeoutMs: number | undefined): void {
  if (timeoutMs !== undefined && !(typeof timeoutMs === 'number' && timeoutMs >= 0))
    throw invalidArgument('timeoutMs', shown(timeoutMs), 'a number of ms, at least 0');
}

/** Whether it is an AbortSignal, also one of another realm or of a polyfill. */
export function isSignal(value: unknown): boolean {
  if (typeof value !== 'object' || value === null) return false;
  const { aborted, addEventListener } = value as Partial<AbortSignal>;
  return typeof aborted === 'boolean' && typeof addEventListener === 'function';
}

function shown(value: unknown): string {
  if (typeof value === 'number') return String(value);
  if (typeof value === 'string') return JSON.stringify(value.slice(0, 40));
  return value === null ? 'null' : `of type ${typeof value}`;
}

interface LimitedCall {
  readonly deadline: number;
  readonly signal: AbortSignal | undefined;
}

/**
 * A call of a statement on a connection that the caller holds: it may have a shorter deadline and a signal of
 * its own, but no other node.
 * @throws PgHerdError `PGHERD_INVALID_ARGUMENT`
 */
export function narrowedCall<T extends LimitedCall>(call: T, options: CallLimits, clock: Clock): T {
  const { timeoutMs, signal } = options;
  if (timeoutMs === undefined && signal === undefined) return call;
  assertLimits(options);
  const deadline = timeoutMs === undefined ? call.deadline : Math.min(call.deadline, clock.now() + timeoutMs);
  return { ...call, deadline, signal: signal ?? call.signal };
}
