import type { AsyncLocalStorage } from 'node:async_hooks';
import { type Channel, channel } from 'node:diagnostics_channel';
import type { TracingMessages } from '../channels/channels.ts';
import type { Off } from '../observe/emitter.ts';

type Name = keyof TracingMessages;

/** Where errors of subscribers go, which must never reach a call or the process. */
export type Report = (error: unknown) => void;

/** What subscribes to channels and events, and ends together. */
export class Subscriptions {
  readonly #offs: Off[] = [];
  readonly #report: Report;

  constructor(report: Report) {
    this.#report = report;
  }

  /** Something that ends together with the others. */
  add(off: Off): void {
    this.#offs.push(off);
  }

  /** Calls `fn` for each message of one of the five channels of an operation. */
  subscribe<N extends Name>(
    name: N,
    event: 'start' | 'asyncEnd',
    fn: (message: TracingMessages[N]) => void,
  ): void {
    const subscriber = this.#safely(fn) as (message: unknown) => void;
    const subscribed = channelOf(name, event);
    subscribed.subscribe(subscriber);
    this.#offs.push(() => subscribed.unsubscribe(subscriber));
  }

  /** Everything that an operation does gets what `fn` returns for its message as the content of a storage. */
  bindStore<N extends Name, T>(
    name: N,
    storage: AsyncLocalStorage<T>,
    fn: (message: TracingMessages[N]) => T | undefined,
  ): void {
    const bound = channelOf(name, 'start');
    // Node's types want an object that is the message.
    const bind = bound.bindStore.bind(bound) as unknown as (
      store: AsyncLocalStorage<T>,
      transform: (message: unknown) => T | undefined,
    ) => void;
    const content = this.#safely(fn) as (message: unknown) => T | undefined;
    bind(storage, (message) => content(message) ?? storage.getStore());
    this.#offs.push(() => bound.unbindStore(storage));
  }

  /** Runs something whose error is reported. */
  attempt(work: () => void): void {
    this.#safely(work)(undefined);
  }

  end(): void {
    for (const off of this.#offs.splice(0)) off();
  }

  /** The same function, whose errors are reported. */
  #safely<M, T>(fn: (message: M) => T): (message: M) => T | undefined {
    return (message) => {
      try {
        return fn(message);
      } catch (error) {
        this.#failed(error);
        return undefined;
      }
    };
  }

  #failed(error: unknown): void {
    try {
      this.#report(error);
    } catch {
      // What reports has failed as well: there is nothing left to report to.
    }
  }
}

function channelOf(name: Name, event: string): Channel {
  return channel(`tracing:${name}:${event}`);
}
