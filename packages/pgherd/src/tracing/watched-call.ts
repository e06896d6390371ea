import type { CallRecord } from '../call/call.ts';
import type { RecordedTimes } from '../call/interceptor.ts';
import type { QueryMessage } from '../channels/channels.ts';

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

  /** Adds to a message where it ran and how long it took, if it ends now. */
  complete(message: QueryMessage, now: number): void {
    const first = this.#firstSentAt;
    message.node = this.node;
    message.attempts = this.attempts;
    message.shared = this.shared;
    message.durationMs = now - this.startedAt;
    message.waitedMs = (first ?? now) - this.startedAt;
    message.retriedMs = first === undefined ? 0 : this.#lastSentAt - first;
    message.ranMs = first === undefined ? 0 : now - this.#lastSentAt;
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
