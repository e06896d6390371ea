import type { DiscoveredNode, Discovery, DiscoveryContext } from '../discovery/port.ts';
import { messageOf, PgHerdError } from '../model/errors.ts';
import type { Clock, Random, Timer } from '../time/port.ts';
import { sleep } from '../time/wait.ts';

/**
 * Pause before a failed iteration begins again, milliseconds: random from half of it on; it doubles up to the
 * maximum.
 */
const RESTART_START_MS = 1_000;
const RESTART_MAX_MS = 30_000;
/** Shortest time between two lists that are requested because the primary was lost, milliseconds. */
const HINT_PAUSE_MS = 1_000;
/** Time after which a discovery without any list is reported, milliseconds. */
const SILENCE_MS = 10_000;

/** What the loop needs from the cluster. */
export interface DiscoveryPorts {
  readonly clock: Clock;
  readonly random: Random;
  readonly defaultPort: number;
  /** Takes in a list; throws if it cannot be used. */
  accept(list: readonly DiscoveredNode[]): void;
  /** Called for every list that could not be obtained or used. */
  failed(error: unknown): void;
}

/**
 * Iterates over a discovery as long as the cluster lives. Its errors never reach a call: the last valid list
 * stays in force, and the iteration begins again.
 */
export class DiscoveryLoop {
  readonly #discovery: Discovery;
  readonly #ports: DiscoveryPorts;
  readonly #abort = new AbortController();
  /** Aborts the pauses in progress, which then end early. */
  #pauses = new AbortController();
  #hintedAt = Number.NEGATIVE_INFINITY;
  #silence: Timer | undefined;

  constructor(discovery: Discovery, ports: DiscoveryPorts) {
    this.#discovery = discovery;
    this.#ports = ports;
  }

  start(): void {
    const { clock } = this.#ports;
    this.#silence = clock.schedule(SILENCE_MS, () => this.#ports.failed(this.#silent()), { ref: false });
    void this.#run();
  }

  /** Ends the loop. It cannot be started again. */
  stop(): void {
    this.#silence?.cancel();
    this.#abort.abort(new PgHerdError('PGHERD_CLOSED', 'the cluster is closed'));
    this.#pauses.abort();
  }

  /** The list of nodes is worth a look now. */
  hint(): void {
    const now = this.#ports.clock.now();
    if (now - this.#hintedAt < HINT_PAUSE_MS) return;
    this.#hintedAt = now;
    this.#pauses.abort();
    this.#pauses = new AbortController();
  }

  async #run(): Promise<void> {
    const { random } = this.#ports;
    let failures = 0;
    const context = this.#context();
    while (!this.#abort.signal.aborted) {
      try {
        for await (const list of this.#discovery.watch(context)) {
          if (this.#abort.signal.aborted) return;
          this.#silence?.cancel();
          if (this.#take(list)) failures = 0;
        }
        return;
      } catch (error) {
        if (this.#abort.signal.aborted) return;
        this.#silence?.cancel();
        this.#ports.failed(this.#failed(error));
      }
      const limit = Math.min(RESTART_MAX_MS, RESTART_START_MS * 2 ** Math.min(failures++, 10));
      await this.#pause(limit * (0.5 + 0.5 * random.next()));
    }
  }

  #take(list: readonly DiscoveredNode[]): boolean {
    try {
      this.#ports.accept(list);
      return true;
    } catch (error) {
      this.#ports.failed(error);
      return false;
    }
  }

  #context(): DiscoveryContext {
    const { clock, random, defaultPort } = this.#ports;
    const pause = (ms: number) => this.#pause(ms);
    return Object.freeze({ clock, random, defaultPort, signal: this.#abort.signal, pause });
  }

  /** Resolves to `true` after the time or a hint, to `false` once the loop has stopped. */
  async #pause(ms: number): Promise<boolean> {
    if (!this.#abort.signal.aborted) {
      await sleep(this.#ports.clock, ms, this.#pauses.signal, { ref: false });
    }
    return !this.#abort.signal.aborted;
  }

  #silent(): PgHerdError {
    const { name } = this.#discovery;
    return new PgHerdError(
      'PGHERD_DISCOVERY_FAILED',
      `${name} returned no list of nodes within ${SILENCE_MS} ms: the nodes of the connection string stay in force.`,
      { details: { discovery: name } },
    );
  }

  #failed(cause: unknown): PgHerdError {
    if (cause instanceof PgHerdError && cause.code === 'PGHERD_DISCOVERY_FAILED') return cause;
    const { name } = this.#discovery;
    const why = messageOf(cause);
    return new PgHerdError('PGHERD_DISCOVERY_FAILED', `${name} returned no list of nodes: ${why}`, {
      cause,
      details: { discovery: name },
    });
  }
}
