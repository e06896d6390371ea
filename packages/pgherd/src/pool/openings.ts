import type { Clock } from '../time/port.ts';
import { Alarm } from './alarm.ts';
import type { Scarcity } from './scarcity.ts';

/** Pause after the first failure, milliseconds; it doubles with each further one. */
const PAUSE_START_MS = 50;
/** Longest pause while a caller waits, milliseconds. */
const PAUSE_MAX_MS = 1_000;
/** Longest pause while no caller waits and only `min` is not reached, milliseconds. */
const IDLE_PAUSE_MAX_MS = 30_000;

/** The ports of {@link Openings}. */
export interface OpeningsPorts<R> {
  readonly clock: Clock;
  /** Most openings at one time. */
  readonly maxConnecting: number;
  readonly scarcity: Pick<Scarcity, 'isActive' | 'openable' | 'noteOpening'>;
  open(signal: AbortSignal): Promise<R>;
  /** One was opened. `wanted` is `false` if the opening was abandoned meanwhile. */
  opened(resource: R, wanted: boolean): void;
  /** One failed. `wanted` as above: an abandoned opening means nothing to those that wait now. */
  failed(wanted: boolean): void;
  /** The pause after a failure is over. */
  ready(): void;
}

interface Opening {
  readonly controller: AbortController;
  /** The round it began in: of several failures in one round only one counts. */
  readonly round: number;
  readonly begunAt: number;
  wanted: boolean;
}

/**
 * Opens resources: at most `maxConnecting` at one time, and after a failure only one, after a pause that
 * doubles. A server that refuses connections is not stormed, however many callers want one.
 */
export class Openings<R> {
  readonly #ports: OpeningsPorts<R>;
  /** Openings in progress; each resolves to whether it succeeded. */
  readonly #inProgress = new Map<Opening, Promise<boolean>>();
  readonly #alarm: Alarm;
  #failuresInARow = 0;
  /** Goes up with each failure that counts. */
  #round = 0;
  #failedAt = Number.NEGATIVE_INFINITY;
  #lastError: unknown;

  constructor(ports: OpeningsPorts<R>) {
    this.#ports = ports;
    this.#alarm = new Alarm(ports.clock, () => ports.ready());
  }

  get count(): number {
    return this.#inProgress.size;
  }

  /** Failures since the last success. */
  get failuresInARow(): number {
    return this.#failuresInARow;
  }

  /** The error of the last failure; `undefined` after a success. */
  get lastError(): unknown {
    return this.#lastError;
  }

  /**
   * Ensures that up to `count` are in progress; after a pause if the last one failed. `urgent`: a caller
   * waits. `held` is how many are open.
   */
  atLeast(count: number, urgent: boolean, held: number): void {
    if (this.#inProgress.size >= count) return;
    if (!this.#isReady(urgent)) {
      this.#alarm.noLaterThan(this.#pauseEnd(urgent));
      return;
    }
    const { maxConnecting, scarcity } = this.#ports;
    const limit = this.#failuresInARow > 0 ? 1 : maxConnecting;
    while (this.#inProgress.size < Math.min(limit, count, scarcity.openable(held))) {
      scarcity.noteOpening(held);
      this.#begin();
    }
  }

  /** Resolves when the next one ends, to whether it succeeded; `undefined` if none is in progress. */
  next(): Promise<boolean> | undefined {
    return this.#inProgress.size === 0 ? undefined : Promise.race(this.#inProgress.values());
  }

  /** Aborts those in progress that began before `before`; all of them by default. */
  abandon(reason: () => unknown, before = Number.POSITIVE_INFINITY): void {
    for (const opening of this.#inProgress.keys()) {
      if (opening.begunAt >= before) continue;
      opening.wanted = false;
      opening.controller.abort(reason());
    }
  }

  /** Forgets the failures: the next opening is likely to succeed. */
  forgive(): void {
    this.#failuresInARow = 0;
    this.#lastError = undefined;
    this.#alarm.cancel();
  }

  /** Nothing will be opened again. */
  end(reason: () => unknown): void {
    this.#alarm.end();
    this.abandon(reason);
  }

  /** Whether another one may begin now. `urgent`: a caller waits. */
  #isReady(urgent: boolean): boolean {
    return this.#failuresInARow === 0 || this.#ports.clock.now() >= this.#pauseEnd(urgent);
  }

  #pauseEnd(urgent: boolean): number {
    const longest = urgent ? PAUSE_MAX_MS : IDLE_PAUSE_MAX_MS;
    return this.#failedAt + Math.min(longest, PAUSE_START_MS * 2 ** (this.#failuresInARow - 1));
  }

  #begin(): void {
    const controller = new AbortController();
    const begunAt = this.#ports.clock.now();
    const opening: Opening = { controller, round: this.#round, begunAt, wanted: true };
    // If the factory throws at once, that is a rejection: the opening is in the list before it ends.
    const work = (async () => this.#ports.open(controller.signal))();
    this.#inProgress.set(opening, this.#ended(opening, work));
  }

  async #ended(opening: Opening, work: Promise<R>): Promise<boolean> {
    let resource: R;
    try {
      resource = await work;
    } catch (error) {
      this.#inProgress.delete(opening);
      if (opening.wanted) this.#noteFailure(opening, error);
      this.#ports.failed(opening.wanted);
      return false;
    }
    this.#inProgress.delete(opening);
    this.forgive();
    this.#ports.opened(resource, opening.wanted);
    return true;
  }

  #noteFailure({ round }: Opening, error: unknown): void {
    if (round === this.#round || this.#failuresInARow === 0) {
      this.#failuresInARow++;
      this.#round++;
    }
    this.#failedAt = this.#ports.clock.now();
    this.#lastError = error;
  }
}
