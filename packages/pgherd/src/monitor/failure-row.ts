import { connectFailureOf, isPasswordRefused } from '../retry/classify.ts';
import { type FailureKind, kindOfFailure } from '../topology/login-pauses.ts';

/** Attempts to connect that failed in a row. */
export interface Failing {
  /** Of the last one. */
  readonly kind: FailureKind;
  /** How many failed, if they lengthen the next pause. */
  readonly count: number;
  /** When the first of them failed. */
  readonly since: number;
}

/** Attempts to connect that failed in a row. */
export class FailureRow {
  #failing: Failing | undefined;

  /** `undefined` after an attempt that succeeded. */
  get failing(): Failing | undefined {
    return this.#failing;
  }

  /**
   * Counts one more. The first refused login starts a new count, however many passing failures preceded it; and a refusal of an attempt
   * that was brought forward does not lengthen the next pause.
   */
  add(error: unknown, beforeItsTime: boolean, now: number): void {
    const kind = kindOfFailure(connectFailureOf(error), isPasswordRefused(error));
    const before = this.#failing;
    if (before === undefined || rowOf(before.kind) !== rowOf(kind)) {
      this.#failing = { kind, count: 1, since: now };
      return;
    }
    const counts = rowOf(kind) === 'passing' || !beforeItsTime;
    this.#failing = { kind, count: before.count + (counts ? 1 : 0), since: before.since };
  }

  /** A connection was made. */
  end(): void {
    this.#failing = undefined;
  }
}

/** Kinds that are counted together. */
function rowOf(kind: FailureKind): 'password' | 'lasting' | 'passing' {
  return kind === 'password' || kind === 'lasting' ? kind : 'passing';
}
