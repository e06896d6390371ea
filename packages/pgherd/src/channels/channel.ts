import { channel, type Channel as NodeChannel } from 'node:diagnostics_channel';

/**
 * A tracing channel of Node (`diagnostics_channel`): five channels of one operation, as `tracingChannel(name)` subscribes to them. Their
 * messages are one object for each operation, which gains what is known only at the end. Without subscribers it costs nothing.
 *
 * What an operation returns is never published, since it may be rows of the application's.
 */
export class TracedOperation<M extends object> {
  readonly #start: NodeChannel;
  readonly #end: NodeChannel;
  readonly #asyncStart: NodeChannel;
  readonly #asyncEnd: NodeChannel;
  readonly #error: NodeChannel;

  constructor(name: string) {
    const named = (event: string) => channel(`tracing:${name}:${event}`);
    this.#start = named('start');
    this.#end = named('end');
    this.#asyncStart = named('asyncStart');
    this.#asyncEnd = named('asyncEnd');
    this.#error = named('error');
  }

  /** Whether anything subscribes to it. */
  get isWatched(): boolean {
    return (
      this.#start.hasSubscribers ||
      this.#asyncEnd.hasSubscribers ||
      this.#error.hasSubscribers ||
      this.#end.hasSubscribers ||
      this.#asyncStart.hasSubscribers
    );
  }

  /**
   * Runs the work, and publishes its beginning and its end; `complete` adds to the message what is known at the end, if anything is. Stores
   * that are bound to the channel are those of everything that the work does.
   */
  trace<T>(
    message: M & { error?: unknown },
    work: () => Promise<T>,
    complete?: (value: T | undefined, error: unknown) => void,
  ): Promise<T> {
    // Not `async`: each promise in between would cost every statement that is watched.
    return this.#started(message, work).then(
      (value) => {
        complete?.(value, undefined);
        this.#ended(message);
        return value;
      },
      (error: unknown) => {
        complete?.(undefined, error);
        message.error = error;
        this.#error.publish(message);
        this.#ended(message);
        throw error;
      },
    );
  }

  #ended(message: M): void {
    this.#asyncStart.publish(message);
    this.#asyncEnd.publish(message);
  }

  #started<T>(message: M, work: () => Promise<T>): Promise<T> {
    // Most subscribers want to know of ends alone.
    if (!this.#start.hasSubscribers && !this.#end.hasSubscribers) return promised(work);
    return this.#start.runStores(message, () => {
      try {
        return promised(work);
      } finally {
        this.#end.publish(message);
      }
    });
  }
}

/** What it throws at once is a rejection as well. */
function promised<T>(work: () => Promise<T>): Promise<T> {
  try {
    return work();
  } catch (error) {
    return Promise.reject(error);
  }
}
