import type { Notification } from '../connection/port.ts';

/** Called for each notification. If it throws or rejects, the error is logged and has no other effect. */
export type NotificationListener = (payload: string, notification: ReceivedNotification) => unknown;

/** A notification, and the node that sent it. */
export interface ReceivedNotification extends Notification {
  readonly node: string;
}

/**
 * A time in which notifications may have been missed: the connection was lost, and LISTEN had to be sent
 * again.
 */
export interface ListenGap {
  readonly channel: string;
  /**
   * Everything committed before this time has arrived. It is the time, by the clock of this process, of the
   * last test of the connection that was answered; tests are sent every `deadAfterMs`. To read again from
   * here on repeats what arrived later.
   */
  readonly from: Date;
  /** Notifications arrive again from this time on. */
  readonly to: Date;
  /** Why the connection was given up. */
  readonly reason: string;
  /** The node that is listened to now. */
  readonly node: string;
}

/** Options of `listen`. */
export interface SubscribeOptions {
  /**
   * Called after each interruption, before the first notification that follows it. What was sent in between
   * is lost: read again what the notifications were about. Default: only the event `listen:gap`.
   */
  readonly onGap?: ((gap: ListenGap) => unknown) | undefined;
  /** Longest wait for the first LISTEN, ms. Default: the cluster's `waitTimeoutMs`. */
  readonly timeoutMs?: number | undefined;
  /** Ends the subscription when it aborts. */
  readonly signal?: AbortSignal | undefined;
}

/** A subscription to a channel. It survives failovers, until it is ended. */
export interface Subscription extends AsyncDisposable {
  readonly channel: string;
  /** Whether it has not been ended yet. */
  readonly isActive: boolean;
  /** The node that is listened to; `undefined` while there is none. */
  readonly node: string | undefined;
  /**
   * Ends it: the listener is not called any more. Resolves when the server has confirmed it or is gone; may
   * be called again.
   */
  unlisten(): Promise<void>;
}
