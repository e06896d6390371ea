import type { CallRecord } from '../call/call.ts';
import type { RecordedTimes } from '../call/interceptor.ts';

/** A call that is watched: where it was sent, and when. Times are milliseconds of the cluster's clock. */
export class WatchedCall implements CallRecord {
  readonly startedAt: number;
  /** The node that it was sent to last. */
  node: string | undefined;
  /** Whether it shared its connection there. */
  shared = false;
  /** How often it was sent. */
  attempts = 0;
  #firstSentAt: number | undefined;
  #lastSentAt = 0;

  constructor(startedAt: number) {
    this.startedAt = startedAt;
  }

  sent(node: string, now: number, shared: boolean): void {
    this.node = node;
    this.shared = shared;
    this.attempts++;
    this.#firstSentAt ??= now;
    this.#lastSentAt = now;
  }

  /** How long it took, if it ends now. */
  times(now: number): RecordedTimes {
    const { startedAt } = this;
    const first = this.#firstSentAt;
    const durationMs = now - startedAt;
    if (first === undefined) return { durationMs, waitedMs: durationMs, retriedMs: 0, ranMs: 0 };
    return {
      durationMs,
      waitedMs: first - startedAt,
      retriedMs: this.#lastSentAt - first,
      ranMs: now - this.#lastSentAt,
    };
  }
}
