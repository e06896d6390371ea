import type { Notification } from '../connection/port.ts';

/** What is called for each notification. What it throws or rejects with is logged and hurts nobody else. */
export type NotificationListener = (payload: string, notification: ReceivedNotification) => unknown;

/** A notification, and the node that it came from. */
export interface ReceivedNotification extends Notification {
  readonly node: string;
}

/** A time in which notifications may have been missed: the connection was lost, and LISTEN had to be said anew. */
export interface ListenGap {
  readonly channel: string;
  /**
   * What was committed before that has come. By this process' clock: when the server was last asked for a sign of life, every
   * `deadAfterMs`, and gave it. What was heard after it may repeat when it is read again.
   */
  readonly from: Date;
  /** From when on notifications come again. */
  readonly to: Date;
  /** Why the connection was given up. */
  readonly reason: string;
  /** The node that is listened to now. */
  readonly node: string;
}

/** Options of `listen`. */
export interface SubscribeOptions {
  /**
   * Told after each interruption, before the first notification behind it. What was sent in between is lost: read again what
   * the notifications were about. Default: only the event `listen:gap`.
   */
  readonly onGap?: ((gap: ListenGap) => unknown) | undefined;
  /** Longest wait for the first LISTEN, ms. Default: the cluster's `waitTimeoutMs`. */
  readonly timeoutMs?: number | undefined;
  /** Ends the subscription when it aborts. */
  readonly signal?: AbortSignal | undefined;
}

/** A subscription to a channel; it goes on over failovers until it is ended. */
export interface Subscription extends AsyncDisposable {
  readonly channel: string;
  /** Whether it has not been ended yet. */
  readonly isActive: boolean;
  /** The node that is listened to; `undefined` while there is none. */
  readonly node: string | undefined;
  /** Ends it: nothing is called any more. Harmless when called again; resolves when the server knows, or is gone. */
  unlisten(): Promise<void>;
}
