import { connectFailureOf, isPasswordRefused } from '../retry/classify.ts';
import { type FailureKind, isLastingFailure, kindOfFailure } from '../topology/login-pauses.ts';

/** Failures that only another server or other options can end. */
const NEVER_HEALS: ReadonlySet<string> = new Set(['tls', 'protocol', 'server-too-old']);
/** So many refusals in a row are no accident, such as a password that is just being changed. */
const SETTLED_AFTER = 2;

/** Why a node lets nobody in. */
export interface LoginRefusal {
  readonly error: unknown;
  readonly kind: FailureKind;
  /** How often in a row; of attempts that were under way together only one counts. */
  readonly count: number;
  /** When the last one that counts was refused. */
  readonly at: number;
  /** Since when, milliseconds of the cluster's clock. */
  readonly since: number;
}

/**
 * Whether logins to one node are worth an attempt. One refused login stands for all: while the gate is closed only the monitor's
 * attempts go through, and the first success opens it for all.
 */
export class LoginGate {
  readonly #changed: () => void;
  #refusal: LoginRefusal | undefined;
  #hasOpened = false;

  /** `changed` is called when it opens or closes, and after each further refusal that counts. */
  constructor(changed: () => void) {
    this.#changed = changed;
  }

  /** The refusal that keeps it closed; `undefined` while it is open. */
  get refusal(): LoginRefusal | undefined {
    return this.#refusal;
  }

  /**
   * Whether waiting is pointless: the refusal cannot heal by itself, no login has ever succeeded, or it was repeated. A login that has
   * worked before may be refused once while its password is being changed.
   */
  get isSettled(): boolean {
    const refusal = this.#refusal;
    if (refusal === undefined) return false;
    const heals = !NEVER_HEALS.has(connectFailureOf(refusal.error));
    return !heals || !this.#hasOpened || refusal.count >= SETTLED_AFTER;
  }

  /** An attempt to connect, which began at `startedAt`, has failed; nothing follows unless the login was refused. */
  noteFailure(error: unknown, startedAt: number, now: number): void {
    const failure = connectFailureOf(error);
    if (!isLastingFailure(failure)) return;
    const before = this.#refusal;
    const counts = before === undefined || startedAt > before.at;
    this.#refusal = {
      error,
      kind: kindOfFailure(failure, isPasswordRefused(error)),
      count: (before?.count ?? 0) + (counts ? 1 : 0),
      at: counts ? now : before.at,
      since: before?.since ?? now,
    };
    if (counts) this.#changed();
  }

  /** A login succeeded. */
  noteSuccess(): void {
    this.#hasOpened = true;
    if (this.#refusal === undefined) return;
    this.#refusal = undefined;
    this.#changed();
  }
}
