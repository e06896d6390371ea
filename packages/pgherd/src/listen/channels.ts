import { messageOf } from '../model/errors.ts';
import type { Logger } from '../observe/logger.ts';
import type { Clock } from '../time/port.ts';
import type { ListenGap, NotificationListener, ReceivedNotification, SubscribeOptions } from './listen.ts';

/** One subscription, as it is kept here. */
export interface Subscriber {
  readonly channel: string;
  readonly fn: NotificationListener;
  readonly onGap: SubscribeOptions['onGap'];
  /** Whether the server ever listened to its channel: only then can it have missed anything. */
  established: boolean;
  /** Set while the first LISTEN is awaited. */
  waiter: { resolve(): void; reject(error: unknown): void } | undefined;
}

/** What the channels need from the cluster. */
export interface ChannelsPorts {
  readonly clock: Clock;
  readonly logger: Logger;
  /** Reports a gap of a channel; called once for all its subscriptions. */
  gap(gap: ListenGap): void;
}

interface Loss {
  /** What was committed before this time has arrived, milliseconds since 1970. */
  readonly from: number;
  readonly reason: string;
}

/**
 * The subscriptions by channel, and what their listeners are called with. After the connection was lost, the
 * gap is reported first: notifications that arrive before that are kept.
 */
export class Channels {
  readonly #ports: ChannelsPorts;
  readonly #subscribers = new Map<string, Set<Subscriber>>();
  #loss: Loss | undefined;
  /** Notifications that came after a loss, before its gap was reported. */
  #early: ReceivedNotification[] = [];

  constructor(ports: ChannelsPorts) {
    this.#ports = ports;
  }

  get isEmpty(): boolean {
    return this.#subscribers.size === 0;
  }

  /** Names of the channels that have subscriptions. */
  names(): ReadonlySet<string> {
    return new Set(this.#subscribers.keys());
  }

  add(subscriber: Subscriber): void {
    const subscribers = this.#subscribers.get(subscriber.channel) ?? new Set();
    this.#subscribers.set(subscriber.channel, subscribers.add(subscriber));
  }

  has(subscriber: Subscriber): boolean {
    return this.#subscribers.get(subscriber.channel)?.has(subscriber) === true;
  }

  /** Whether it was there. */
  delete(subscriber: Subscriber): boolean {
    const subscribers = this.#subscribers.get(subscriber.channel);
    if (subscribers?.delete(subscriber) !== true) return false;
    if (subscribers.size === 0) this.#subscribers.delete(subscriber.channel);
    return true;
  }

  /** Fails the subscriptions whose first LISTEN is awaited. */
  reject(error: unknown): void {
    for (const { waiter } of this.#all()) waiter?.reject(error);
  }

  /** Ends all subscriptions. */
  clear(error: unknown): void {
    const all = this.#all();
    this.#subscribers.clear();
    for (const { waiter } of all) waiter?.reject(error);
  }

  #all(): Subscriber[] {
    return [...this.#subscribers.values()].flatMap((subscribers) => [...subscribers]);
  }

  /**
   * The connection was lost; `from` is the time before which all has arrived. Until it is made up for, the
   * first loss counts.
   */
  noteLoss(from: number, reason: string): void {
    this.#loss ??= { from, reason };
  }

  /** Forgets the loss: there is no subscription that could have missed anything. */
  forgetLoss(): void {
    this.#loss = undefined;
    this.#early = [];
  }

  /**
   * The server on `node` listens to the channels for which `hears` returns true: reports their gaps, and what
   * came early.
   */
  noteHeard(hears: (channel: string) => boolean, node: string): void {
    const heard = [...this.#subscribers].filter(([channel]) => hears(channel));
    const loss = this.#loss;
    if (heard.length > 0) this.#loss = undefined;
    for (const [channel, subscribers] of heard) {
      if (loss !== undefined) this.#reportGap(channel, [...subscribers], loss, node);
      for (const subscriber of subscribers) {
        subscriber.established = true;
        subscriber.waiter?.resolve();
      }
    }
    if (this.#loss === undefined) for (const one of this.#early.splice(0)) this.deliver(one);
  }

  #reportGap(channel: string, subscribers: readonly Subscriber[], loss: Loss, node: string): void {
    const missed = subscribers.filter(({ established }) => established);
    if (missed.length === 0) return;
    const gap: ListenGap = Object.freeze({
      channel,
      from: new Date(loss.from),
      to: new Date(this.#ports.clock.wallTime()),
      reason: loss.reason,
      node,
    });
    this.#ports.gap(gap);
    for (const { onGap } of missed) this.#call(() => onGap?.(gap), `onGap of "${channel}"`);
  }

  /** Calls the listeners of the notification's channel. */
  deliver(notification: ReceivedNotification): void {
    const { channel, payload } = notification;
    const subscribers = this.#subscribers.get(channel);
    if (subscribers === undefined) return;
    if (this.#loss !== undefined) {
      this.#early.push(notification);
      return;
    }
    for (const subscriber of [...subscribers]) {
      // A listener may have ended the subscription of another one.
      if (!subscribers.has(subscriber)) continue;
      this.#call(() => subscriber.fn(payload, notification), `listener of "${channel}"`);
    }
  }

  /** An error of a listener is logged, and cannot affect the other listeners. */
  #call(fn: () => unknown, what: string): void {
    const report = (error: unknown) => {
      try {
        this.#ports.logger.error(`pgherd: the ${what} threw: ${messageOf(error)}`);
      } catch {
        // The logger is broken as well; there is nothing left to report to.
      }
    };
    try {
      const result = fn();
      if (result instanceof Promise) result.catch(report);
    } catch (error) {
      report(error);
    }
  }
}
