import { onAbort } from '../time/wait.ts';

/** Ends a subscription; harmless when called again. */
export type Off = () => void;

/** How a listener is bound. */
export interface ListenOptions {
  /** End the subscription after the first event. */
  readonly once?: boolean | undefined;
  /** End the subscription when this aborts. */
  readonly signal?: AbortSignal | undefined;
}

/**
 * Typed events. A listener that throws or rejects cannot affect the emitting code: the error goes to
 * `onListenerError`.
 */
export class Emitter<Events> {
  readonly #listeners = new Map<keyof Events, Set<(event: never) => unknown>>();
  readonly #onListenerError: (name: string, error: unknown) => void;

  constructor(onListenerError: (name: string, error: unknown) => void) {
    this.#onListenerError = onListenerError;
  }

  on<N extends keyof Events>(name: N, fn: (event: Events[N]) => void, options: ListenOptions = {}): Off {
    const { signal } = options;
    if (signal?.aborted) return () => undefined;
    const listeners = this.#listeners.get(name) ?? new Set();
    this.#listeners.set(name, listeners);
    const off: Off = () => {
      listeners.delete(listener);
      forget();
    };
    const listener = (event: Events[N]): unknown => {
      if (options.once === true) off();
      return fn(event);
    };
    listeners.add(listener);
    const forget = onAbort(signal, off);
    return off;
  }

  emit<N extends keyof Events>(name: N, event: Events[N]): void {
    const listeners = this.#listeners.get(name);
    if (listeners === undefined || listeners.size === 0) return;
    for (const listener of [...listeners]) {
      // An earlier listener has removed it: then it must not be called.
      if (!listeners.has(listener)) continue;
      try {
        const result = (listener as (event: Events[N]) => unknown)(event);
        if (result instanceof Promise) result.catch((error: unknown) => this.#report(name, error));
      } catch (error) {
        this.#report(name, error);
      }
    }
  }

  #report(name: keyof Events, error: unknown): void {
    try {
      this.#onListenerError(String(name), error);
    } catch {
      // The listener for errors failed as well: there is none left to notify.
    }
  }

  /** Whether the event has listeners, so that it need not be created without any. */
  has(name: keyof Events): boolean {
    return (this.#listeners.get(name)?.size ?? 0) > 0;
  }
}
