import { argumentError, type PgHerdError } from '../model/errors.ts';
import type { Off } from '../observe/emitter.ts';
import type { Cluster } from './cluster.ts';

/** Signals that a process can act upon. */
export const SHUTDOWN_SIGNALS = Object.freeze([
  'SIGTERM',
  'SIGINT',
  'SIGHUP',
  'SIGQUIT',
  'SIGBREAK',
  'SIGUSR2',
] as const);
/** One of {@link SHUTDOWN_SIGNALS}. */
export type ShutdownSignal = (typeof SHUTDOWN_SIGNALS)[number];

/** How a cluster ends with its process. */
export interface ShutdownOptions {
  /** Default `['SIGTERM', 'SIGINT']`. */
  readonly signals?: readonly ShutdownSignal[] | undefined;
  /** What `close()` waits for at most, ms. Default: the cluster's `drainMs`. */
  readonly timeoutMs?: number | undefined;
  /** Done before the cluster is closed: stop taking requests here. What it throws does not keep the cluster open. */
  readonly before?: ((signal: ShutdownSignal) => void | Promise<void>) | undefined;
  /** Told of what went wrong. Default: nobody. */
  readonly failed?: ((error: unknown) => void) | undefined;
}

/**
 * Closes clusters when the process is asked to end, then lets it end by that very signal; a second signal ends it at once. Where
 * your program listens to the signal as well, its end is left to you. The listeners keep no process alive, and go with
 * the cluster when it is closed in another way. Returns what takes them off.
 *
 * @throws PgHerdError `PGHERD_INVALID_ARGUMENT` for what is no signal.
 * @example
 * ```ts
 * onShutdown(db, { before: () => new Promise((done) => server.close(() => done())), timeoutMs: 10_000 });
 * ```
 */
export function onShutdown(clusters: Cluster | readonly Cluster[], options: ShutdownOptions = {}): Off {
  const list = 'close' in clusters ? [clusters] : clusters;
  return new Shutdown(list, options).off;
}

/** Listens until the first signal, or until the last of its clusters is closed. */
class Shutdown {
  readonly #clusters: readonly Cluster[];
  readonly #options: ShutdownOptions;
  #closing = false;
  readonly off: Off;

  constructor(clusters: readonly Cluster[], options: ShutdownOptions) {
    const { signals = ['SIGTERM', 'SIGINT'] } = options;
    const strange = signals.find((signal) => !SHUTDOWN_SIGNALS.includes(signal));
    if (strange !== undefined) throw invalidSignal(strange);
    this.#clusters = clusters;
    this.#options = options;
    const listener = (signal: NodeJS.Signals) => this.#onSignal(signal as ShutdownSignal);
    for (const signal of signals) process.on(signal, listener);
    const offs = clusters.map((cluster) => cluster.on('cluster:closed', () => this.#onClosed()));
    this.off = () => {
      for (const signal of signals) process.off(signal, listener);
      for (const off of offs) off();
    };
  }

  #onClosed(): void {
    if (!this.#closing && this.#clusters.every((cluster) => !cluster.isOpen)) this.off();
  }

  #onSignal(signal: ShutdownSignal): void {
    if (this.#closing) {
      for (const cluster of this.#clusters) cluster.terminate();
      this.#end(signal);
      return;
    }
    this.#closing = true;
    void this.#close(signal).finally(() => this.#end(signal));
  }

  async #close(signal: ShutdownSignal): Promise<void> {
    const { before, timeoutMs } = this.#options;
    try {
      await before?.(signal);
    } catch (error) {
      this.#tell(error);
    }
    const closed = await Promise.allSettled(this.#clusters.map((cluster) => cluster.close({ timeoutMs })));
    for (const result of closed) if (result.status === 'rejected') this.#tell(result.reason);
  }

  /** The process ends as it would have without us, so that whoever waits for it sees the signal. */
  #end(signal: ShutdownSignal): void {
    this.off();
    if (process.listenerCount(signal) === 0) process.kill(process.pid, signal);
  }

  #tell(error: unknown): void {
    try {
      this.#options.failed?.(error);
    } catch {
      // Whoever is told of errors is broken as well: there is nobody left to tell.
    }
  }
}

function invalidSignal(signal: unknown): PgHerdError {
  return argumentError(`signals has ${String(signal)}, but must be of ${SHUTDOWN_SIGNALS.join(', ')}.`, {
    argument: 'signals',
  });
}
