import { assertDrainTime } from '../call/limits.ts';
import { argumentError, type PgHerdError } from '../model/errors.ts';
import { assertOptions, optionNames } from '../model/option-names.ts';
import type { Off } from '../observe/emitter.ts';
import type { Cluster } from './cluster.ts';
import { markLeaving } from './request-port.ts';

/** Signals that a process can handle. */
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
  /** Longest wait of `close()`, ms. Default: the cluster's `drainMs`. */
  readonly timeoutMs?: number | undefined;
  /**
   * Called before the cluster is closed: stop accepting requests here. If it throws, the cluster is closed
   * all the same.
   */
  readonly before?: ((signal: ShutdownSignal) => void | Promise<void>) | undefined;
  /** Called with errors during the shutdown. Default: none. */
  readonly failed?: ((error: unknown) => void) | undefined;
}

/**
 * Closes clusters when the process is asked to end, then lets it end by the same signal; a second signal ends
 * it at once. If your program listens to the signal as well, ending the process is left to it. The listeners
 * keep no process alive, and are removed when the clusters are closed in another way. Returns a function that
 * removes them.
 *
 * @throws PgHerdError `PGHERD_INVALID_ARGUMENT` for an unknown signal, and for a `timeoutMs` that is no number of ms, at least 0.
 * @example
 * ```ts
 * onShutdown(db, { before: () => new Promise((done) => server.close(() => done())), timeoutMs: 10_000 });
 * ```
 */
export function onShutdown(clusters: Cluster | readonly Cluster[], options: ShutdownOptions = {}): Off {
  const list = 'close' in clusters ? [clusters] : clusters;
  return new Shutdown(list, options).off;
}

const SHUTDOWN_OPTIONS = optionNames<ShutdownOptions>({
  signals: true,
  timeoutMs: true,
  before: true,
  failed: true,
});

/** Listens until the first signal, or until the last of its clusters is closed. */
class Shutdown {
  readonly #clusters: readonly Cluster[];
  readonly #options: ShutdownOptions;
  #closing = false;
  readonly off: Off;

  constructor(clusters: readonly Cluster[], options: ShutdownOptions) {
    assertOptions('onShutdown', options, SHUTDOWN_OPTIONS);
    const { signals = ['SIGTERM', 'SIGINT'], timeoutMs } = options;
    assertDrainTime(timeoutMs);
    const unknown = signals.find((signal) => !SHUTDOWN_SIGNALS.includes(signal));
    if (unknown !== undefined) throw invalidSignal(unknown);
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
    for (const cluster of this.#clusters) markLeaving(cluster);
    void this.#close(signal).finally(() => this.#end(signal));
  }

  async #close(signal: ShutdownSignal): Promise<void> {
    const { before, timeoutMs } = this.#options;
    try {
      await before?.(signal);
    } catch (error) {
      this.#report(error);
    }
    const closed = await Promise.allSettled(this.#clusters.map((cluster) => cluster.close({ timeoutMs })));
    for (const result of closed) if (result.status === 'rejected') this.#report(result.reason);
  }

  /** The process ends as it would have without us, so that its parent sees the signal. */
  #end(signal: ShutdownSignal): void {
    this.off();
    if (process.listenerCount(signal) === 0) process.kill(process.pid, signal);
  }

  #report(error: unknown): void {
    try {
      this.#options.failed?.(error);
    } catch {
      // The error handler itself is broken: no one is left to notify.
    }
  }
}

function invalidSignal(signal: unknown): PgHerdError {
  return argumentError(`signals has ${String(signal)}, but must be of ${SHUTDOWN_SIGNALS.join(', ')}.`, {
    argument: 'signals',
  });
}
