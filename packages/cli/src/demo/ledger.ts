import type { EventName } from './schedule.ts';
import { Series } from './series.ts';

/** What a call does. */
export type CallKind = 'write' | 'read';

/** A call that ended without a result. */
export interface Failure {
  readonly kind: CallKind;
  /** `unknown`: it is not known whether it was executed. `failed`: any other error. */
  readonly outcome: 'failed' | 'unknown';
  /** Identifier of the write; `undefined` for reads. */
  readonly id: number | undefined;
  /** When it ended, milliseconds since the workload began. */
  readonly atMs: number;
  /** How long it had waited, milliseconds. */
  readonly tookMs: number;
  /** The error's code and message. */
  readonly reason: string;
}

/** What happened between the begin of an event and that of the next. Times in milliseconds. */
export interface EventSummary {
  readonly name: EventName;
  readonly fromMs: number;
  readonly toMs: number;
  /** Longest time without any acknowledged write. */
  readonly writeStallMs: number;
  /** Longest time without any answered read. */
  readonly readStallMs: number;
  /** Longest single write that was acknowledged here. */
  readonly slowestWriteMs: number;
  /** Longest single read that was answered here. */
  readonly slowestReadMs: number;
  readonly writes: number;
  readonly reads: number;
  readonly failedWrites: number;
  readonly failedReads: number;
  readonly unknownOutcome: number;
}

/** An event that has begun. */
export interface EventStart {
  readonly name: EventName;
  readonly atMs: number;
}

/**
 * The demo's books: every call is entered once, when it ends, and belongs to the event that had begun last by
 * then. Holds no clock: all times are handed in, in milliseconds since the workload began.
 */
export class Ledger {
  readonly writes = new Series();
  readonly reads = new Series();
  readonly #acknowledged: number[] = [];
  readonly #failures: Failure[] = [];
  readonly #starts: EventStart[] = [];

  /** Identifiers of all acknowledged writes. */
  get acknowledged(): readonly number[] {
    return this.#acknowledged;
  }

  get failures(): readonly Failure[] {
    return this.#failures;
  }

  /** Events that have begun, oldest first. */
  get starts(): readonly EventStart[] {
    return this.#starts;
  }

  /** From now on calls that end belong to this event. */
  begin(name: EventName, atMs: number): void {
    this.#starts.push({ name, atMs });
  }

  writeAcknowledged(id: number, atMs: number, tookMs: number): void {
    this.#acknowledged.push(id);
    this.writes.add(atMs, tookMs);
  }

  readAnswered(atMs: number, tookMs: number): void {
    this.reads.add(atMs, tookMs);
  }

  /**
   * Enters a call that ended with an error; the error's code says whether it failed or its outcome is
   * unknown.
   */
  callFailed(kind: CallKind, id: number | undefined, error: unknown, atMs: number, tookMs: number): void {
    const outcome = kind === 'write' && codeOf(error) === 'PGHERD_OUTCOME_UNKNOWN' ? 'unknown' : 'failed';
    this.#failures.push({ kind, outcome, id, atMs, tookMs, reason: reasonOf(error) });
  }

  /** Identifiers of the writes that ended with this outcome. */
  idsOf(outcome: Failure['outcome']): number[] {
    return this.#failures.flatMap((one) => (one.outcome === outcome && one.id !== undefined ? [one.id] : []));
  }

  /** How many calls ended so. */
  count(kind: CallKind, outcome: Failure['outcome']): number {
    return this.#failures.filter((one) => one.kind === kind && one.outcome === outcome).length;
  }

  /** The books of each event, up to `nowMs`. */
  summaries(nowMs: number): EventSummary[] {
    return this.#starts.map((start, index) => {
      const toMs = this.#starts[index + 1]?.atMs ?? Number.POSITIVE_INFINITY;
      return this.#summary(start, toMs, nowMs);
    });
  }

  #summary({ name, atMs: fromMs }: EventStart, toMs: number, nowMs: number): EventSummary {
    const here = this.#failures.filter((one) => one.atMs >= fromMs && one.atMs < toMs);
    const count = (kind: CallKind, outcome: Failure['outcome']) =>
      here.filter((one) => one.kind === kind && one.outcome === outcome).length;
    return {
      name,
      fromMs,
      toMs: Math.min(toMs, nowMs),
      writeStallMs: this.writes.longestGap(fromMs, toMs, nowMs),
      readStallMs: this.reads.longestGap(fromMs, toMs, nowMs),
      slowestWriteMs: largest(this.writes.durationsBetween(fromMs, toMs)),
      slowestReadMs: largest(this.reads.durationsBetween(fromMs, toMs)),
      writes: this.writes.countBetween(fromMs, toMs),
      reads: this.reads.countBetween(fromMs, toMs),
      failedWrites: count('write', 'failed'),
      failedReads: count('read', 'failed'),
      unknownOutcome: count('write', 'unknown'),
    };
  }
}

function largest(values: readonly number[]): number {
  return values.reduce((most, value) => Math.max(most, value), 0);
}

function codeOf(error: unknown): string | undefined {
  if (typeof error !== 'object' || error === null || !('code' in error)) return undefined;
  return typeof error.code === 'string' ? error.code : undefined;
}

function reasonOf(error: unknown): string {
  const message = error instanceof Error ? error.message : String(error);
  const code = codeOf(error);
  return code === undefined ? message : `${code}: ${message}`;
}
